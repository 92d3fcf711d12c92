"""The adapter's settings: what is wrong is named by its key, and a secret is never shown."""

import httpx
import pytest
from pydantic import SecretStr

from payment_actions_server.plugins import PaymentStatus, PlatformKind, SettingsError
from payment_actions_xcart import payment_actions_store_platforms
from payment_actions_xcart.settings import read_settings

KEY = "s3cret-key"
GOOD = {"url": "https://shop.example/", "api_key": SecretStr(KEY)}


def test_the_defaults():
    settings = read_settings(GOOD)
    assert (settings.api, settings.timeout_seconds, settings.overrides()) == ("rest", 10.0, {})


def test_everything_set():
    table = {**GOOD, "api": "rest_legacy", "timeout_seconds": 3, "statuses": {"VOIDED": "D", "EXPIRED": "id:8"}}
    settings = read_settings({**table, "admin_script": "back-office.php", "record_transactions": False})
    assert settings.overrides() == {PaymentStatus.VOIDED: "D", PaymentStatus.EXPIRED: "id:8"}
    assert (settings.api, settings.timeout_seconds) == ("rest_legacy", 3)
    assert (settings.admin_script, settings.record_transactions) == ("back-office.php", False)


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"url": None}, "url"), ({"url": "shop.example"}, "url"), ({"url": "ftp://shop.example/"}, "url"),
        ({"url": "http://shop.example/"}, "url"), ({"url": "https://user:pass@shop.example/"}, "url"),
        ({"url": "https://shop.example/?_key=x"}, "url"), ({"url": "https://shop.example:port/"}, "url"),
        ({"url": "http://127.0.0.1.evil.example/"}, "url"), ({"url": "https://"}, "url"),
        ({"api_key": "inline"}, "api_key"), ({"api_key": SecretStr("")}, "api_key"),
        ({"url": "https://shop.example/\n"}, "url"), ({"url": "https://shop .example/"}, "url"),
        ({"url": f"https://shop.example/{'a' * 70_000}/"}, "url"),
        ({"api_key": SecretStr("two\nlines")}, "api_key"), ({"api": "graphql"}, "api"),
        ({"statuses": {"SHIPPED": "S"}}, "statuses.SHIPPED"), ({"statuses": {"VOIDED": ""}}, "statuses.VOIDED"),
        ({"statuses": {"VOIDED": "12"}}, "statuses.VOIDED"),  # To X-Cart the id of a status, whatever that one is.
        ({"statuses": {"VOIDED": 5}}, "statuses.VOIDED"), ({"statuses": "D"}, "statuses"),
        ({"statuses": {"VOIDED": "VOIDS"}}, "statuses.VOIDED"),  # X-Cart keeps four characters.
        ({"statuses": {"VOIDED": "id:8"}}, "statuses.VOIDED"),  # X-Cart 5.5 can only be told codes.
        ({"statuses": {"VOIDED": "id:0"}, "api": "rest_legacy"}, "statuses.VOIDED"),
        ({"admin_script": "admin"}, "admin_script"), ({"admin_script": "../admin.php"}, "admin_script"),
        ({"admin_script": "admin.php?a=b"}, "admin_script"), ({"record_transactions": "maybe"}, "record_transactions"),
        ({"timeout_seconds": 0}, "timeout_seconds"), ({"timeout_seconds": 3600}, "timeout_seconds"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds"), ({"colour": "red"}, "colour"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named(change, key):
    with pytest.raises(SettingsError) as caught:
        read_settings({**GOOD, **change})
    assert caught.value.key == key
    assert caught.value.problem
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("missing", ["url", "api_key"])
def test_a_missing_setting_is_named(missing):
    with pytest.raises(SettingsError, match=f"{missing}: is missing"):
        read_settings({key: value for key, value in GOOD.items() if key != missing})


@pytest.mark.parametrize("url", ["http://127.0.0.1:8100", "http://localhost:8100/", "http://[::1]:8100/"])
def test_plain_http_is_fine_on_loopback(url):
    assert read_settings({**GOOD, "url": url}).url == url


def test_plain_http_elsewhere_needs_permission():
    table = {**GOOD, "url": "http://shop.internal/"}
    with pytest.raises(SettingsError, match="allow_plain_http"):
        read_settings(table)
    assert read_settings({**table, "allow_plain_http": True}).url == "http://shop.internal/"


async def test_the_plugin_brings_a_recording_platform_without_any_request(monkeypatch):
    monkeypatch.setattr(httpx.AsyncClient, "send", None)
    platform = payment_actions_store_platforms()["xcart"](GOOD)
    assert platform.kind is PlatformKind.RECORDING
    assert KEY not in repr(platform) + repr(vars(platform)) + repr(read_settings(GOOD))
    await platform.aclose()
