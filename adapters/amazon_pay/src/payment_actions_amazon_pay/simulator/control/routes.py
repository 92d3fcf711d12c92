"""The control interface over HTTP: which call is where, and which fields it takes."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from payment_actions_amazon_pay.simulator.refusals import Refusal
from payment_actions_amazon_pay.simulator.simulator import Simulator
from payment_actions_amazon_pay.simulator.world import IllegalMoveError

from . import conditions, notices, payments
from .body import Body, ControlError
from .views import Json

Handler = Callable[[Simulator, Body, str], Awaitable[Json]]


class ControlCall(NamedTuple):
    """One control call; GET takes its fields from the query string, the others from a JSON object."""

    method: str
    path: str
    handler: Handler
    fields: str = ""


_NOTIFICATION_FIELDS: Final = "object sample subscription_confirmation message subject seller_id signature_version"

CALLS: Final = (
    ControlCall("GET", "/control/state", conditions.read_state),
    ControlCall("POST", "/control/reset", conditions.reset),
    ControlCall(
        "POST",
        "/control/order-references",
        payments.create_order_reference,
        "seller_id environment amount currency region",
    ),
    ControlCall("GET", "/control/objects", payments.list_objects, "kind order_reference"),
    ControlCall("GET", "/control/objects/{name}", payments.read_object),
    ControlCall("GET", "/control/effects", payments.list_effects, "order_reference"),
    ControlCall("GET", "/control/calls", conditions.list_calls, "operation"),
    ControlCall("POST", "/control/console/{name}", payments.use_console, "object amount"),
    ControlCall("POST", "/control/buyer/mend-payment-method", payments.mend, "object"),
    ControlCall("POST", "/control/amazon/{name}", payments.act_as_amazon, "object"),
    ControlCall("POST", "/control/settle", payments.settle_now, "object state reason_code soft_decline minutes"),
    ControlCall("POST", "/control/plans", payments.plan, "operation state reason_code soft_decline minutes count"),
    ControlCall("POST", "/control/hold", conditions.hold, "kinds"),
    ControlCall("POST", "/control/release", conditions.release, "kinds"),
    ControlCall("POST", "/control/clock/advance", conditions.advance, "seconds minutes hours days"),
    ControlCall("GET", "/control/faults", conditions.list_faults),
    ControlCall("DELETE", "/control/faults", conditions.disarm),
    ControlCall("POST", "/control/faults/calls", conditions.arm_call_fault, "operation kind count seconds executes"),
    ControlCall(
        "POST",
        "/control/faults/notifications",
        conditions.arm_notification_fault,
        "notification_type kind count seconds copies",
    ),
    ControlCall(
        "PUT",
        "/control/throttling",
        conditions.set_throttling,
        "enabled operation burst restore_per_second",
    ),
    ControlCall(
        "PUT",
        "/control/notifications",
        notices.set_notifications,
        "seller_id url signature_version retry_seconds attempts_max",
    ),
    ControlCall("GET", "/control/notifications", notices.list_deliveries, "object"),
    ControlCall("POST", "/control/notifications/wait", notices.wait_until_idle, "seconds"),
    ControlCall("POST", "/control/notifications/send", notices.send, f"{_NOTIFICATION_FIELDS} count"),
    ControlCall("GET", "/control/notification", notices.build, "object sample seller_id signature_version"),
    ControlCall("POST", "/control/notification", notices.build, _NOTIFICATION_FIELDS),
)


def routes(*, from_anywhere: bool) -> list[Route]:
    """Return the control routes; unless ``from_anywhere``, they serve callers on this machine only."""
    return [Route(call.path, _endpoint(call, from_anywhere=from_anywhere), methods=[call.method]) for call in CALLS]


def _endpoint(call: ControlCall, *, from_anywhere: bool) -> Callable[[Request], Awaitable[JSONResponse]]:
    allowed = frozenset(call.fields.split())

    async def serve(request: Request) -> JSONResponse:
        try:
            if not from_anywhere and not _local(request):
                raise ControlError(403, "The control interface serves this machine only.")
            body = Body(await _values(request), allowed)
            name = request.path_params.get("name", "")
            return JSONResponse(await call.handler(request.app.state.simulator, body, name))
        except ControlError as error:
            return JSONResponse({"error": str(error)}, status_code=error.status)
        except IllegalMoveError as error:
            return JSONResponse({"error": str(error)}, status_code=409)
        except Refusal as refusal:
            answer = {"error": refusal.message, "code": refusal.code}
            return JSONResponse(answer, status_code=refusal.http_status)

    return serve


async def _values(request: Request) -> dict[str, Any]:
    if request.method == "GET":
        return dict(request.query_params)
    body = await request.body()
    try:
        values = json.loads(body or b"{}")
    except ValueError:
        raise ControlError(400, "The body must be JSON.") from None
    if not isinstance(values, dict):
        raise ControlError(400, "The body must be a JSON object.")
    return values


def _local(request: Request) -> bool:
    return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
