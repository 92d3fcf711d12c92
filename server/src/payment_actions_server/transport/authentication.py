"""Who is the caller? There is no authentication yet: on loopback a caller may say its name, and is believed."""

import re
from collections.abc import Iterable
from typing import Any, Final

from payment_actions_server.transport.errors import InvalidFields, Violation

ACTOR_KEY: Final = "payment-actions-actor"
"""The request metadata by which a caller names itself."""

ANONYMOUS: Final = "anonymous"

# What the history calls the service's own doings; no caller may pass for them.
RESERVED: Final = frozenset({"gateway", "notification", "recovery", "schedule", "service", "store"})

ACTOR_RULE: Final = "1 to 128 printable ASCII characters, and none of the names " + ", ".join(sorted(RESERVED))
_ACTOR = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,126}[\x21-\x7e])?")
_LOOPBACK: Final = ("ipv4:127.", "ipv6:%5B::1%5D:", "ipv6:[::1]:", "ipv6:[::ffff:127.", "ipv6:%5B::ffff:127.", "unix:")


def actor_of(context: Any) -> str:
    """Return the name under which the caller's doings are recorded.

    A caller from elsewhere, which only ``insecure_listen`` lets in, is anonymous whatever it says.

    :param context: the call's `grpc.aio.ServicerContext`.
    :raises InvalidFields: a name that breaks the rule.
    """
    metadata: Iterable[tuple[str, str | bytes]] = context.invocation_metadata()
    for key, value in metadata:
        if key == ACTOR_KEY:
            return _checked(str(value)) if context.peer().startswith(_LOOPBACK) else ANONYMOUS
    return ANONYMOUS


def _checked(actor: str) -> str:
    if actor in RESERVED or not _ACTOR.fullmatch(actor):
        raise InvalidFields([Violation(ACTOR_KEY, ACTOR_RULE)])
    return actor
