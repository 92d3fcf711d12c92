"""Amazon's objects by their words, as tests need them."""

from datetime import UTC, datetime, timedelta

import pytest

from payment_actions_amazon_pay.objects import Authorization, Capture, OrderReference, Refund, Status
from payment_actions_amazon_pay.states import AuthorizationView, CaptureView, Picture

ORDER = "S01-1234567-1234567"
CREATED = datetime(2026, 1, 1, tzinfo=UTC)


class Make:
    """Builds what Amazon would show of a payment of 100.00 USD."""

    @staticmethod
    def order(state="Open", reason="", authorizations=(), currency="USD"):
        return OrderReference(
            id=ORDER,
            status=Status(state=state, reason_code=reason),
            authorization_ids=tuple(authorizations),
            total_minor=10_000,
            currency_code=currency,
        )

    @staticmethod
    def authorization(state="Open", reason="", *captures, number=1, amount=10_000, currency="USD", capture_ids=None):
        listed = tuple(view.capture.id for view in captures) if capture_ids is None else capture_ids
        created = CREATED + timedelta(hours=number)
        read = Authorization(
            id=f"{ORDER}-A{number:06}",
            reference=f"auth-{number}",
            status=Status(state=state, reason_code=reason, description=f"why {reason}" if reason else ""),
            amount_minor=amount,
            currency_code=currency,
            capture_ids=listed,
            creation_time=created,
            expire_time=created + timedelta(days=30),
        )
        return AuthorizationView(read, captures)

    @staticmethod
    def capture(state="Completed", reason="", *refunds, number=1, amount=10_000, refunded=None, currency="USD"):
        completed = sum(refund.amount_minor for refund in refunds if refund.status.state == "Completed")
        read = Capture(
            id=f"{ORDER}-C{number:06}",
            reference=f"capture-{number}",
            status=Status(state=state, reason_code=reason),
            amount_minor=amount,
            refunded_minor=completed if refunded is None else refunded,
            currency_code=currency,
            refund_ids=tuple(refund.id for refund in refunds),
        )
        return CaptureView(read, refunds)

    @staticmethod
    def refund(state="Completed", reason="", *, number=1, amount=10_000, currency="USD"):
        return Refund(
            id=f"{ORDER}-R{number:06}",
            reference=f"refund-{number}",
            status=Status(state=state, reason_code=reason),
            amount_minor=amount,
            currency_code=currency,
        )

    @staticmethod
    def picture(*views, order=None):
        return Picture(order, views)


@pytest.fixture
def make():
    return Make
