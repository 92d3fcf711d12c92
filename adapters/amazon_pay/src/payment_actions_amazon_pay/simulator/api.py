"""The merchant's side: Amazon's API over HTTP."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .connection import caller_is_gone, drop_connection
from .documents import error_reply, reply
from .faults import CALL_FAULTS, HANG_SECONDS_MAX, Answer, CallFault, Executes
from .objects import Environment
from .operations import OPERATIONS
from .parameters import Parameters
from .refusals import Code, Refusal
from .signature import authenticate
from .simulator import CallRecord, Simulator

_PATHS: Final = {
    "/OffAmazonPayments/2013-01-01": Environment.LIVE,
    "/OffAmazonPayments_Sandbox/2013-01-01": Environment.SANDBOX,
}
_BODY_LENGTH_MAX: Final = 1_000_000


class _Reply(NamedTuple):
    """An answer, and what the log says of it; ``executed`` is what the caller may never learn."""

    status: int
    body: bytes
    executed: bool
    error_code: str = ""


def routes() -> list[Route]:
    """Return the API's routes: POST and GET, with and without a trailing slash."""
    paths = [path + end for path in _PATHS for end in ("", "/")]
    return [Route(path, _serve, methods=["GET", "POST"]) for path in paths]


async def _serve(request: Request) -> Response:
    simulator: Simulator = request.app.state.simulator
    request_id = str(uuid.uuid4())
    values: dict[str, str] = {}
    fault = None
    try:
        await _read(request, values)
        parameters = _admit(simulator, request, values)
        fault = simulator.faults.take_for_call(values["Action"])
        answer = await _execute(simulator, request, values["Action"], parameters, fault, request_id)
    except Refusal as refusal:
        answer = _refused(refusal, request_id)
    simulator.calls.append(_record(simulator, request, values, fault, answer, request_id))
    if answer.status == 0:
        await drop_connection(request)
    return Response(
        answer.body,
        status_code=answer.status or 500,  # What is answered into a dropped connection reaches nobody.
        media_type="text/xml",
        headers={"x-mws-request-id": request_id},
    )


async def _read(request: Request, values: dict[str, str]) -> None:
    body = await request.body()
    try:
        text = body.decode()
        pairs = parse_qsl(request.scope["query_string"].decode(), keep_blank_values=True, errors="strict")
        pairs += parse_qsl(text, keep_blank_values=True, errors="strict")
    except ValueError:
        raise Refusal(Code.INVALID_PARAMETER_VALUE, "Parameters must be UTF-8.") from None
    values.update(pairs)
    if len(values) != len(pairs) or len(body) > _BODY_LENGTH_MAX:
        raise Refusal(Code.INVALID_PARAMETER_VALUE, "A parameter is repeated, or there is too much of them.")


def _admit(simulator: Simulator, request: Request, values: dict[str, str]) -> Parameters:
    account = authenticate(
        simulator.accounts,
        values,
        verb=request.method,
        host=request.headers.get("host", ""),
        path=request.scope["path"],
        real_now=datetime.now(UTC),
    )
    action = values.get("Action", "")
    if action not in OPERATIONS:
        raise Refusal(Code.INVALID_PARAMETER_VALUE, f"The action {action!r} is not valid.")
    environment = _environment(request)
    if not simulator.throttle.admits(account.seller_id, environment, action, simulator.clock.now()):
        raise Refusal(Code.REQUEST_THROTTLED, "The frequency of your requests is too high.")
    return Parameters(values, account.seller_id, environment)


async def _execute(
    simulator: Simulator,
    request: Request,
    action: str,
    parameters: Parameters,
    fault: CallFault | None,
    request_id: str,
) -> _Reply:
    def execute() -> _Reply:
        return _executed(simulator, action, parameters, request_id)

    if fault is None:
        return execute()
    return await _execute_faulty(request, fault, execute, request_id)


async def _execute_faulty(request: Request, fault: CallFault, execute: Callable[[], _Reply], request_id: str) -> _Reply:
    done = execute() if fault.executes is Executes.BEFORE else None
    if CALL_FAULTS[fault.kind].waits:
        await _wait(request, fault)
    if fault.executes is Executes.AFTER:
        done = execute()
    executed = done is not None and done.executed
    if fault.answer is Answer.OWN:
        assert done is not None  # A slow call is always executed.
        return done
    if fault.answer is Answer.DROPPED_CONNECTION:
        return _Reply(0, b"", executed)
    code = Code.REQUEST_THROTTLED if fault.answer is Answer.ERROR_503 else Code.INTERNAL_SERVER_ERROR
    return _refused(Refusal(code, "There was a simulated failure; try again."), request_id, executed=executed)


async def _wait(request: Request, fault: CallFault) -> None:
    if fault.answer is Answer.OWN:
        await asyncio.sleep(fault.seconds)
        return
    try:
        async with asyncio.timeout(HANG_SECONDS_MAX):
            await caller_is_gone(request)
    except TimeoutError:
        return


def _executed(simulator: Simulator, action: str, parameters: Parameters, request_id: str) -> _Reply:
    world = simulator.catch_up()
    try:
        result = OPERATIONS[action](world, parameters)
    except Refusal as refusal:
        return _refused(refusal, request_id)
    world.flush()
    return _Reply(200, reply(action, result, request_id), executed=True)


def _refused(refusal: Refusal, request_id: str, *, executed: bool = False) -> _Reply:
    # Amazon spells the element differently in throttle replies; clients must read both.
    name = "RequestID" if refusal.code is Code.REQUEST_THROTTLED else "RequestId"
    body = error_reply(refusal.code, refusal.message, request_id, request_id_name=name)
    return _Reply(refusal.http_status, body, executed, refusal.code)


def _environment(request: Request) -> Environment:
    return _PATHS[request.scope["path"].rstrip("/")]


def _record(
    simulator: Simulator,
    request: Request,
    values: dict[str, str],
    fault: CallFault | None,
    answer: _Reply,
    request_id: str,
) -> CallRecord:
    own_ids = (values[name] for name in values if name.endswith("ReferenceId") and "Amazon" not in name)
    amazon_ids = (values[name] for name in values if name.startswith("Amazon"))
    return CallRecord(
        time=simulator.clock.now(),
        environment=_environment(request),
        action=values.get("Action", ""),
        seller_id=values.get("SellerId", ""),
        object_id=next(amazon_ids, ""),
        reference_id=next(own_ids, ""),
        executed=answer.executed,
        status=answer.status,
        error_code=answer.error_code,
        fault=fault.kind if fault else "",
        request_id=request_id,
    )
