"""How long everything takes and lasts at Amazon."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from .objects import Environment
from .states import Kind

DRAFT_LIFETIME: Final = timedelta(hours=3)
ORDER_LIFETIME: Final = timedelta(days=180)
#: An order confirmed with ExpectImmediateAuthorization closes after this if no Authorize came.
IMMEDIATE_AUTHORIZATION_LIMIT: Final = timedelta(minutes=60)

AUTHORIZATION_LIFETIME: Final = {
    Environment.LIVE: timedelta(days=30),
    Environment.SANDBOX: timedelta(days=2),
}
AUTHORIZATION_TIMEOUT_MINUTES_MAX: Final = 1440
#: A capture later than this after its authorization is not decided at once; only live ones live that long.
PROMPT_CAPTURE: Final = timedelta(days=7)

# Until Amazon decides about something Pending. 30 s is documented for authorizations and seen in a sandbox
# refund; live refunds "can take hours", and a late live capture was once seen to take 1.5.
_SOON: Final = timedelta(seconds=30)
_LATER: Final = timedelta(hours=1)
RESULT_DELAY: Final = {
    (Kind.AUTHORIZATION, Environment.LIVE): _SOON,
    (Kind.AUTHORIZATION, Environment.SANDBOX): _SOON,
    (Kind.CAPTURE, Environment.LIVE): _LATER,
    (Kind.CAPTURE, Environment.SANDBOX): _SOON,
    (Kind.REFUND, Environment.LIVE): _LATER,
    (Kind.REFUND, Environment.SANDBOX): _SOON,
}
