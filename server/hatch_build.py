"""Puts the console into the wheel: who installs it needs no Node."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NEEDED = ("index.html", "payment-actions.js")
PLACE = "payment_actions_server/console"


class ConsoleHook(BuildHookInterface[Any]):
    """Finds the built files: where `make web` puts them, else where the web workspace builds them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files; an editable install is served from the source tree and needs none."""
        if version == "editable":
            return
        here = Path(self.root)
        if all((here / "src" / PLACE / name).is_file() for name in NEEDED):
            return  # They are in the package, as artifacts.
        web = here.parent / "clients" / "web"
        console, element = web / "console" / "dist", web / "dist" / "embed" / "payment-actions.js"
        if not (console / "index.html").is_file() or not element.is_file():
            raise RuntimeError(
                "The console is not built, and a wheel without it would be half a service. Run `make web`."
            )
        build_data["force_include"] |= {str(console): PLACE, str(element): f"{PLACE}/{element.name}"}
