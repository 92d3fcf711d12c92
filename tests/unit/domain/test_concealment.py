"""Secrets are struck out of text in every form in which programs usually quote one; everything else stays."""

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payment_actions_server.domain.concealment import Concealer

SECRET = "k3y/with&every+kind of\"sign'ü<>"
KEY = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ==\n-----END KEY-----"
FORMS = {
    "as it is": SECRET,
    "in an address": quote(SECRET, safe=""),
    "in a path": quote(SECRET),
    "in a form": urlencode({"key": SECRET}).removeprefix("key="),
    "in small letters": re.sub("%..", lambda escape: escape[0].lower(), quote(SECRET, safe="")),
    "with a plus for each space": quote_plus(SECRET),
    "in JSON": json.dumps({"key": SECRET}),
    "in readable JSON": json.dumps([SECRET], ensure_ascii=False),
    "in Python": repr([SECRET]),
    "in a page": html.escape(SECRET),
    "in a page's text": html.escape(SECRET, quote=False),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_secret_is_struck_out_in_the_form(form):
    told = Concealer([SECRET])(f"GET ?key={form} failed")
    assert "k3y" not in told
    assert told.startswith("GET ?key=")
    assert told.endswith(" failed")
    assert "[secret]" in told


@given(before=st.text(max_size=9), after=st.text(max_size=9))
def test_secret_is_struck_out_of_what_base_64_makes_of_it_and_its_neighbours(before, after):
    whole = f"{before}:{SECRET}:{after}".encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        header = encode(whole).decode()
        told = Concealer([SECRET])(f"Authorization: Basic {header}")
        assert "[secret]" in told
        rest = told.removeprefix("Authorization: Basic ").replace("[secret]", "")
        assert len(rest) <= len(header) - len(SECRET)  # Not even a part of it is left.


def test_key_of_several_lines_is_struck_out_line_by_line():
    conceal = Concealer([KEY])
    assert "MIIE" not in conceal(KEY)
    assert "MIIE" not in conceal(KEY.replace("\n", "\\n"))
    assert "MIIE" not in conceal("line 2: MIIEvQIBADANBgkqhkiG9w0BAQ==")


def test_longer_secret_that_begins_like_another_is_struck_out_whole():
    assert Concealer(["abcdef", "abcdefgh"])("abcdefgh abcdefg") == "[secret] [secret]g"


@pytest.mark.parametrize("secrets", [[], [""], ["ab"], ["abcde"]])
def test_text_without_secrets_worth_it_stays_as_it_is(secrets):
    conceal = Concealer(secrets)
    assert conceal("abcde ab") == "abcde ab"
    assert not conceal.is_needed("abcde ab")


def test_need_is_told_exactly_where_something_would_be_struck_out():
    conceal = Concealer([SECRET])
    assert conceal.is_needed(f"x{SECRET}x")
    assert not conceal.is_needed("k3y/with")
