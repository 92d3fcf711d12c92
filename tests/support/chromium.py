"""Debian's Chromium: where it is, and how it is started so that it does nothing but show a page."""

import os
import shutil
import subprocess
from typing import Final

# Nothing but the page: no updates, no sync, no other host.
ARGUMENTS: Final = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class ChromiumMissing(Exception):
    """There is none, and none could be installed; the message says what to do."""


def executable() -> str:
    """Return where Chromium is; install it first where that is possible.

    :raises ChromiumMissing:
    """
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        install = ["install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
        for command, seconds in ((["update"], 50), (install, 120)):
            subprocess.run(["apt-get", "-qq", *command], check=False, timeout=seconds, stdout=subprocess.DEVNULL)
        found = shutil.which("chromium")
    if found is None:
        raise ChromiumMissing("the browser tests need Chromium: `apt-get install chromium`")
    return found
