"""Two replicas of the service over one PostgreSQL: whoever is asked, the payment is one."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from time import monotonic, sleep

import pytest
from support.settling import Shopfront, StageOver, until

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions_client import Client, OutcomeUnknown, RetryPolicy
from payment_actions_server.demo.checkout import Checkout
from payment_actions_server.demo.processes import service


class Replicated(StageOver):
    """A stage with a second service beside the first, over one database."""

    gateway_seconds_max = 9.0  # Nothing is in doubt on a busy machine either.

    def __init__(self, folder, database):
        super().__init__(folder, database, service_settings="lease_seconds = 16")

    @property
    def other_target(self):
        return f"127.0.0.1:{self.other.ready['grpc_port']}"

    def start_service(self):
        super().start_service()
        try:
            self.start_other()
        except BaseException:
            self.service.stop()  # Nobody else knows of it yet.
            raise

    def start_other(self):
        self.other = service(self.config, self.folder / "other.log", self.environment())

    def _stop_service(self):
        super()._stop_service()
        self.other.stop()


@pytest.fixture(scope="module")
def stage(tmp_path_factory, postgres_server):
    name = postgres_server.create_database()  # Empty: both replicas find out at once that it wants a schema.
    with Replicated(tmp_path_factory.mktemp("replicated"), postgres_server.url(name)) as running:
        yield running
    postgres_server.drop_database(name)


@pytest.fixture
def one(stage):
    with Client(stage.target, actor="ann") as client:
        yield Shopfront(stage, client, Checkout(stage, "eu-shop"))


@pytest.fixture
def other(stage):
    with Client(stage.other_target, actor="bob") as client:
        yield Shopfront(stage, client, Checkout(stage, "eu-shop"))


def test_what_is_captured_at_one_is_refunded_at_the_other(one, other):
    order = one.order()
    captured = one.client.capture(order.store, order.order_id, request_id="capture-it")
    assert other.payment(order).status == pb.PAYMENT_STATUS_CAPTURED
    again = other.client.capture(order.store, order.order_id, request_id="capture-it")
    assert again.operation.operation_id == captured.operation.operation_id
    other.client.refund(order.store, order.order_id)
    other.settle(order, "refund")
    for front in (one, other):
        front.at_rest(order, "REFUNDED")
    assert one.effects(order) == ["capture", "refund"]
    here, there = (list(front.client.list_events(order.store, order.order_id)) for front in (one, other))
    assert there[: len(here)] == here  # A notification may have come in between.
    assert {"ann", "bob"} <= {event.actor for event in here}


NAP_SECONDS = 0.01
WAKES = 8  #: At most so many times somebody on the way must wake up: replica, database and client, some of them twice.


@contextmanager
def napping():
    """Take naps, and give by how much each was too long: so late is whoever wants to wake up on this machine now."""
    too_long, ended = [], threading.Event()

    def nap():
        while not ended.is_set():
            began = monotonic()
            sleep(NAP_SECONDS)
            too_long.append(monotonic() - began - NAP_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(nap)
        try:
            yield too_long
        finally:
            ended.set()


def test_watcher_of_one_hears_within_half_a_second_what_the_other_did(stage, one):
    heard = []
    with Client(stage.other_target) as watching, ThreadPoolExecutor(1) as pool, napping() as too_long:

        def watch():
            for event in watching.watch_events(["eu-shop"], after_sequence=0):
                heard.append((event, monotonic()))

        def ends():
            return {event.order_id: moment for event, moment in heard if event.type == pb.EVENT_TYPE_OPERATION_ENDED}

        pool.submit(watch)
        try:
            for _ in range(5):
                order = one.order()
                one.client.capture(order.store, order.order_id)
                answered = monotonic()
                too_long.clear()
                delay = until(lambda: ends().get(order.order_id), "the capture's end") - answered  # noqa: B023
                assert delay < 0.5 + WAKES * max(too_long, default=0)
        finally:
            watching.close()
    sequences = [event.sequence for event, _ in heard]
    assert sequences == sorted(set(sequences))


def test_ten_requests_to_both_at_once_are_one_capture(one, other):
    order = one.order()
    together = threading.Barrier(10)

    def capture(number):
        together.wait()
        front = (one, other)[number % 2]
        return front.client.capture(order.store, order.order_id, request_id="same-for-all").operation.operation_id

    with ThreadPoolExecutor(10) as pool:
        assert len(set(pool.map(capture, range(10)))) == 1
    assert one.effects(order) == ["capture"]


def test_capture_whose_replica_is_killed_is_finished_by_the_other(stage, one):
    order = one.order()
    with Client(stage.other_target) as client:
        client.refresh(order.store, order.order_id)  # It knows the authorization by now.
    # Nobody can find out what became of it before it is known to be in flight.
    stage.amazon.send("POST", "faults/notifications", kind="lose", count=50)
    stage.amazon.send("POST", "faults/calls", operation="Capture", kind="hang", executes="before", count=1)
    stage.amazon.send("POST", "faults/calls", kind="error_500_before", count=1000)

    def capture():
        with Client(stage.other_target, retry=RetryPolicy(attempts_max=1)) as client:
            try:
                return client.capture(order.store, order.order_id, request_id="the-one")
            except OutcomeUnknown as unknown:
                return unknown

    with ThreadPoolExecutor(1) as pool:
        pool.submit(capture)
        until(lambda: one.effects(order), "Amazon to have captured")
        stage.other.kill()
    assert one.payment(order).HasField("operation_in_flight")
    stage.amazon.send("DELETE", "faults")
    one.at_rest(order, "CAPTURED")
    again = one.client.capture(order.store, order.order_id, request_id="the-one").operation
    effects = stage.amazon.get("effects", order_reference=order.order_reference)["effects"]
    assert [effect["reference_id"] for effect in effects if effect["kind"] == "capture"] == [again.reference]
    assert one.xcart_status(order) == "P"
    stage.start_other()
