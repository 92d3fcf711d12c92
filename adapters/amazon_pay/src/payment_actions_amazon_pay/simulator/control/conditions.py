"""Control calls about what payments live under: the clock, faults, quotas, the logs, and the start afresh."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from enum import StrEnum
from typing import Final

from payment_actions_amazon_pay.simulator.details import timestamp
from payment_actions_amazon_pay.simulator.faults import (
    ANY,
    CALL_FAULTS,
    CallFault,
    Executes,
    NotificationFault,
    NotificationFaultKind,
)
from payment_actions_amazon_pay.simulator.operations import OPERATIONS
from payment_actions_amazon_pay.simulator.simulator import Simulator
from payment_actions_amazon_pay.simulator.states import Kind
from payment_actions_amazon_pay.simulator.throttling import Quota

from .body import Body, ControlError
from .views import Json


class HeldKind(StrEnum):
    """What can wait for a decision of Amazon's."""

    AUTHORIZATION = "authorization"
    CAPTURE = "capture"
    REFUND = "refund"


_UNITS: Final = ("seconds", "minutes", "hours", "days")
_ADVANCE_MAX: Final = 100_000_000.0


async def read_state(simulator: Simulator, _body: Body, _name: str) -> Json:
    """Show the conditions."""
    world = simulator.catch_up()
    return {
        "sellers": simulator.seller_ids,
        "now": timestamp(world.now),
        "offset_seconds": simulator.clock.offset.total_seconds(),
        "next_due_time": timestamp(world.next_due_time) if world.next_due_time else None,
        "held": sorted(world.held),
        "throttling": simulator.throttle.enabled,
        "notifications": asdict(simulator.settings),
        "certificate_path": simulator.signer.certificate_path,
    }


async def advance(simulator: Simulator, body: Body, _name: str) -> Json:
    """Let time pass at once: everything due by then happens, in due order, with its notifications."""
    amounts = {unit: body.number(unit, 0.0, most=_ADVANCE_MAX) for unit in _UNITS}
    simulator.catch_up()
    simulator.clock.advance(timedelta(**amounts))
    return {"now": timestamp(simulator.catch_up().now)}


async def hold(simulator: Simulator, body: Body, _name: str) -> Json:
    """Keep what is Pending Pending, however late it is, until it is settled or released."""
    simulator.catch_up().held |= {Kind(each) for each in body.choices("kinds", HeldKind)}
    return {"held": sorted(simulator.world.held)}


async def release(simulator: Simulator, body: Body, _name: str) -> Json:
    """Stop holding; what is overdue is decided at once."""
    simulator.catch_up().release({Kind(each) for each in body.choices("kinds", HeldKind)})
    return {"held": sorted(simulator.catch_up().held)}


async def arm_call_fault(simulator: Simulator, body: Body, _name: str) -> Json:
    """Arm a fault for the next calls of one operation, or of any."""
    action = body.text("operation", ANY)
    kind = body.text("kind")
    if action not in {*OPERATIONS, ANY} or kind not in CALL_FAULTS:
        raise ControlError(400, f"operation must be a known one or {ANY}; kind one of {', '.join(CALL_FAULTS)}.")
    executes = CALL_FAULTS[kind].executes or body.choice("executes", Executes, Executes.AFTER)
    if kind == "slow" and executes is Executes.NEVER:
        raise ControlError(400, "A slow call is executed before or after its wait.")
    fault = CallFault(action, kind, body.count("count"), body.seconds("seconds"), executes)
    simulator.faults.calls.append(fault)
    return asdict(fault)


async def arm_notification_fault(simulator: Simulator, body: Body, _name: str) -> Json:
    """Arm a fault for the next notifications of one type, or of any."""
    fault = NotificationFault(
        notification_type=body.text("notification_type", ANY),
        kind=body.choice("kind", NotificationFaultKind),
        count=body.count("count"),
        seconds=body.seconds("seconds"),
        copies=body.count("copies", 2),
    )
    simulator.faults.notifications.append(fault)
    return asdict(fault)


async def list_faults(simulator: Simulator, _body: Body, _name: str) -> Json:
    """List the faults that are still armed."""
    return {"faults": [asdict(each) for each in simulator.faults]}


async def disarm(simulator: Simulator, _body: Body, _name: str) -> Json:
    """Disarm every fault."""
    simulator.faults.calls.clear()
    simulator.faults.notifications.clear()
    return {}


async def set_throttling(simulator: Simulator, body: Body, _name: str) -> Json:
    """Switch throttling on or off, or set one operation's quota."""
    if "operation" in body:
        operation = body.text("operation")
        if operation not in OPERATIONS:
            raise ControlError(400, f"There is no operation {operation}.")
        quota = Quota(body.count("burst"), body.number("restore_per_second", 0.0, most=1000.0))
        simulator.throttle.set_quota(operation, quota)
    simulator.throttle.enabled = body.flag("enabled", default=simulator.throttle.enabled)
    return {
        "enabled": simulator.throttle.enabled,
        "quotas": {action: quota._asdict() for action, quota in simulator.throttle.quotas.items()},
    }


async def list_calls(simulator: Simulator, body: Body, _name: str) -> Json:
    """List the API calls, oldest first."""
    operation = body.text("operation", "")
    calls = (each for each in simulator.calls if operation in {"", each.action})
    return {"calls": [{**asdict(each), "time": timestamp(each.time)} for each in calls]}


async def reset(simulator: Simulator, _body: Body, _name: str) -> Json:
    """Forget everything but the accounts and the certificate."""
    simulator.reset()
    return {}
