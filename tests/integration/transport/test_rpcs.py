"""Every RPC through a real channel: what the engine is asked, and what the caller gets."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from integration.transport.fake_engine import EVENT, OPERATION_ID

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_server.domain.operation import ActionRequest
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.engine import PaymentQuery

TARGET = {"store": "shop", "order_id": "4711"}


async def test_get_payment_returns_the_payment_with_what_may_be_done(stub, engine):
    payment = (await stub.GetPayment(pb.GetPaymentRequest(**TARGET))).payment
    assert engine.asked == [("shop", "4711")]
    assert (payment.order_number, payment.status) == ("#4711", pb.PAYMENT_STATUS_AUTHORIZED)
    assert payment.authorized_amount == Money(currency_code="USD", units=129, nanos=900_000_000)
    assert [one.action for one in payment.available_actions] == [pb.ACTION_CAPTURE, pb.ACTION_VOID]
    assert [one.action for one in payment.unavailable_actions] == [pb.ACTION_REFUND, pb.ACTION_REFRESH]
    assert payment.etag == '"3"'


async def test_list_payments_passes_every_filter_on(stub, engine):
    response = await stub.ListPayments(
        pb.ListPaymentsRequest(
            store="shop",
            statuses=[pb.PAYMENT_STATUS_PENDING],
            payment_method="Amazon Pay",
            needing_attention=True,
            authorization_expire_before=Timestamp(seconds=1_800_000_000),
            page_size=2,
            page_token="t",
        )
    )
    assert engine.asked[0][0] == PaymentQuery(
        store="shop",
        statuses=frozenset({PaymentStatus.PENDING}),
        payment_method="Amazon Pay",
        needing_attention=True,
        authorization_expire_before=datetime(2027, 1, 15, 8, 0, tzinfo=UTC),
        page_size=2,
        page_token="t",
    )
    assert (len(response.payments), response.next_page_token) == (2, "more")


async def test_an_empty_list_request_means_all_stores_and_fifty_a_page(stub, engine):
    await stub.ListPayments(pb.ListPaymentsRequest())
    assert engine.asked == [(PaymentQuery(page_size=50),)]


async def test_capture_passes_amount_etag_note_and_actor_on(stub, engine):
    request = pb.CapturePaymentRequest(
        **TARGET,
        amount=Money(currency_code="USD", units=10, nanos=500_000_000),
        request_id="r1",
        etag='"3"',
        note="shipped",
    )
    response = await stub.CapturePayment(request, metadata=[("payment-actions-actor", "Ann")])
    assert engine.asked == [
        (ActionRequest("shop", "4711", Action.CAPTURE, "r1", 1050, "USD", '"3"', "shipped", "Ann"),)
    ]
    assert (response.operation.operation_id, response.operation.actor) == (OPERATION_ID, "Ann")
    assert response.payment.order_id == "4711"


async def test_refund_without_an_amount_means_the_whole(stub, engine):
    response = await stub.RefundPayment(pb.RefundPaymentRequest(**TARGET, request_id="r1"))
    assert engine.asked == [(ActionRequest("shop", "4711", Action.REFUND, "r1"),)]
    assert response.operation.action == pb.ACTION_REFUND


async def test_void_has_no_amount(stub, engine):
    response = await stub.VoidPayment(pb.VoidPaymentRequest(**TARGET, request_id="r1", note="changed mind"))
    assert engine.asked == [(ActionRequest("shop", "4711", Action.VOID, "r1", note="changed mind"),)]
    assert response.operation.action == pb.ACTION_VOID


async def test_refresh_returns_what_the_look_appended(stub, engine):
    metadata = [("payment-actions-actor", "Ann")]
    response = await stub.RefreshPayment(pb.RefreshPaymentRequest(**TARGET), metadata=metadata)
    assert engine.asked == [("shop", "4711", "Ann")]
    assert [event.sequence for event in response.events] == [7]


async def test_get_operation_returns_it(stub, engine):
    response = await stub.GetOperation(pb.GetOperationRequest(store="shop", operation_id=OPERATION_ID))
    assert engine.asked == [("shop", OPERATION_ID)]
    assert response.operation.state == pb.OPERATION_STATE_SUCCEEDED


async def test_resolve_operation_passes_the_operators_word_on(stub, engine):
    response = await stub.ResolveOperation(
        pb.ResolveOperationRequest(
            store="shop", operation_id=OPERATION_ID, state=pb.OPERATION_STATE_FAILED, reason="not in the console"
        )
    )
    asked = ("shop", OPERATION_ID, OperationState.FAILED, "not in the console", "anonymous")
    assert engine.asked == [asked]
    assert response.operation.state == pb.OPERATION_STATE_FAILED


async def test_list_events_returns_the_history(stub, engine):
    response = await stub.ListEvents(pb.ListEventsRequest(**TARGET, page_size=3, page_token="t"))
    assert engine.asked == [("shop", "4711", 3, "t")]
    event = response.events[0]
    assert (event.type, event.hash, dict(event.details)) == (pb.EVENT_TYPE_PAYMENT_SEEN, "f" * 64, EVENT.details)
    assert event.status_before == pb.PAYMENT_STATUS_UNSPECIFIED


async def test_overview_tells_all_that_the_engine_tells(stub, engine):
    response = await stub.GetOverview(pb.GetOverviewRequest(store="shop", days=3))
    assert engine.asked == [("shop", 3)]
    assert [(one.store, one.capture_mode, one.in_service, one.out_of_service_message) for one in response.stores] == [
        ("shop", pb.CAPTURE_MODE_AUTHORIZE_THEN_CAPTURE, True, ""),
        ("broken", pb.CAPTURE_MODE_UNSPECIFIED, False, "It is broken."),
    ]
    (day,), (expiring,), (status,) = response.daily_totals, response.expiring_authorizations, response.status_counts
    assert (day.date, day.authorized_amount.units, day.captured_amount.units, day.refunded_amount.nanos) == (
        "2026-11-25", 129, 2, 500_000_000,
    )  # fmt: skip
    assert (expiring.date, expiring.payment_count, expiring.amount.units) == ("2026-11-26", 2, 3)
    assert (status.status, status.payment_count) == (pb.PAYMENT_STATUS_AUTHORIZED, 5)
    assert (response.needing_attention_count, response.operation_in_flight_count) == (1, 2)
    assert (response.store_update_waiting_count, response.refresh_overdue_count) == (3, 4)
    assert (response.last_sequence, response.totals_sequence) == (9, 8)


async def test_overview_of_nothing_in_particular_is_of_all_stores_and_two_weeks(stub, engine):
    await stub.GetOverview(pb.GetOverviewRequest())
    assert engine.asked == [(None, 14)]


async def test_watch_streams_events_and_signs_of_life(stub, engine):
    engine.events = [EVENT, 9]
    call = stub.WatchEvents(pb.WatchEventsRequest(stores=["shop"], after_sequence=0))
    first, second = await call.read(), await call.read()
    assert (first.event.sequence, first.sequence) == (7, 7)
    assert (second.HasField("event"), second.sequence) == (False, 9)
    assert engine.asked == [(frozenset({"shop"}), 0)]
    call.cancel()


async def test_watch_without_a_sequence_begins_now(stub, engine):
    call = stub.WatchEvents(pb.WatchEventsRequest())
    await call.read()
    assert engine.asked == [(frozenset(), None)]
    call.cancel()
