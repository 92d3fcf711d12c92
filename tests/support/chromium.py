"""Debian's Chromium: where it is, and how it is started so that it does nothing but show a page."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
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
        found = _installed()
    if found is None:
        raise ChromiumMissing("the browser tests need Chromium: `apt-get install chromium`")
    return found


def _installed() -> str | None:
    with (Path(tempfile.gettempdir()) / "payment-actions-chromium.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Of several workers one installs it, and the others find it.
        if shutil.which("chromium") is None:
            install = ["install", "-y", "--no-install-recommends", "chromium", "fonts-noto-cjk"]
            for command, seconds in ((["update"], 120), (install, 300)):
                subprocess.run(["apt-get", "-qq", *command], check=False, timeout=seconds, stdout=subprocess.DEVNULL)
        return shutil.which("chromium")


if __name__ == "__main__":
    # Before the tests, none of which should wait for it.
    try:
        executable()
    except ChromiumMissing as missing:
        sys.stderr.write(f"{missing}\n")
