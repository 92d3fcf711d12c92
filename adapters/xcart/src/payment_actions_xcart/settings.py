"""The adapter's table of a store's configuration."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from payment_actions_server.plugins import NO_UNKNOWN_KEYS, PaymentStatus, Secret, SettingsError, parse_settings

_TIMEOUT_SECONDS_MAX = 60.0
_URL_LENGTH_MAX = 2048
_CODE_LENGTH_MAX = 4


DEFAULT_SCRIPT: Final = "admin.php"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How one X-Cart shop is reached, and what it calls the statuses."""

    __pydantic_config__: ClassVar = NO_UNKNOWN_KEYS

    url: str  #: Where the shop is, path included; ``api/`` or ``admin.php`` are appended.
    api_key: Secret  #: 5.5: the read/write token of Settings -> API. 5.0-5.4: the REST API module's write key.
    api: Literal["rest", "rest_legacy"] = "rest"  #: X-Cart 5.5, or 5.0-5.4.
    admin_script: str = DEFAULT_SCRIPT  #: 5.0-5.4: the shop's admin script, which it may have renamed.
    statuses: dict[str, str] = field(default_factory=dict)  #: Our status -> the shop's code or id, where it differs.
    record_transactions: bool = True  #: 5.0-5.4: keep the transactions that X-Cart's later Amazon module goes by.
    timeout_seconds: float = 10.0  #: For one request as a whole.
    allow_plain_http: bool = False  #: Loopback needs no permission.

    def overrides(self) -> Mapping[PaymentStatus, str]:
        """Return ``statuses`` by status."""
        return {PaymentStatus(name): code for name, code in self.statuses.items()}


def read_settings(table: Mapping[str, Any]) -> Settings:
    """Return the settings in ``table``.

    :raises SettingsError: names the first key that is missing, unknown or wrong.
    """
    settings = parse_settings(Settings, table)
    _check_url(settings.url, allow_plain_http=settings.allow_plain_http)
    _check_statuses(settings.statuses, settings.api)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,60}\.php", settings.admin_script):
        raise SettingsError("admin_script", "is the file name of the shop's admin script, such as admin.php")
    if not 0 < settings.timeout_seconds <= _TIMEOUT_SECONDS_MAX:
        raise SettingsError("timeout_seconds", f"is above 0 and at most {_TIMEOUT_SECONDS_MAX:g}")
    if not _could_be_a_key(settings.api_key.get_secret_value()):
        problem = "has characters that no X-Cart key has; is there a space or a line break around it?"
        raise SettingsError("api_key", problem)
    return settings


def _check_url(url: str, *, allow_plain_http: bool) -> None:
    try:
        if " " in url or _has_controls(url) or len(url) > _URL_LENGTH_MAX:
            raise ValueError
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port  # both raise for nonsense
    except ValueError:
        raise SettingsError("url", "is no address; give the shop's, such as https://shop.example/") from None
    if parts.scheme not in ("https", "http") or not host:
        raise SettingsError("url", "starts with https:// and a host name, such as https://shop.example/")
    if parts.username is not None or parts.query or parts.fragment:
        raise SettingsError("url", "holds no user name, query or fragment; the key belongs in api_key")
    if parts.scheme == "http" and not (allow_plain_http or _is_loopback(host)):
        raise SettingsError("url", "would send the key over plain http; use https, or set allow_plain_http = true")


def _check_statuses(statuses: Mapping[str, str], api: str) -> None:
    for name, spelling in statuses.items():
        if name not in PaymentStatus.__members__:
            known = ", ".join(PaymentStatus)
            raise SettingsError(f"statuses.{name}", f"is no payment status; these are: {known}")
        problem = _status_problem(spelling, api)
        if problem:
            raise SettingsError(f"statuses.{name}", problem)


def _status_problem(spelling: str, api: str) -> str:
    """Return why ``spelling`` cannot name a status of the shop; empty if it can."""
    if re.fullmatch(r"id:[1-9][0-9]{0,9}", spelling):
        return "names a status by its id, which only X-Cart 5.0-5.4 takes; in 5.5 give it a code" * (api == "rest")
    if spelling.isdecimal():
        return (
            "is a number, which X-Cart takes for the id of a payment status; "
            f"give the status's code, or id:{spelling} for a status without a code"
        )
    if not re.fullmatch(r"[A-Za-z0-9_-]+", spelling):
        return "is the code of one of the shop's payment statuses, or id:8 for the status with the id 8"
    if len(spelling) > _CODE_LENGTH_MAX:
        return f"is longer than the {_CODE_LENGTH_MAX} characters that X-Cart keeps of a status's code"
    return ""


def _could_be_a_key(key: str) -> bool:
    """Tell whether a header can carry it: if not, the HTTP library's error would quote it."""
    return key.isascii() and not _has_controls(key) and key == key.strip()


def _has_controls(text: str) -> bool:
    return any(not character.isprintable() for character in text)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
