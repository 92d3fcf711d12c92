"""X-Cart's own Amazon section on an order page: what it shows, and its buttons as staff press them."""

import re
from html import unescape
from typing import Final, NamedTuple

import httpx

from payment_actions_server.demo.stage import CALL_SECONDS_MAX

_SECTION: Final = re.compile(r'<section [^>]*aria-label="X-Cart\'s own Amazon module">.*?</section>', re.DOTALL)
_AMOUNTS: Final = re.compile(r"<li>(.*?)</li>", re.DOTALL)
_BUTTONS: Final = re.compile(r'<button name="button" value="([a-z_]+)">([^<]+)</button>')
_NOTICE: Final = re.compile(r'<p class="notice [a-z]+" role="status">([^<]*)</p>')


class OwnSection(NamedTuple):
    """What the section shows."""

    amounts: str  #: E.g. ``Authorized amount 129.90 EUR``; several with commas.
    buttons: str
    notice: str  #: What the page says of a click; empty without one.


def read_section(order_page: str) -> OwnSection:
    """Open an order page and return its section.

    :param order_page: the page's address.
    """
    return _section_of(httpx.get(order_page, timeout=CALL_SECONDS_MAX, trust_env=False))


def press_button(order_page: str, label: str) -> OwnSection:
    """Press one of the section's buttons and return the section as the next page shows it."""
    with httpx.Client(timeout=CALL_SECONDS_MAX, trust_env=False, follow_redirects=True) as browser:
        names = {text: name for name, text in _BUTTONS.findall(_html_of(browser.get(order_page)))}
        if label not in names:
            raise RuntimeError(f"{order_page}: X-Cart's section has no button {label}; it has {', '.join(names)}")
        return _section_of(browser.post(f"{order_page}/amazon", data={"button": names[label]}))


def _section_of(response: httpx.Response) -> OwnSection:
    html = _html_of(response)
    amounts = (re.sub(r"<[^>]+>", "", amount) for amount in _AMOUNTS.findall(html))
    notice = _NOTICE.search(html)
    return OwnSection(
        amounts=unescape(", ".join(amounts)),
        buttons=", ".join(text for _, text in _BUTTONS.findall(html)) or "none",
        notice=unescape(notice[1]) if notice else "",
    )


def _html_of(response: httpx.Response) -> str:
    found = _SECTION.search(response.raise_for_status().text)
    if found is None:
        raise RuntimeError(f"{response.url} shows no section of X-Cart's own module")
    return found[0]
