"""The fakes of our two ports: a strict gateway and a store platform, both in memory.

For the tests of whatever stands between the two, here and in plugins. Deterministic: time comes from the
clock that is passed in, ids are counted, nothing goes wrong unless a test says so (`Faults`). What a test
looks at afterwards (``effects``, ``writes``, ``calls``) is what really happened.
"""

from payment_actions_server.plugins.fakes.faults import (
    HANG,
    HANG_AFTER,
    LOSE_ANSWER,
    LOSE_REQUEST,
    UNAVAILABLE,
    AnswerLost,
    Fault,
    Faults,
    slow,
    slow_answer,
    throttled,
)
from payment_actions_server.plugins.fakes.gateway import Effect, InMemoryGateway, full_capabilities
from payment_actions_server.plugins.fakes.platform import COMPLETED, WORDS, InMemoryPlatform, Write

__all__ = [
    "COMPLETED",
    "HANG",
    "HANG_AFTER",
    "LOSE_ANSWER",
    "LOSE_REQUEST",
    "UNAVAILABLE",
    "WORDS",
    "AnswerLost",
    "Effect",
    "Fault",
    "Faults",
    "InMemoryGateway",
    "InMemoryPlatform",
    "Write",
    "full_capabilities",
    "slow",
    "slow_answer",
    "throttled",
]
