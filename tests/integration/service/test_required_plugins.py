"""A policy that a store relies on, broken or gone: `check`, `plugins`, the metrics and the service say so."""

import json

import grpc
import httpx
import pytest
from support.installation import CALL_SECONDS_MAX, Installation

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.payment_actions_pb2_grpc import PaymentActionsStub

STORE = """
[stores.{name}]
payment_methods = ["Amazon Pay"]
capture_mode = "authorize_then_capture"
{required}
platform = {{ adapter = "xcart", url = "https://{name}.example/", api_key = {{ env = "KEY" }} }}
[stores.{name}.gateway]
adapter = "amazon_pay_v1"
region = "eu"
sandbox = true
seller_id = "A1"
access_key = {{ env = "KEY" }}
secret_key = {{ env = "KEY" }}
"""
GOOD = """
    from payment_actions_server.plugins import hookimpl

    @hookimpl
    def payment_actions_review(request):
        return "Never."
"""
UNIMPORTABLE = "import no_such_module"
HALF_BROKEN = (
    GOOD
    + """
    @hookimpl
    def payment_actions_gateways():
        raise RuntimeError("no key")
"""
)
WATCHING = """
    from payment_actions_server.plugins import hookimpl

    @hookimpl
    def payment_actions_event(event):
        pass
"""


@pytest.fixture
def installation(tmp_path):
    """Return an installation to which plugins can be added, and what runs the program in it."""
    return Installation(tmp_path, KEY="s3cret-key")


def add_store(installation, name, *required):
    setting = f"required_plugins = {json.dumps(required)}" if required else ""
    installation.configure(STORE.format(name=name, required=setting))


def ask(ready, store):
    with grpc.insecure_channel(f"127.0.0.1:{ready['grpc_port']}") as channel, pytest.raises(grpc.RpcError) as refused:
        PaymentActionsStub(channel).GetPayment(
            pb.GetPaymentRequest(store=store, order_id="1"), timeout=CALL_SECONDS_MAX
        )
    return refused.value


def test_a_required_plugin_that_is_installed_and_sound_is_in_order(installation):
    installation.add_plugin("guard", GOOD)
    add_store(installation, "shop", "guard", "xcart")
    assert installation.check()[0] == 0


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "it requires the plugin guard, which is not installed"),
        (UNIMPORTABLE, "ModuleNotFoundError: No module named 'no_such_module'"),
        (HALF_BROKEN, "RuntimeError: no key"),
    ],
    ids=["missing", "unimportable", "half broken"],
)
def test_a_required_plugin_that_is_missing_or_broken_is_told_by_check_and_puts_only_its_store_out_of_service(
    installation, source, said
):
    if source:
        installation.add_plugin("guard", source)
    add_store(installation, "guarded", "guard")
    add_store(installation, "other")
    code, told = installation.check()
    assert code == 8
    assert "stores.guarded" in told
    assert "requires the plugin guard" in told
    assert said in told
    with installation.serve() as ready:
        assert (ready["stores"], ready["unavailable_stores"]) == (["other"], ["guarded"])
        error = ask(ready, "guarded")
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert "requires the plugin guard" in error.details()


@pytest.mark.parametrize("source", [UNIMPORTABLE, HALF_BROKEN], ids=["unimportable", "half broken"])
def test_check_names_every_broken_plugin_though_no_store_requires_it(installation, source):
    installation.add_plugin("guard", source)
    add_store(installation, "shop")
    code, told = installation.check()
    assert code == 8
    assert "the plugin guard (guard in " in told
    assert "in order" not in told


def test_a_plugin_name_that_is_misspelt_is_answered_with_the_nearest(installation):
    installation.add_plugin("guard", GOOD)
    add_store(installation, "shop", "gaurd")
    assert "Did you mean guard?" in installation.check()[1]


def test_plugins_tells_which_of_them_review_and_which_observe(installation):
    installation.add_plugin("guard", GOOD)
    installation.add_plugin("watcher", WATCHING)
    installation.add_plugin("broken", UNIMPORTABLE)
    installation.add_plugin("half", HALF_BROKEN)
    code, told = installation.run("plugins", "--json")
    listed = json.loads(told[told.index('{\n  "plugins"') :])["plugins"]
    found = {one["name"]: (one["reviews"], one["observes"]) for one in listed}
    assert code == 8
    assert found["guard"] == (True, False)
    assert found["watcher"] == (False, True)
    assert found["broken"] == (False, False)
    assert found["half"] == (True, False)
    assert found["xcart"] == (False, False)
    table = installation.run("plugins")[1]
    assert "reviews" in next(line for line in table.splitlines() if line.startswith("guard "))
    assert "observes" in next(line for line in table.splitlines() if line.startswith("watcher "))


def test_a_metric_counts_plugins_by_state_and_role(installation):
    installation.add_plugin("guard", GOOD)
    installation.add_plugin("watcher", WATCHING)
    installation.add_plugin("broken", UNIMPORTABLE)
    add_store(installation, "shop")
    with installation.serve() as ready:
        text = httpx.get(f"http://127.0.0.1:{ready['http_port']}/metrics", timeout=CALL_SECONDS_MAX).text
    assert 'payment_actions_plugins{role="reviews",state="in_use"} 1.0' in text
    assert 'payment_actions_plugins{role="observes",state="in_use"} 1.0' in text
    assert 'payment_actions_plugins{role="adapters",state="in_use"} 2.0' in text
    assert 'payment_actions_plugins{role="none",state="broken"} 1.0' in text
    assert 'payment_actions_plugins{role="reviews",state="broken"} 0.0' in text
