"""What a shop's owner set up: the admin script's name, the API's version, X-Cart's own Amazon module."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

from .errors import InvalidArgument

LEGACY_VERSIONS: Final = ("5.1", "5.4")
CAPTURE_MODES: Final = ("A", "C")

_SCRIPT: Final = re.compile(r"[A-Za-z0-9_-]{1,60}\.php")


@dataclass
class ShopSettings:
    """The settings; the control interface changes them while the shop runs."""

    admin_self: str = "admin.php"
    legacy_version: str = "5.4"  # A shop of 5.1 does not know _cnd: it lists every order that it has.

    def change(self, given: Mapping[str, Any]) -> None:
        """Take over new values; all of them are checked before any of them counts.

        :raises InvalidArgument: names the setting and what it may be.
        """
        wanted = type(self)(**(asdict(self) | dict(given)))
        wanted.check()
        for each in fields(self):
            setattr(self, each.name, getattr(wanted, each.name))

    def check(self) -> None:
        """Refuse a value that no shop has.

        :raises InvalidArgument: names the setting and what it may be.
        """
        for name, value in asdict(self).items():
            if not isinstance(value, str):
                raise InvalidArgument(f"{name} is a text")
        if not _SCRIPT.fullmatch(self.admin_self):
            raise InvalidArgument("admin_self is the name of the admin script, e.g. admin.php")
        if self.legacy_version not in LEGACY_VERSIONS:
            raise InvalidArgument(f"legacy_version is one of {', '.join(LEGACY_VERSIONS)}")

    def as_json(self) -> dict[str, Any]:
        """Return the settings as the control interface tells them."""
        return asdict(self)
