"""Text that can be kept: what other programs say may hold characters that no database takes."""

import re
from typing import Any, Final, TypeVar, cast

T = TypeVar("T")

# NUL, which PostgreSQL cannot hold, and half a character, which UTF-8 cannot: a cut JSON escape is read as one.
_UNKEEPABLE: Final = re.compile("[\0\ud800-\udfff]")


def is_keepable(text: str) -> bool:
    """Tell whether every database takes a string: bytes that are no UTF-8, and JSON, can be half a character or NUL."""
    return _UNKEEPABLE.search(text) is None


def keepable(value: T) -> T:
    """Return a text, or a named tuple and all texts in it, with U+FFFD for each character that cannot be kept.

    What an adapter says goes through this before anything is made of it: money that was moved must not stay
    unrecorded because of a character in the gateway's message.
    """
    cleaned: Any = value
    if isinstance(value, str):
        if not value.isascii() or "\0" in value:
            cleaned = _UNKEEPABLE.sub("\ufffd", value)
    elif isinstance(value, tuple) and hasattr(value, "_make"):
        items = [keepable(item) for item in value]
        if any(item is not before for item, before in zip(items, value, strict=True)):
            cleaned = value._make(items)
    return cast("T", cleaned)


def in_words(error: BaseException) -> str:
    """Return an error of somebody else's for people: its kind says what its text may not."""
    return f"{type(error).__name__}: {error}"
