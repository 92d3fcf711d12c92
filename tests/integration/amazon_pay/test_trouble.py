"""Faults between us and Amazon: what each one lets us conclude, and that money moves once."""

import asyncio
import socket

import pytest
from pydantic import SecretStr

from payment_actions_amazon_pay.exchange import AnswerUnclear
from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import (
    Action,
    AdapterError,
    NotExecuted,
    ResultState,
    StateConflict,
    Throttled,
    Unavailable,
)

OPERATIONS = {Action.CAPTURE: "Capture", Action.VOID: "CloseAuthorization", Action.REFUND: "Refund"}
EFFECTS = {Action.CAPTURE: "capture", Action.VOID: "void", Action.REFUND: "refund"}
each_action = pytest.mark.parametrize("action", list(OPERATIONS))


async def ready(simulator, gateway, known, ask, action, **more):
    about = await known(gateway, await simulator.authorized())
    if action is Action.REFUND:
        await gateway.capture(ask(Action.CAPTURE, about))
        about = await known(gateway, about)
    return ask(action, about, **more)


def send(gateway, asked):
    return {Action.CAPTURE: gateway.capture, Action.VOID: gateway.void, Action.REFUND: gateway.refund}[asked.action](
        asked
    )


async def effects(simulator, action):
    return [kind for kind, _ in await simulator.effects() if kind == EFFECTS[action]]


@each_action
@pytest.mark.parametrize("fault", ["lose_answer", "error_500_after"])
async def test_executed_call_without_an_answer_is_unclear_and_found_again(
    simulator, gateway, known, ask, action, fault
):
    asked = await ready(simulator, gateway, known, ask, action)
    await simulator.fault(OPERATIONS[action], fault)
    with pytest.raises(AnswerUnclear) as caught:
        await send(gateway, asked)
    assert not isinstance(caught.value, AdapterError)  # The engine takes it for UNKNOWN.
    found = await gateway.look_up(asked)
    assert found.state in {ResultState.SUCCEEDED, ResultState.PENDING}
    assert len(await effects(simulator, action)) == 1


@each_action
@pytest.mark.parametrize("fault", ["lose_answer", "error_500_after"])
async def test_executed_call_that_is_repeated_acts_once(simulator, gateway, known, ask, action, fault):
    asked = await ready(simulator, gateway, known, ask, action)
    await simulator.fault(OPERATIONS[action], fault)
    with pytest.raises(AnswerUnclear):
        await send(gateway, asked)
    if action is Action.VOID:  # It has no reference: the repeat meets a closed authorization.
        with pytest.raises(StateConflict):
            await send(gateway, asked)
    else:
        assert (await send(gateway, asked)).state is not ResultState.DECLINED
    assert len(await effects(simulator, action)) == 1


@each_action
@pytest.mark.parametrize("fault", ["lose_request", "error_500_before"])
async def test_call_that_never_arrived_is_unclear_and_leaves_no_trace(simulator, gateway, known, ask, action, fault):
    asked = await ready(simulator, gateway, known, ask, action)
    await simulator.fault(OPERATIONS[action], fault)
    with pytest.raises(AnswerUnclear):
        await send(gateway, asked)
    assert await gateway.look_up(asked) is None
    assert await effects(simulator, action) == []
    await send(gateway, asked)  # The same reference, sent again.
    assert len(await effects(simulator, action)) == 1


@each_action
async def test_throttled_call_is_certain_and_says_when_to_come_back(simulator, gateway, known, ask, action):
    asked = await ready(simulator, gateway, known, ask, action)
    await simulator.fault(OPERATIONS[action], "error_503_throttled")
    with pytest.raises(Throttled) as caught:
        await send(gateway, asked)
    assert (caught.value.reason_code, caught.value.retry_after_seconds >= 1) == ("RequestThrottled", True)
    assert await effects(simulator, action) == []


@pytest.mark.parametrize("executes", ["before", "after", "never"])
async def test_amazon_that_hangs_is_unclear_within_the_time_limit(simulator, gateway, settings, known, ask, executes):
    asked = await ready(simulator, gateway, known, ask, Action.CAPTURE)
    await simulator.fault("Capture", "hang", seconds=0, executes=executes)
    impatient = AmazonPayV1.from_settings({**settings, "timeout_seconds": 0.3})
    with pytest.raises(AnswerUnclear, match=r"within 0\.3 s"):
        await impatient.capture(asked)
    await impatient.aclose()


async def test_slow_amazon_is_waited_for(simulator, gateway, known, ask):
    asked = await ready(simulator, gateway, known, ask, Action.CAPTURE)
    await simulator.fault("Capture", "slow", seconds=0.3)
    assert (await gateway.capture(asked)).state is ResultState.SUCCEEDED


@each_action
async def test_amazon_that_cannot_be_reached_did_nothing(simulator, gateway, settings, known, ask, action):
    asked = await ready(simulator, gateway, known, ask, action)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    unreachable = AmazonPayV1.from_settings({**settings, "simulator": f"http://127.0.0.1:{port}"})
    with pytest.raises(Unavailable):
        await send(unreachable, asked)
    with pytest.raises(Unavailable):
        await unreachable.snapshot(asked.payment)
    with pytest.raises(Unavailable):
        await unreachable.look_up(asked)
    await unreachable.aclose()
    assert await effects(simulator, action) == []


async def test_void_whose_result_cannot_be_read_is_unclear_and_found_later(simulator, gateway, known, ask):
    asked = await ready(simulator, gateway, known, ask, Action.VOID)
    await simulator.fault("GetAuthorizationDetails", "error_500_before")
    with pytest.raises(AnswerUnclear):
        await gateway.void(asked)
    assert (await gateway.look_up(asked)).state is ResultState.SUCCEEDED


@pytest.mark.parametrize("fault", ["lose_request", "lose_answer", "error_500_before", "error_500_after"])
async def test_look_that_gets_no_answer_moved_nothing(simulator, gateway, known, ask, fault):
    about = await known(gateway, await simulator.authorized())
    await simulator.fault("GetAuthorizationDetails", fault)
    with pytest.raises(Unavailable):
        await gateway.snapshot(about)


async def test_throttled_look_is_repeated_by_itself(simulator, gateway, known):
    about = await known(gateway, await simulator.authorized())
    await simulator.fault("GetAuthorizationDetails", "error_503_throttled")
    assert (await gateway.snapshot(about)).authorized_minor == 12_990


async def test_same_reference_with_another_amount_conflicts(simulator, gateway, known, ask):
    about = (await ready(simulator, gateway, known, ask, Action.REFUND)).payment
    first = ask(Action.REFUND, about, 1_000)
    await gateway.refund(first)
    second = ask(Action.REFUND, about, 2_000)
    with pytest.raises(StateConflict) as caught:
        await gateway.refund(type(second)(**{**fields(second), "reference": first.reference}))
    assert caught.value.reason_code == "DuplicateRequest"


def fields(asked):
    return {name: getattr(asked, name) for name in asked.__dataclass_fields__}


async def test_wrong_key_is_certain_and_named_without_being_shown(simulator, settings, known, ask, gateway):
    about = await known(gateway, await simulator.authorized())
    for key, code in (("secret_key", "SignatureDoesNotMatch"), ("access_key", "InvalidAccessKeyId")):
        wrong = AmazonPayV1.from_settings({**settings, key: SecretStr("wrong-key-0815")})
        with pytest.raises(NotExecuted) as caught:
            await wrong.capture(ask(Action.CAPTURE, about))
        assert caught.value.reason_code == code
        assert "0815" not in str(caught.value)
        await wrong.aclose()


async def test_illegal_simulation_is_certain(simulator, gateway, known, ask):
    asked = await ready(
        simulator, gateway, known, ask, Action.CAPTURE, note='{"SandboxSimulation":{"State":"Nonsense"}}'
    )
    with pytest.raises(NotExecuted) as caught:
        await gateway.capture(asked)
    assert caught.value.reason_code == "InvalidSandboxSimulationSpecified"


async def test_unknown_authorization_is_certain(gateway, make_payment, ask, simulator):
    about = make_payment(authorization="S01-0000000-0000000-A000000")
    with pytest.raises(NotExecuted) as caught:
        await gateway.capture(ask(Action.CAPTURE, about))
    assert caught.value.reason_code == "InvalidTransactionId"


async def test_bursts_stay_within_amazons_quota(simulator, gateway, settings, known):
    """Seven looks at once, where the sandbox grants five and one a second more: Amazon never has to refuse."""
    about = await known(gateway, await simulator.authorized())
    await simulator.control("PUT", "throttling", enabled=True)
    careful = AmazonPayV1.from_settings({**settings, "throttling": True, "timeout_seconds": 50.0})
    await asyncio.gather(*(careful.snapshot(about) for _ in range(7)))
    await careful.aclose()
    refusals = [call for call in await simulator.calls() if call["error_code"] == "RequestThrottled"]
    assert refusals == []
