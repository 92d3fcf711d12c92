"""How an adapter turns its table of the configuration into a typed value, with errors that name the key."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

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

    :raises SettingsError: names the first key that is missing, unknown or wrong, and never shows a value.
    """
    try:
        return TypeAdapter(shape).validate_python(dict(settings))
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(key, _problem(first["type"], first["msg"])) from None


def _problem(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    if kind in {"extra_forbidden", "unexpected_keyword_argument"}:
        return "is not a setting of this adapter"
    return message.removeprefix("Value error, ")
