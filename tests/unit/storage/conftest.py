from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from payment_actions_server.domain.event import EventType
from payment_actions_server.domain.operation import Operation, reference_of
from payment_actions_server.domain.payment import Payment
from payment_actions_server.domain.status import Action, OperationState, PaymentStatus
from payment_actions_server.storage import open_storage

NOW = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def logged():
    """Collect what is logged: rendering the tracebacks of faults that are meant takes longer than the tests."""
    with capture_logs() as entries:
        yield entries


@pytest.fixture
def path(tmp_path):
    return tmp_path / "payment-actions.db"


@pytest.fixture
async def storage(path):
    """A storage on the real loop, with its real commit thread."""
    storage = open_storage(f"sqlite:///{path}")
    await storage.start()
    yield storage
    await storage.aclose()


@pytest.fixture
def seen():
    """Return what makes a payment at first sight, with its event."""

    def make(order_id="1", **changes):
        fields = {
            "store": "shop",
            "order_id": order_id,
            "order_number": f"#{order_id}",
            "method_code": "amazon",
            "method_name": "Amazon Pay",
            "ours": True,
            "gateway": "fake",
            "status": PaymentStatus.AUTHORIZED,
            "currency_code": "USD",
            "order_total_minor": 12_990,
            "authorized_minor": 12_990,
            "create_time": NOW,
            "update_time": NOW,
        }
        payment = Payment(**(fields | changes))
        return payment.recorded(EventType.PAYMENT_SEEN, now=NOW, actor="test", before=None)

    return make


@pytest.fixture
def changed():
    """Return what takes a payment one version on."""

    def make(payment, event_type=EventType.ORDER_CHANGED, **details):
        return payment.recorded(event_type, now=NOW, actor="test", before=payment.status, details=details)

    return make


@pytest.fixture
def intent():
    """Return what makes an operation on the payment of that order."""

    def make(number=1, order_id="1", **changes):
        operation_id = f"{number:026}"
        fields = {
            "operation_id": operation_id,
            "store": "shop",
            "order_id": order_id,
            "action": Action.CAPTURE,
            "amount_minor": 12_990,
            "currency_code": "USD",
            "requested_amount_minor": None,
            "request_id": f"request-{number}",
            "reference": reference_of(operation_id),
            "state": OperationState.UNKNOWN,
            "actor": "ann",
            "note": "",
            "base_minor": 0,
            "create_time": NOW,
            "update_time": NOW,
            "next_check_time": NOW + timedelta(seconds=1),
        }
        return Operation(**(fields | changes))

    return make
