"""A snapshot moves a payment forward or not at all."""

import itertools
from dataclasses import replace

import pytest

from payment_actions_server.domain.money import AMOUNT_MINOR_MAX
from payment_actions_server.domain.payment import Verdict
from payment_actions_server.domain.snapshot import GatewayReference
from payment_actions_server.domain.status import Action, PaymentStatus

# Every pair (recorded, reported), by hand: M moved, S same, - contradiction.
#                         PEND AUTH PCAP CAPT PREF REFD VOID DECL EXPI  <- reported
VERDICTS = {
    "PENDING": "            S    M    M    M    M    M    M    M    M",
    "AUTHORIZED": "         -    S    M    M    M    M    M    M    M",
    "PARTIALLY_CAPTURED": " -    -    S    M    M    M    -    -    -",
    "CAPTURED": "           -    -    -    S    M    M    -    -    -",
    "PARTIALLY_REFUNDED": " -    -    -    -    S    M    -    -    -",
    "REFUNDED": "           -    -    -    -    -    S    -    -    -",
    "VOIDED": "             -    -    -    -    -    -    S    -    -",
    "DECLINED": "           -    -    -    -    -    -    -    S    -",
    "EXPIRED": "            -    -    -    -    -    -    -    -    S",
}
WORDS = {"M": Verdict.MOVED, "S": Verdict.SAME, "-": Verdict.CONTRADICTION}
PAIRS = [
    (recorded, str(reported), WORDS[letter])
    for recorded, row in VERDICTS.items()
    for reported, letter in zip(PaymentStatus, row.split(), strict=True)
]


@pytest.mark.parametrize(("recorded", "reported", "verdict"), PAIRS)
def test_every_pair_of_statuses(payment_in, snapshot_in, recorded, reported, verdict):
    payment, snapshot = payment_in(recorded), snapshot_in(reported)
    followed = payment.follow(snapshot)
    assert followed.verdict is verdict
    if verdict is Verdict.CONTRADICTION:
        assert followed.payment is payment
        assert followed.problem
    else:
        assert followed.payment.status is snapshot.status
        assert followed.payment.amounts == (
            snapshot.authorized_minor,
            snapshot.captured_minor,
            snapshot.refunded_minor,
        )


def test_table_names_every_pair_once():
    named = [(recorded, reported) for recorded, reported, _ in PAIRS]
    assert sorted(named) == sorted((str(a), str(b)) for a, b in itertools.product(PaymentStatus, PaymentStatus))


def test_following_twice_is_following_once(payment_in, snapshot_in):
    once = payment_in("AUTHORIZED").follow(snapshot_in("CAPTURED")).payment
    assert once.follow(snapshot_in("CAPTURED")) == (once, Verdict.SAME, "")


# -- Amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reported", "problem"),
    [
        ("PARTIALLY_CAPTURED", {"captured_minor": 3_999}, "39.99 USD captured, it was 40.00 USD before"),
        ("CAPTURED", {"captured_minor": 12_989}, "129.89 USD captured, it was 129.90 USD before"),
        ("PARTIALLY_REFUNDED", {"refunded_minor": 3_999}, "39.99 USD refunded, it was 40.00 USD before"),
        (
            "REFUNDED",
            {"captured_minor": 5_000, "refunded_minor": 5_000},
            "50.00 USD captured, it was 129.90 USD before",
        ),
    ],
)
def test_money_that_shrinks_is_a_contradiction(payment_in, snapshot_in, status, reported, problem):
    payment = payment_in(status)
    followed = payment.follow(snapshot_in(status, **reported))
    assert (followed.payment, followed.verdict) == (payment, Verdict.CONTRADICTION)
    assert problem in followed.problem


@pytest.mark.parametrize(
    ("status", "reported"),
    [
        ("PARTIALLY_CAPTURED", {"captured_minor": 4_001}),
        ("PARTIALLY_REFUNDED", {"refunded_minor": 4_001}),
        ("AUTHORIZED", {"authorized_minor": 12_000}),  # A gateway may release part of what it reserved.
        ("VOIDED", {"authorized_minor": 0}),
    ],
)
def test_other_change_of_amounts_in_one_status_is_followed(payment_in, snapshot_in, status, reported):
    assert payment_in(status).follow(snapshot_in(status, **reported)).verdict is Verdict.MOVED


def test_other_currency_is_a_contradiction(payment_in, snapshot_in):
    followed = payment_in("AUTHORIZED").follow(snapshot_in("AUTHORIZED", currency_code="EUR"))
    assert followed.verdict is Verdict.CONTRADICTION
    assert followed.problem == "the gateway reports EUR, the payment is in USD"


def test_impossible_snapshot_is_a_contradiction(payment_in, snapshot_in):
    followed = payment_in("AUTHORIZED").follow(snapshot_in("CAPTURED", captured_minor=12_991))
    assert followed.verdict is Verdict.CONTRADICTION
    assert followed.problem == "the gateway reports 129.90 USD authorized, 129.91 USD captured, 0.00 USD refunded"


# -- Details ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "detail",
    [
        {"under_way": Action.CAPTURE},
        {"references": (GatewayReference("capture", "C-1"),)},
        {"reason_code": "MaxAmountReached"},
        {"message": "soon"},
    ],
    ids=lambda detail: next(iter(detail)),
)
def test_new_detail_without_a_move_is_told_apart(payment_in, snapshot_in, detail):
    followed = payment_in("AUTHORIZED").follow(snapshot_in("AUTHORIZED", **detail))
    assert (followed.verdict, followed.payment.status) == (Verdict.DETAIL, PaymentStatus.AUTHORIZED)


def test_expiry_that_the_gateway_no_longer_tells_is_kept(payment_in, snapshot_in, now):
    payment = payment_in("AUTHORIZED", authorization_expire_time=now)
    assert payment.follow(snapshot_in("CAPTURED")).payment.authorization_expire_time == now


def test_ids_add_up_in_order_and_none_is_lost_or_doubled(payment_in, snapshot_in):
    first, second, third = (GatewayReference("capture", f"C-{n}") for n in (1, 2, 3))
    payment = payment_in("AUTHORIZED", references=(first,))
    followed = payment.follow(snapshot_in("AUTHORIZED", references=(first, third)), (second,))
    assert followed.payment.references == (first, second, third)


def test_snapshot_that_fits_again_ends_an_anomaly(payment_in, snapshot_in):
    payment = payment_in("CAPTURED", anomaly="the gateway reports AUTHORIZED")
    followed = payment.follow(snapshot_in("CAPTURED"))
    assert (followed.payment.anomaly, followed.verdict) == ("", Verdict.DETAIL)


def test_contradiction_changes_nothing_at_all(payment_in, snapshot_in):
    payment = payment_in("CAPTURED", reason_code="kept", references=(GatewayReference("capture", "C-1"),))
    snapshot = snapshot_in("AUTHORIZED", under_way=Action.VOID, references=(GatewayReference("void", "V-1"),))
    assert payment.follow(snapshot).payment is payment


# -- What cannot be true in itself -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", PaymentStatus)
def test_snapshot_whose_amounts_fit_its_status_has_no_problem(snapshot_in, status):
    assert snapshot_in(status).problem() is None


@pytest.mark.parametrize(
    ("status", "authorized", "captured", "refunded"),
    [
        ("PENDING", 100, 1, 0),
        ("AUTHORIZED", 0, 0, 0),
        ("AUTHORIZED", 100, 1, 0),
        ("PARTIALLY_CAPTURED", 100, 0, 0),
        ("PARTIALLY_CAPTURED", 100, 100, 0),
        ("PARTIALLY_CAPTURED", 100, 50, 1),
        ("CAPTURED", 100, 0, 0),
        ("CAPTURED", 100, 100, 1),
        ("PARTIALLY_REFUNDED", 100, 100, 0),
        ("PARTIALLY_REFUNDED", 100, 100, 100),
        ("REFUNDED", 100, 0, 0),
        ("REFUNDED", 100, 100, 99),
        ("VOIDED", 100, 1, 0),
        ("DECLINED", 100, 1, 0),
        ("EXPIRED", 100, 1, 0),
        ("CAPTURED", 100, 101, 0),
        ("REFUNDED", 100, 100, 101),
        ("AUTHORIZED", -1, 0, 0),
        ("CAPTURED", 100, -1, 0),
        ("REFUNDED", 100, 100, -1),
        ("AUTHORIZED", AMOUNT_MINOR_MAX + 1, 0, 0),
    ],
)
def test_snapshot_whose_amounts_do_not_fit_says_so(snapshot_in, status, authorized, captured, refunded):
    snapshot = replace(
        snapshot_in(status), authorized_minor=authorized, captured_minor=captured, refunded_minor=refunded
    )
    assert snapshot.problem().startswith("the gateway reports ")
