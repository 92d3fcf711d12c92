"""Strikes secrets out of text that other programs wrote, in every form in which they usually quote one."""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

CONCEALED: Final = "[secret]"

# Shorter ones would strike out half of every text; they protect nothing anyway.
SECRET_LENGTH_MIN: Final = 6


class Concealer:
    """Strikes out a configuration's secrets: as they are, and as addresses, forms, headers, JSON and pages have them.

    A secret of several lines (a key) is struck out line by line.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for line in secret.splitlines() for form in _forms(line)}
        self._pattern = _pattern_of({form for form in forms if len(form) >= SECRET_LENGTH_MIN})

    def __call__(self, text: str) -> str:
        """Return ``text`` with `CONCEALED` in place of each secret."""
        return text if self._pattern is None else self._pattern.sub(CONCEALED, text)

    def is_needed(self, text: str) -> bool:
        """Tell whether ``text`` quotes a secret."""
        return self._pattern is not None and self._pattern.search(text) is not None


def _pattern_of(forms: set[str]) -> re.Pattern[str] | None:
    """Return what finds any of ``forms``, the longest where one is the beginning of another; None when there is none.

    Grouped by their first characters: of hundreds of forms only a few are then tried at each place of a text.
    """
    groups: dict[str, list[str]] = {}
    for form in sorted(forms, key=len, reverse=True):
        groups.setdefault(form[0], []).append(re.escape(form[1:]))
    alternatives = [f"{re.escape(first)}(?:{'|'.join(rests)})" for first, rests in groups.items()]
    return re.compile("|".join(alternatives)) if alternatives else None


def _forms(line: str) -> Iterator[str]:
    yield line
    for escaped in (quote(line, safe=""), quote(line), quote_plus(line)):
        yield escaped
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), escaped)
    yield json.dumps(line)[1:-1]
    yield json.dumps(line, ensure_ascii=False)[1:-1]
    yield repr(line)[1:-1]
    yield html.escape(line)
    yield html.escape(line, quote=False)
    yield from _encoded(line.encode())


def _encoded(secret: bytes) -> Iterator[str]:
    """Yield what base 64 makes of a secret with something before it, as a header with a name and a password has it.

    It depends on where the secret begins; the characters that its neighbours have a part in are left out.
    """
    for offset, first in ((0, 0), (1, 2), (2, 3)):
        last = (offset + len(secret)) * 8 // 6
        encoded = base64.b64encode(bytes(offset) + secret).decode()[first:last]
        yield encoded
        yield encoded.translate(_URL_SAFE)


_URL_SAFE: Final = str.maketrans("+/", "-_")
