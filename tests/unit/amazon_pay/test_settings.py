"""A store's settings: each mistake names its key, no secret ever shows."""

import pytest
from pydantic import SecretStr

from payment_actions_amazon_pay import payment_actions_gateways
from payment_actions_amazon_pay.settings import settings_from
from payment_actions_amazon_pay.v1 import AmazonPayV1
from payment_actions_server.plugins import SettingsError

TOPIC = "arn:aws:sns:eu-west-1:291180941288:A3BXB0YN3XH17HA1SELLER"


def table(**changes):
    given = {
        "region": "eu",
        "sandbox": False,
        "seller_id": "A1SELLER",
        "access_key": SecretStr("AKIA-very-secret"),
        "secret_key": SecretStr("hush-hush"),
        **changes,
    }
    return {key: value for key, value in given.items() if value is not None}


@pytest.mark.parametrize(
    ("region", "sandbox", "endpoint"),
    [
        ("us", False, "https://mws.amazonservices.com/OffAmazonPayments/2013-01-01"),
        ("na", True, "https://mws.amazonservices.com/OffAmazonPayments_Sandbox/2013-01-01"),
        ("uk", False, "https://mws-eu.amazonservices.com/OffAmazonPayments/2013-01-01"),
        ("de", False, "https://mws-eu.amazonservices.com/OffAmazonPayments/2013-01-01"),
        ("eu", True, "https://mws-eu.amazonservices.com/OffAmazonPayments_Sandbox/2013-01-01"),
        ("jp", False, "https://mws.amazonservices.jp/OffAmazonPayments/2013-01-01"),
    ],
)
def test_endpoint_follows_region_and_environment(region, sandbox, endpoint):
    assert settings_from(table(region=region, sandbox=sandbox)).endpoint == endpoint


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("region", "fr"),
        ("region", None),
        ("sandbox", "yes"),
        ("sandbox", 1),
        ("sandbox", None),
        ("seller_id", ""),
        ("seller_id", "A1 B2"),
        ("seller_id", None),
        ("access_key", "in plain sight"),
        ("secret_key", SecretStr("")),
        ("secret_key", None),
        ("mws_auth_token", "in plain sight"),
        ("notification_topics", TOPIC),
        ("notification_topics", ["arn:aws:sqs:eu-west-1:291180941288:queue"]),
        ("notification_topics", [TOPIC + "\n"]),
        ("soft_descriptor", "seventeen letters"),
        ("close_order_references", "no"),
        ("timeout_seconds", 0),
        ("timeout_seconds", float("nan")),
        ("timeout_seconds", 61),
        ("timeout_seconds", "15"),
        ("simulator", "http://localhost:8900"),
        ("simulator", "http://10.0.0.1:8900"),
        ("simulator", "https://127.0.0.1:8900"),
        ("simulator", "http://127.0.0.1"),
        ("simulator", "http://127.0.0.1:8900@evil.example:80"),
        ("simulator", "http://127.0.0.1:8900/path"),
        ("simulator", "http://127.0.0.1:99999"),
        ("simulator", "http://127.0.0.1:8900"),  # live
        ("throttling", False),  # without a simulator
        ("sandbx", True),
    ],
)
def test_wrong_setting_is_named_and_never_shown(key, value):
    with pytest.raises(SettingsError) as error:
        settings_from(table(**{key: value}))
    assert error.value.key.split(".")[0] == key
    assert "plain sight" not in str(error.value)
    assert "hush" not in str(error.value)


def test_simulator_is_used_for_the_sandbox_only():
    settings = settings_from(table(sandbox=True, simulator="http://127.0.0.1:8900/", throttling=False))
    assert settings.endpoint == "http://127.0.0.1:8900/OffAmazonPayments_Sandbox/2013-01-01"


def test_account_is_the_same_for_two_spellings_of_one_region_and_differs_by_environment():
    assert settings_from(table(region="de")).account == settings_from(table(region="uk")).account
    assert settings_from(table()).account == "amazon_pay_v1:eu:live:A1SELLER"
    assert settings_from(table(sandbox=True)).account == "amazon_pay_v1:eu:sandbox:A1SELLER"


def test_fingerprint_differs_with_every_credential_and_tells_none():
    variants = [
        table(),
        table(access_key=SecretStr("AKIA-very-secre")),
        table(secret_key=SecretStr("hush")),
        table(mws_auth_token=SecretStr("token")),
        table(access_key=SecretStr("AKIA-very-secreth"), secret_key=SecretStr("ush-hush")),
    ]
    fingerprints = {settings_from(variant).fingerprint for variant in variants}
    assert len(fingerprints) == len(variants)
    assert not any("hush" in fingerprint for fingerprint in fingerprints)


def test_secrets_do_not_show_in_settings_or_gateway():
    settings = settings_from(table())
    gateway = AmazonPayV1(settings)
    for shown in (repr(settings), str(settings), repr(gateway), repr(gateway.capabilities)):
        assert "secret" not in shown.replace("secret_key=SecretStr", "")
        assert "hush" not in shown


def test_plugin_names_its_gateway():
    assert set(payment_actions_gateways()) == {"amazon_pay_v1"}


def test_time_limit_of_a_call_covers_the_wait_for_the_quota():
    gateway = AmazonPayV1(settings_from(table(timeout_seconds=15)))
    assert gateway.capabilities.call_seconds_max >= 15 + 5
