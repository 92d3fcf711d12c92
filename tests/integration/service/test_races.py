"""Ten clients at the same moment: one effect, clear answers. Over each kind of database."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from support.databases import ENGINES, empty

from payment_actions_client import ActionNotAvailable, OperationInFlight
from payment_actions_server.demo.telling import state

CLIENTS = 10
ENDS = {("capture",): "CAPTURED", ("void",): "VOIDED", ("capture", "refund"): "REFUNDED"}


@pytest.fixture(scope="module", params=ENGINES)
def database(request):
    if request.param == "sqlite":
        return ""
    url = request.getfixturevalue("shared_postgres_url")
    empty(url)
    return url


def at_once(call):
    """Let ten callers make ``call(number)`` at the same moment; return what each got."""
    together = Barrier(CLIENTS)

    def one(number):
        together.wait()
        try:
            operation = call(number).operation
        except (OperationInFlight, ActionNotAvailable) as error:
            return type(error).__name__
        return operation.operation_id, state(operation)

    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(one, range(CLIENTS)))


def refusals(answers):
    return [answer for answer in answers if isinstance(answer, str)]


def test_ten_captures_with_one_request_id_are_one_capture_and_all_hear_of_it(shopfront):
    order = shopfront.order()
    answers = at_once(lambda _: shopfront.client.capture(order.store, order.order_id, request_id="same-for-all"))
    assert len(set(answers)) == 1
    assert answers[0][1] == "SUCCEEDED"
    shopfront.at_rest(order, "CAPTURED")
    assert shopfront.effects(order) == ["capture"]


def test_ten_captures_with_ten_request_ids_are_one_capture_and_nine_clear_refusals(shopfront):
    order = shopfront.order()
    answers = at_once(lambda _: shopfront.client.capture(order.store, order.order_id))
    assert len(refusals(answers)) == CLIENTS - 1
    shopfront.at_rest(order, "CAPTURED")
    assert shopfront.effects(order) == ["capture"]


@pytest.mark.parametrize("request_ids", ["equal", "different"])
def test_ten_refunds_at_once_return_the_money_once(shopfront, request_ids):
    order = shopfront.order()
    shopfront.client.capture(order.store, order.order_id)
    one = f"refund-{order.order_id}"
    answers = at_once(
        lambda number: shopfront.client.refund(
            order.store, order.order_id, request_id=one if request_ids == "equal" else f"{one}-{number}"
        )
    )
    assert Counter(map(type, answers))[tuple] == (CLIENTS if request_ids == "equal" else 1)
    shopfront.settle(order, "refund")
    shopfront.at_rest(order, "REFUNDED")
    assert shopfront.effects(order) == ["capture", "refund"]


def test_capture_void_and_refund_pressed_together_do_one_thing(shopfront):
    order = shopfront.order()
    client = shopfront.client
    calls = [client.capture, client.void, client.refund]
    at_once(lambda number: calls[number % 3](order.store, order.order_id))
    shopfront.settle(order, "refund")
    effects = shopfront.effects(order)
    assert tuple(effects) in ENDS
    payment = shopfront.at_rest(order, ENDS[tuple(effects)])
    assert shopfront.effects(order) == effects
    assert payment.captured_amount.units >= payment.refunded_amount.units
