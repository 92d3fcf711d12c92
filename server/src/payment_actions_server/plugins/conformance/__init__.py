"""The conformance kit: what the engine relies on, as pytest classes to subclass.

Needs pytest, which the extra ``conformance`` brings.
"""

import pytest

# Before the modules with the assertions are imported, so that an adapter author sees what was compared.
pytest.register_assert_rewrite(f"{__name__}.answers", f"{__name__}.gateway", f"{__name__}.platform")

from payment_actions_server.plugins.conformance.gateway import GatewayConformance  # noqa: E402 - see above
from payment_actions_server.plugins.conformance.harness import (  # noqa: E402
    WHOLE_AMOUNTS,
    Delivery,
    GatewayHarness,
    MoneyMoved,
    PlatformHarness,
)
from payment_actions_server.plugins.conformance.in_memory import (  # noqa: E402
    InMemoryGatewayHarness,
    InMemoryPlatformHarness,
    TickingClock,
)
from payment_actions_server.plugins.conformance.platform import PlatformConformance  # noqa: E402

__all__ = [
    "WHOLE_AMOUNTS",
    "Delivery",
    "GatewayConformance",
    "GatewayHarness",
    "InMemoryGatewayHarness",
    "InMemoryPlatformHarness",
    "MoneyMoved",
    "PlatformConformance",
    "PlatformHarness",
    "TickingClock",
]
