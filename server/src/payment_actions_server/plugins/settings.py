"""How an adapter turns its table of the configuration into a typed value, with errors that name the key."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar, get_type_hints

from pydantic import ConfigDict, SecretStr, TypeAdapter, ValidationError, WrapValidator

from payment_actions_server.plugins.errors import SettingsError

T = TypeVar("T")

NO_UNKNOWN_KEYS = ConfigDict(extra="forbid")
"""For a settings dataclass's ``__pydantic_config__``: a misspelt key is an error and not a default."""


def _refuse_inline(value: Any, handler: Any) -> SecretStr:  # noqa: ARG001 - pydantic's signature
    if isinstance(value, SecretStr) and value.get_secret_value():
        return value
    raise ValueError('a secret is not written here; give { env = "NAME" } or { file = "path" }')


Secret = Annotated[SecretStr, WrapValidator(_refuse_inline)]
"""A setting that never shows itself; ``.get_secret_value()`` is for the one place that needs it."""


def parse_settings(shape: type[T], settings: Mapping[str, Any]) -> T:
    """Return ``settings`` as an instance of ``shape``, a dataclass of annotated fields.

    :raises SettingsError: names every key that is missing, unknown or wrong, and never shows a value.
    """
    try:
        return TypeAdapter(shape).validate_python(dict(settings))
    except ValidationError as invalid:
        known = get_type_hints(shape).keys() - {"__pydantic_config__"}
        first, *more = (
            _problem(error["type"], ".".join(str(part) for part in error["loc"]), error["msg"], sorted(known))
            for error in invalid.errors(include_url=False, include_input=False)
        )
        raise SettingsError(first.key, first.problem, remedy=first.remedy, more=tuple(more)) from None


def _problem(kind: str, key: str, message: str, known: Sequence[str]) -> SettingsError:
    if kind == "missing":
        return SettingsError(key, "is missing", remedy=f"Add {key} = ... to the table")
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        close = get_close_matches(key, known, n=1)
        guess = f"Did you mean {close[0]}? " if close else "Remove it. "
        return SettingsError(
            key, "is not a setting of this adapter", remedy=f"{guess}The settings are: {', '.join(known)}"
        )
    return SettingsError(key, message.removeprefix("Value error, "), remedy=f"Correct {key}")
