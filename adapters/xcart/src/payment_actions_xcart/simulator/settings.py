"""Settings of the shop: the admin script's name, the API's version, X-Cart's own Amazon module."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import InvalidArgument

LEGACY_VERSIONS: Final = ("5.1", "5.4")
CAPTURE_MODES: Final = ("A", "C")
IPN_DELAY_SECONDS_MAX: Final = 60.0

_SCRIPT: Final = re.compile(r"[A-Za-z0-9_-]{1,60}\.php")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_SECRETS: Final = ("amazon_access_key", "amazon_secret_key")


@dataclass
class ShopSettings:
    """The settings; the control interface changes them while the shop runs."""

    admin_self: str = "admin.php"
    legacy_version: str = "5.4"  # A shop of 5.1 does not know _cnd: it lists every order that it has.
    # X-Cart's own Amazon module:
    amazon_url: str = ""  # Empty: the module's buttons reach no Amazon.
    amazon_seller_id: str = ""
    amazon_access_key: str = field(default="", repr=False)
    amazon_secret_key: str = field(default="", repr=False)
    region_currency: str = "EUR"  # The module charges in its region's currency, whatever the order's is.
    capture_mode: str = "A"  # A: authorize, capture later; C: capture at the checkout.
    ipn_delay_seconds: float = 5.0  # How long the shop waits before it looks at a notification of Amazon's.

    def change(self, given: Mapping[str, Any]) -> None:
        """Take over new values; all of them are checked before any of them counts.

        :raises InvalidArgument: names the setting and its possible values.
        """
        wanted = type(self)(**(asdict(self) | dict(given)))
        wanted.check()
        for each in fields(self):
            setattr(self, each.name, getattr(wanted, each.name))

    def check(self) -> None:
        """Refuse a value that no shop has.

        :raises InvalidArgument: names the setting and its possible values.
        """
        for each in fields(self):
            if each.type in (str, "str") and not isinstance(getattr(self, each.name), str):
                raise InvalidArgument(f"{each.name} is a text")
        delay = self.ipn_delay_seconds
        rules = {
            "admin_self is the name of the admin script, e.g. admin.php": _SCRIPT.fullmatch(self.admin_self),
            f"legacy_version is one of {', '.join(LEGACY_VERSIONS)}": self.legacy_version in LEGACY_VERSIONS,
            "amazon_url is the http or https address of Amazon Pay, or empty": _is_address(self.amazon_url),
            "region_currency is an ISO 4217 code": _CURRENCY.fullmatch(self.region_currency),
            f"capture_mode is one of {', '.join(CAPTURE_MODES)}": self.capture_mode in CAPTURE_MODES,
            f"ipn_delay_seconds is 0 to {IPN_DELAY_SECONDS_MAX:g}": (
                isinstance(delay, int | float) and 0 <= delay <= IPN_DELAY_SECONDS_MAX
            ),
        }
        for rule, holds in rules.items():
            if not holds:
                raise InvalidArgument(rule)

    def as_json(self) -> dict[str, Any]:
        """Return the settings as the control interface tells them: of keys only whether there is one."""
        return {name: "***" if value and name in _SECRETS else value for name, value in asdict(self).items()}


def _is_address(url: str) -> bool:
    return not url or (urlsplit(url).scheme in ("http", "https") and bool(urlsplit(url).netloc))
