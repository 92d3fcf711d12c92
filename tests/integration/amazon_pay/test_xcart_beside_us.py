"""X-Cart's own module acts on the same payment, under references of its own: the snapshot shows what it did."""

from dataclasses import replace

import pytest

from payment_actions_server.plugins import Action, PaymentStatus, ResultState, StateConflict

S = PaymentStatus
PUBLIC_ID = "000042-7QX1"
PENDING = '{"SandboxSimulation":{"State":"Pending"}}'


class Module:
    """X-Cart's Amazon module: a checkout, and buttons that act beside ours."""

    def __init__(self, simulator, public_id=PUBLIC_ID):
        self._simulator = simulator
        self._public_id = public_id
        self.order = self.authorization = self.captured = self.refunded = ""

    async def check_out(self):
        self.order = await self._simulator.order()
        self.authorization = await self._simulator.authorize(
            self.order, AuthorizationReferenceId=f"auth_{self._public_id}"
        )
        return self

    async def capture(self, *, note="", close=True):
        fields = {"AmazonAuthorizationId": self.authorization, "CaptureReferenceId": f"capture_{self._public_id}"}
        fields |= {"CaptureAmount__Amount": "129.90", "CaptureAmount__CurrencyCode": "USD"}
        root = await self._simulator.call("Capture", **fields, **({"SellerCaptureNote": note} if note else {}))
        self.captured = root.findtext("CaptureResult/CaptureDetails/AmazonCaptureId")
        if close:
            await self._simulator.call("CloseOrderReference", AmazonOrderReferenceId=self.order)

    async def refund(self, capture_id=""):
        """Its button always asks for the full amount."""
        fields = {"AmazonCaptureId": capture_id or self.captured, "RefundReferenceId": f"refund_{self._public_id}"}
        fields |= {"RefundAmount__Amount": "129.90", "RefundAmount__CurrencyCode": "USD"}
        root = await self._simulator.call("Refund", **fields)
        self.refunded = root.findtext("RefundResult/RefundDetails/AmazonRefundId")

    async def void(self):
        await self._simulator.call("CloseAuthorization", AmazonAuthorizationId=self.authorization)

    @property
    def cells(self):
        """What a shop may have stored: all that its checkout knew, or one id of it."""
        return {
            "all": {"order_reference": self.order, "authorization": self.authorization},
            "authorization": {"authorization": self.authorization},
            "order reference": {"order_reference": self.order},
        }


@pytest.fixture
async def module(simulator):
    return await Module(simulator).check_out()


each_cell = pytest.mark.parametrize("cells", ["all", "authorization", "order reference"])


@each_cell
async def test_capture_by_xcart_is_found_and_bars_ours(simulator, gateway, module, make_payment, ask, cells):
    about = make_payment(**module.cells[cells])
    await module.capture()
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.captured_minor, snapshot.problem()) == (S.CAPTURED, 12_990, None)
    assert ("capture", module.captured) in snapshot.references
    asked = ask(Action.CAPTURE, about)
    with pytest.raises(StateConflict):
        await gateway.capture(asked)
    assert await gateway.look_up(asked) is None  # It was X-Cart's.
    assert await simulator.effects() == [("capture", f"capture_{PUBLIC_ID}")]


@each_cell
async def test_pending_capture_whose_id_xcart_dropped_is_found_under_its_authorization(
    simulator, gateway, module, make_payment, cells
):
    about = make_payment(**module.cells[cells])
    await module.capture(note=PENDING, close=False)
    during = await gateway.snapshot(about)
    assert (during.status, during.under_way, during.captured_minor) == (S.AUTHORIZED, Action.CAPTURE, 0)
    await simulator.finish_all()
    assert (await gateway.snapshot(about)).status is S.CAPTURED


@each_cell
async def test_void_by_xcart_is_found(gateway, module, make_payment, cells):
    await module.void()
    snapshot = await gateway.snapshot(make_payment(**module.cells[cells]))
    assert (snapshot.status, snapshot.reason_code) == (S.VOIDED, "SellerClosed")


@each_cell
@pytest.mark.parametrize("named", [False, True], ids=["refund not named", "refund named"])
async def test_refund_by_xcart_is_found_whether_or_not_its_cell_names_it(
    simulator, gateway, module, make_payment, ask, cells, named
):
    await module.capture()
    await module.refund()
    stored = module.cells[cells] | ({"refund": module.refunded} if named else {})
    about = make_payment(**stored)
    during = await gateway.snapshot(about)
    assert (during.status, during.under_way, during.refunded_minor) == (S.CAPTURED, Action.REFUND, 0)
    with pytest.raises(StateConflict, match=r"0\.00 USD left"):
        await gateway.refund(ask(Action.REFUND, about))
    await simulator.finish_all()
    after = await gateway.snapshot(about)
    assert (after.status, after.refunded_minor, after.problem()) == (S.REFUNDED, 12_990, None)
    assert ("refund", module.refunded) in after.references
    assert [kind for kind, _ in await simulator.effects()] == ["capture", "refund"]


async def test_refund_cell_that_amazon_does_not_know_hides_nothing(gateway, module, make_payment):
    await module.capture()
    about = make_payment(**module.cells["all"], refund="S01-0000000-0000000-R000000")
    assert (await gateway.snapshot(about)).status is S.CAPTURED


async def test_refund_cell_of_another_order_counts_nothing(simulator, gateway, module, make_payment):
    """A cloned order carries the cells of the first one."""
    other = await Module(simulator, "000043-7QX1").check_out()
    await module.capture()
    await other.capture()
    await other.refund()
    await simulator.finish_all()
    about = make_payment(**module.cells["all"], refund=other.refunded)
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.refunded_minor) == (S.CAPTURED, 0)


async def test_more_refunded_than_captured_is_told_and_bars_a_further_refund(
    simulator, gateway, module, make_payment, ask
):
    """X-Cart's full refund after our partial one: Amazon allows 15 % above the capture, at most 75."""
    about = make_payment(**module.cells["all"])
    assert (await gateway.capture(ask(Action.CAPTURE, about))).state is ResultState.SUCCEEDED
    await gateway.refund(ask(Action.REFUND, about, 1_500))
    await simulator.finish_all()
    capture_id = (await gateway.snapshot(about)).references[-2].value
    await module.refund(capture_id)
    during = await gateway.snapshot(about)
    assert (during.status, during.under_way, during.refunded_minor) == (S.PARTIALLY_REFUNDED, Action.REFUND, 1_500)
    assert during.problem() is None
    await simulator.finish_all()
    after = await gateway.snapshot(about)
    assert (after.status, after.captured_minor, after.refunded_minor) == (S.REFUNDED, 12_990, 14_490)
    assert "129.90 USD captured" in after.problem()
    assert "144.90 USD refunded" in after.problem()
    with pytest.raises(StateConflict, match=r"0\.00 USD left"):
        await gateway.refund(ask(Action.REFUND, about, 100))


async def test_refund_beyond_amazons_limit_is_refused_to_xcart_and_leaves_ours(
    simulator, gateway, module, make_payment, ask
):
    about = make_payment(**module.cells["all"])
    await gateway.capture(ask(Action.CAPTURE, about))
    await gateway.refund(ask(Action.REFUND, about, 2_990))
    await simulator.finish_all()
    capture_id = (await gateway.snapshot(about)).references[-2].value
    with pytest.raises(AssertionError, match="TransactionAmountExceeded"):
        await module.refund(capture_id)
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.refunded_minor) == (S.PARTIALLY_REFUNDED, 2_990)


# -- The module charges in the currency of its region, whatever the order's is -----------------------------------


async def test_authorization_in_another_currency_is_shown_in_its_own(simulator, gateway, module, make_payment):
    about = replace(make_payment(**module.cells["all"]), currency_code="GBP")
    snapshot = await gateway.snapshot(about)
    assert (snapshot.status, snapshot.currency_code, snapshot.authorized_minor) == (S.AUTHORIZED, "USD", 12_990)


@each_cell
@pytest.mark.parametrize("looked", [True, False], ids=["after a look", "after a restart"])
async def test_capture_in_another_currency_than_the_authorizations_is_refused_before_it_is_sent(
    simulator, gateway, module, make_payment, ask, cells, looked
):
    about = replace(make_payment(**module.cells[cells]), currency_code="GBP")
    if looked:
        await gateway.snapshot(about)
    with pytest.raises(StateConflict, match=r"in GBP.*is in USD.*[Vv]oid") as caught:
        await gateway.capture(ask(Action.CAPTURE, about))
    assert caught.value.reason_code == "CurrencyMismatch"
    assert "A-42" in str(caught.value)
    assert await simulator.calls("Capture") == []


async def test_void_is_the_way_out_of_another_currency(gateway, module, make_payment, ask):
    about = replace(make_payment(**module.cells["all"]), currency_code="GBP")
    assert (await gateway.void(ask(Action.VOID, about))).state is ResultState.SUCCEEDED


async def test_refund_in_another_currency_than_the_captures_is_refused_before_it_is_sent(
    simulator, gateway, module, make_payment, ask
):
    """5,000 yen are not 50.00 dollars: minor units of two currencies do not compare."""
    await module.capture()
    about = replace(make_payment(**module.cells["all"]), currency_code="JPY")
    with pytest.raises(StateConflict, match=r"in JPY.*is in USD.*Seller Central") as caught:
        await gateway.refund(ask(Action.REFUND, about, 5_000))
    assert caught.value.reason_code == "CurrencyMismatch"
    assert await simulator.calls("Refund") == []
