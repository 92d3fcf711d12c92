"""docs/amazon-pay.md knows every setting and every word that the tables know."""

from dataclasses import fields
from pathlib import Path

import pytest

from payment_actions_amazon_pay.refusals import CODES, Proof
from payment_actions_amazon_pay.settings import REGIONS, AmazonPayV1Settings
from payment_actions_amazon_pay.states import AUTHORIZATIONS, CAPTURES, ORDERS_ALONE

PAGE = (Path(__file__).parents[3] / "docs" / "amazon-pay.md").read_text(encoding="utf-8")
OF_OTHER_CALLS = {
    "BillingAgreementConstraintsExist",
    "BillingAgreementNotModifiable",
    "InternalError",
    "InvalidAddress",
    "InvalidAddressConsentToken",
    "OrderReferenceCountExceeded",
    "OrderReferenceNotModifiable",
    "PaymentMethodNotUpdated",
    "PeriodicAmountExceeded",
}


@pytest.mark.parametrize("name", [field.name for field in fields(AmazonPayV1Settings)])
def test_setting_is_documented(name):
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("region", REGIONS)
def test_region_is_documented(region):
    assert f"`{region}`" in PAGE


@pytest.mark.parametrize(
    "reason", sorted({key[1] for table in (AUTHORIZATIONS, CAPTURES, ORDERS_ALONE) for key in table} - {"*"})
)
def test_reason_code_is_documented(reason):
    assert f"`{reason}`" in PAGE


@pytest.mark.parametrize("code", sorted(CODES.keys() - OF_OTHER_CALLS))
def test_error_code_is_documented(code):
    assert f"`{code}`" in PAGE
    assert CODES[code] in Proof
