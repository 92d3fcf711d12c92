from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from payment_actions_amazon_pay.simulator.due import DUE, settle
from payment_actions_amazon_pay.simulator.money import Money
from payment_actions_amazon_pay.simulator.objects import Environment, Outcome, PaymentObject
from payment_actions_amazon_pay.simulator.operations import OPERATIONS
from payment_actions_amazon_pay.simulator.ordering import create_draft
from payment_actions_amazon_pay.simulator.parameters import Parameters
from payment_actions_amazon_pay.simulator.refusals import Refusal
from payment_actions_amazon_pay.simulator.states import Reason, State
from payment_actions_amazon_pay.simulator.world import World

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SELLER = "A1SELLER"


class Shop:
    """One seller's calls, made straight to the world: no HTTP, no signature, and time stands still."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.announced: list[tuple[str, State]] = []
        self.world = World(START, DUE, lambda thing: self.announced.append((thing.id, thing.status.state)))
        self._numbers = itertools.count(1)

    def call(self, action: str, **values: str) -> Any:
        """Execute a call; return what its result element holds, without the element around it."""
        named = {name.replace("__", "."): value for name, value in values.items()}
        result = OPERATIONS[action](self.world, Parameters(named, SELLER, self.environment))
        self.world.flush()
        return next(iter(result.values())) if result else None

    def refused(self, action: str, **values: str) -> str:
        """Execute a call that must be refused, and return the code; nothing may have changed."""
        before = len(self.world.objects), len(self.world.effects)
        with pytest.raises(Refusal) as refusal:
            self.call(action, **values)
        assert (len(self.world.objects), len(self.world.effects)) == before
        return refusal.value.code.value

    def draft(self, amount: str = "", currency: str = "USD") -> str:
        total = Money(Decimal(amount), currency) if amount else None
        return create_draft(self.world, SELLER, self.environment, total=total, region_number="01").id

    def order(self, amount: str = "100.00", currency: str = "USD") -> str:
        order = self.draft(amount, currency)
        self.call("ConfirmOrderReference", AmazonOrderReferenceId=order)
        return order

    def authorize_values(self, order: str, amount: str = "100.00", **more: str) -> dict[str, str]:
        return {
            "AmazonOrderReferenceId": order,
            "AuthorizationReferenceId": f"a-{next(self._numbers)}",
            "AuthorizationAmount__Amount": amount,
            "AuthorizationAmount__CurrencyCode": "USD",
            "TransactionTimeout": "0",
            **more,
        }

    def authorize(self, order: str, amount: str = "100.00", **more: str) -> str:
        details = self.call("Authorize", **self.authorize_values(order, amount, **more))
        return details["AmazonAuthorizationId"]

    def capture_values(self, authorization: str, amount: str = "100.00", **more: str) -> dict[str, str]:
        return {
            "AmazonAuthorizationId": authorization,
            "CaptureReferenceId": f"c-{next(self._numbers)}",
            "CaptureAmount__Amount": amount,
            "CaptureAmount__CurrencyCode": "USD",
            **more,
        }

    def capture(self, authorization: str, amount: str = "100.00", **more: str) -> str:
        return self.call("Capture", **self.capture_values(authorization, amount, **more))["AmazonCaptureId"]

    def captured(self, amount: str = "100.00") -> str:
        return self.capture(self.authorize(self.order(amount), amount), amount)

    def refund_values(self, capture: str, amount: str = "100.00", **more: str) -> dict[str, str]:
        return {
            "AmazonCaptureId": capture,
            "RefundReferenceId": f"r-{next(self._numbers)}",
            "RefundAmount__Amount": amount,
            "RefundAmount__CurrencyCode": "USD",
            **more,
        }

    def refund(self, capture: str, amount: str = "100.00", **more: str) -> str:
        return self.call("Refund", **self.refund_values(capture, amount, **more))["AmazonRefundId"]

    def plan(self, action: str, state: State, reason: Reason = Reason.NONE) -> None:
        self.world.planned[action].append(Outcome(state, reason))

    def settle(self, object_id: str, state: State, reason: Reason = Reason.NONE) -> None:
        settle(self.world, self.thing(object_id), Outcome(state, reason))
        self.world.flush()

    def wait(self, **step: float) -> None:
        self.world.turn_to(self.world.now + timedelta(**step))

    def thing(self, object_id: str) -> PaymentObject:
        return self.world.objects[object_id]

    def stands(self, object_id: str) -> tuple[State, Reason]:
        """Return state and reason of an object."""
        status = self.thing(object_id).status
        return status.state, status.reason


@pytest.fixture
def open_shop() -> Callable[[Environment], Shop]:
    return Shop


@pytest.fixture
def shop() -> Shop:
    return Shop(Environment.SANDBOX)


@pytest.fixture
def live_shop() -> Shop:
    return Shop(Environment.LIVE)


@pytest.fixture
def simulate() -> Callable[..., str]:
    """Write a sandbox simulation string."""

    def write(state: State, reason: Reason = Reason.NONE, **more: Any) -> str:
        wanted = {"State": state.value} | ({"ReasonCode": reason.value} if reason else {}) | more
        return json.dumps({"SandboxSimulation": wanted})

    return write
