"""The fakes that we ship pass the kit that every adapter passes: what is tested against them holds for adapters."""

from dataclasses import replace
from datetime import timedelta

import pytest

from payment_actions_server.plugins import Action, ActionCapability
from payment_actions_server.plugins.conformance import (
    GatewayConformance,
    GatewayHarness,
    InMemoryGatewayHarness,
    InMemoryPlatformHarness,
    PlatformConformance,
    PlatformHarness,
)
from payment_actions_server.plugins.fakes import full_capabilities


class TestInMemoryGateway(GatewayConformance):
    """It guarantees all that a gateway can."""

    @pytest.fixture
    def harness(self) -> GatewayHarness:
        return InMemoryGatewayHarness(full_capabilities(partial=True))


class TestInMemoryGatewayThatAlwaysPends(GatewayConformance):
    """Every call is accepted first, as Amazon accepts refunds."""

    @pytest.fixture
    def harness(self) -> GatewayHarness:
        harness = InMemoryGatewayHarness(full_capabilities())
        harness.gateway.pending |= {Action.CAPTURE, Action.VOID, Action.REFUND}
        return harness


class TestInMemoryGatewayThatGuaranteesLittle(GatewayConformance):
    """Nothing can be looked up, nothing is ever sent again, except a void."""

    @pytest.fixture
    def harness(self) -> GatewayHarness:
        never_again = ActionCapability(timedelta(0), lookup=False)
        capabilities = replace(
            full_capabilities(),
            capture=never_again,
            void=ActionCapability(timedelta.max, lookup=False),
            refund=never_again,
        )
        return InMemoryGatewayHarness(capabilities)


class TestInMemoryPlatform(PlatformConformance):
    @pytest.fixture
    def harness(self) -> PlatformHarness:
        return InMemoryPlatformHarness()
