"""The console in a real browser, over a scripted service: orders and stores of which the shop says something else."""

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest
from google.protobuf.message import Message
from google.type.money_pb2 import Money
from playwright.sync_api import Page, expect
from support.order_page import findings

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.error_reason_pb2 import ERROR_REASON_ORDER_CANCELLED

CONSOLE = Path(__file__).parents[2] / "clients" / "web" / "console" / "dist"
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
WHOLE = Money(currency_code="USD", units=129, nanos=900_000_000)
CLOSED = "The shop closed the order; its status there is Cancelled."
REVERTED = "X-Cart changed the status back 3 times: a click in its own section recomputes it."
NOTICE = "X-Cart's own Refund button still returns the full amount; do not use it."
NO_AMOUNT = "The order's total in the shop, 129.905, is no amount that its currency can express."
LIMIT = "Support refunds at most 20.00 USD; ask finance for more."


def payment(order_id: str, status: int, **fields: object) -> pb.Payment:
    captured = WHOLE if status == pb.PAYMENT_STATUS_CAPTURED else Money(currency_code="USD")
    shown = pb.Payment(
        store="eu-shop",
        order_id=order_id,
        order_number=f"0000{order_id}",
        payment_method=pb.PaymentMethod(code="PayWithAmazon", display_name="Amazon Pay"),
        gateway="amazon_pay_v1",
        status=status,  # type: ignore[arg-type] # one of the contract's
        order_total=WHOLE,
        authorized_amount=WHOLE,
        captured_amount=captured,
        refunded_amount=Money(currency_code="USD"),
        etag=f'"{order_id}"',
    )
    shown.update_time.GetCurrentTime()
    shown.create_time.GetCurrentTime()
    shown.MergeFrom(pb.Payment(**fields))  # type: ignore[arg-type] # the fields of a payment
    return shown


def offer(action: int, effect: str, **fields: object) -> pb.AvailableAction:
    return pb.AvailableAction(action=action, amount=WHOLE, effect=effect, **fields)  # type: ignore[arg-type] # as above


PAYMENTS = [
    payment(
        "1",
        pb.PAYMENT_STATUS_AUTHORIZED,
        order_state=pb.ORDER_STATE_CANCELLED,
        order_state_message=CLOSED,
        available_actions=[offer(pb.ACTION_VOID, "Gives up the authorization of 129.90 USD; nothing is collected.")],
        unavailable_actions=[
            pb.UnavailableAction(action=pb.ACTION_CAPTURE, reason=ERROR_REASON_ORDER_CANCELLED, message=CLOSED)
        ],
        store_update=pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_IN_SYNC, platform_status="Cancelled"),
    ),
    payment(
        "2",
        pb.PAYMENT_STATUS_CAPTURED,
        available_actions=[offer(pb.ACTION_REFUND, "Returns 129.90 USD to the buyer.")],
        store_update=pb.StoreUpdate(
            state=pb.STORE_UPDATE_STATE_DISPUTED,
            platform_status="Authorized",
            last_error=REVERTED,
            attempts=3,
            notice=NOTICE,
        ),
    ),
    payment(
        "3",
        pb.PAYMENT_STATUS_AUTHORIZED,
        order_state=pb.ORDER_STATE_TOTAL_INVALID,
        order_state_message=NO_AMOUNT,
        order_total=Money(currency_code="XXX"),
        authorized_amount=Money(currency_code="XXX"),
        available_actions=[offer(pb.ACTION_VOID, "Gives up the authorization; nothing is collected.")],
    ),
    payment(
        "4",
        pb.PAYMENT_STATUS_CAPTURED,
        available_actions=[
            offer(
                pb.ACTION_REFUND,
                "Returns 129.90 USD to the buyer.",
                partial_amount_allowed=True,
                amount_max=Money(currency_code="USD", units=20),
                amount_max_reason=LIMIT,
            )
        ],
        store_update=pb.StoreUpdate(state=pb.STORE_UPDATE_STATE_PENDING, platform_status="Authorized", attempts=1),
    ),
]
BY_ID = {shown.order_id: shown for shown in PAYMENTS}


def list_payments(body: bytes) -> Message:
    asked = pb.ListPaymentsRequest.FromString(body)
    if asked.store_update_failing or asked.HasField("refresh_due_before"):
        return pb.ListPaymentsResponse()
    return pb.ListPaymentsResponse(payments=PAYMENTS[1:3] if asked.needing_attention else PAYMENTS)


def history(body: bytes) -> Message:
    asked = pb.ListEventsRequest.FromString(body)
    status = BY_ID[asked.order_id].status
    changed = pb.EVENT_TYPE_STORE_STATUS_CHANGED if asked.order_id == "2" else pb.EVENT_TYPE_PAYMENT_SEEN
    event = pb.Event(
        store="eu-shop",
        order_id=asked.order_id,
        number=1,
        sequence=1,
        type=changed,
        actor="store",
        status_before=status,
        status_after=status,
        message="The store changed the status to Authorized by itself",
    )
    event.time.CopyFrom(BY_ID[asked.order_id].update_time)
    return pb.ListEventsResponse(events=[event])


def overview(_body: bytes) -> Message:
    return pb.GetOverviewResponse(stores=[pb.StoreOverview(store="eu-shop")], needing_attention_count=2)


ANSWERS: dict[str, Callable[[bytes], Message]] = {
    "GetPayment": lambda body: pb.GetPaymentResponse(payment=BY_ID[pb.GetPaymentRequest.FromString(body).order_id]),
    "RefreshPayment": lambda body: pb.RefreshPaymentResponse(
        payment=BY_ID[pb.RefreshPaymentRequest.FromString(body).order_id]
    ),
    "ListPayments": list_payments,
    "ListEvents": history,
    "GetOverview": overview,
}


class Scripted(http.server.BaseHTTPRequestHandler):
    """The console's files, and answers to the calls that it makes; its stream of news stays silent."""

    protocol_version = "HTTP/1.1"
    called: ClassVar[list[str]] = []
    done: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        asked = CONSOLE / self.path.split("?")[0].lstrip("/")
        file = asked if asked.is_file() else CONSOLE / "index.html"
        self._answer(TYPES[file.suffix], file.read_bytes())

    def do_POST(self) -> None:
        method = self.path.rsplit("/", 1)[1]
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.called.append(method)
        if method == "WatchEvents":
            self._silence()
        else:
            self._answer("application/proto", ANSWERS[method](body).SerializeToString())

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _silence(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/connect+proto")
        self.end_headers()
        self.wfile.flush()
        self.done.wait(120)
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def console() -> Iterator[str]:
    """The address of a console over the scripted service."""
    assert (CONSOLE / "index.html").exists(), "`make web` builds the console"
    Scripted.called.clear()
    Scripted.done.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Scripted) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        Scripted.done.set()
        server.shutdown()


def test_the_list_marks_orders_that_the_shop_closed_and_statuses_that_it_changes_back(page: Page, console: str) -> None:
    page.goto(f"{console}/payments")
    marks = [page.locator(f'[data-order="{order_id}"] .flags') for order_id in "1234"]
    for mark, told in zip(marks, ("Order closed", "Status disputed", "No valid total", ""), strict=True):
        expect(mark).to_have_text(told)
    expect(page.locator('[data-order="3"]')).to_contain_text("\N{EN DASH}")


def test_attention_tells_what_the_shop_did_and_a_look_begins_anew(page: Page, console: str) -> None:
    page.goto(f"{console}/attention")
    disputed = page.get_by_role("region", name="Shops that change the status back")
    expect(disputed).to_contain_text(REVERTED)
    expect(page.get_by_role("region", name="Orders whose total is no amount")).to_contain_text(NO_AMOUNT)
    disputed.get_by_role("button", name="Begin anew").click()
    expect(disputed.get_by_role("button", name="Begin anew")).to_be_enabled()
    assert Scripted.called.count("RefreshPayment") == 1


@pytest.mark.parametrize(
    ("order_id", "told"),
    [
        ("1", ["Order closed", CLOSED, "Void is what is left to do."]),
        ("2", ["Authorized (changed back by the shop)", REVERTED, NOTICE, "Store changed the status"]),
        ("3", [NO_AMOUNT]),
        ("4", ["Authorized (being written)", "The shop is being told"]),
    ],
)
def test_an_orders_page_tells_it_in_words(page: Page, console: str, order_id: str, told: list[str]) -> None:
    page.goto(f"{console}/payments/eu-shop/{order_id}")
    expect(page.locator("payment-actions .summary")).to_be_visible()
    page.locator("details.record").evaluate("(details) => (details.open = true)")
    for text in told:
        expect(page.get_by_text(text).first).to_be_visible()


@pytest.mark.parametrize("path", ["payments", "attention", *(f"payments/eu-shop/{order_id}" for order_id in "1234")])
def test_axe_finds_nothing_and_nothing_overflows_a_narrow_window(page: Page, console: str, path: str) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{console}/{path}")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Loading")).to_have_count(0)
    assert findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
