"""The wiring: which stores open, and the whole service in this process."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import grpc
import httpx
import pytest
from google.type.money_pb2 import Money
from integration.transport.conftest import refusal

from payment_actions.v1 import payment_actions_pb2 as pb
from payment_actions.v1.payment_actions_pb2_grpc import PaymentActionsStub
from payment_actions_server.app import Service, check
from payment_actions_server.config import AdapterConfig, Address, Config, ConfigError, ServerConfig, StoreConfig
from payment_actions_server.domain.decision import Terms
from payment_actions_server.domain.errors import GatewayUnavailable, PlatformUnavailable
from payment_actions_server.domain.status import CaptureMode
from payment_actions_server.plugins import PlatformKind, SettingsError, hookimpl
from payment_actions_server.plugins.fakes import InMemoryGateway, InMemoryPlatform, full_capabilities, slow
from payment_actions_server.plugins.loader import Plugins
from payment_actions_server.stores import open_stores, try_stores


def now():
    return datetime.now(UTC)


class Shop:
    """A plugin with a platform and a gateway in memory; a store's setting ``fail`` makes its adapter fail."""

    def __init__(self, kind=PlatformKind.RECORDING):
        self.platform = InMemoryPlatform(now, kind=kind)
        self.gateways = []

    @hookimpl
    def payment_actions_store_platforms(self):
        return {"memory_shop": lambda settings: self.opened(settings, self.platform)}

    @hookimpl
    def payment_actions_gateways(self):
        return {"memory_pay": self.gateway}

    def gateway(self, settings):
        account, fingerprint = settings.get("account", "a"), settings.get("fingerprint", "f")
        capabilities = full_capabilities(partial=settings.get("partial", False), account=account)
        capabilities = replace(capabilities, credentials_fingerprint=fingerprint)
        self.gateways.append(InMemoryGateway(now, capabilities=capabilities))
        return self.opened(settings, self.gateways[-1])

    def opened(self, settings, adapter):
        if "fail" in settings:
            raise settings["fail"]
        return adapter


class OtherPay:
    """A plugin with a gateway only."""

    @hookimpl
    def payment_actions_gateways(self):
        return {"other_pay": lambda settings: InMemoryGateway(now)}


class Broken:
    """A plugin that cannot say what it brings."""

    @hookimpl
    def payment_actions_gateways(self):
        raise ImportError("no module named braintree")


def store(platform="memory_shop", gateway="memory_pay", gateway_settings=None, platform_settings=None, **more):
    return StoreConfig(
        payment_methods=("In Memory Pay",),
        capture_mode=CaptureMode.AUTHORIZE_THEN_CAPTURE,
        platform=AdapterConfig(adapter=platform, settings=platform_settings or {}),
        gateway=AdapterConfig(adapter=gateway, settings=gateway_settings or {}),
        **more,
    )


def config(**stores):
    return Config(file="pa.toml", stores=stores)


def mistakes(config, *plugins):
    return [
        (problem.key, f"{problem.problem}. {problem.remedy}")
        for problem in try_stores(config, Plugins.of(*plugins)).problems
    ]


def test_a_store_opens_with_its_adapters_and_terms():
    stores, unavailable = open_stores(config(eu=store()), Plugins.of(Shop()))
    assert (stores["eu"].platform_adapter, stores["eu"].gateway_adapter) == ("memory_shop", "memory_pay")
    assert stores["eu"].terms == Terms(CaptureMode.AUTHORIZE_THEN_CAPTURE)
    assert unavailable == {}


@pytest.mark.parametrize(("told", "able"), [(True, True), (True, False), (False, True)])
def test_partial_amounts_need_both_the_store_and_the_gateway(told, able):
    table = store(gateway_settings={"partial": able}, partial_capture=told, partial_refund=told)
    terms = open_stores(config(eu=table), Plugins.of(Shop()))[0]["eu"].terms
    assert (terms.partial_capture, terms.partial_refund) == (told and able, told and able)


def test_an_unknown_adapter_is_a_mistake_that_names_the_known_ones():
    ((key, said),) = mistakes(config(eu=store(gateway="memory_play")), Shop(), OtherPay())
    assert key == "stores.eu.gateway.adapter"
    assert "Did you mean memory_pay? The adapters that were found are: memory_pay, other_pay" in said


def test_a_wrong_setting_is_a_mistake_that_names_the_key():
    wrong = {"fail": SettingsError("region", "is not a region; use eu, us or jp")}
    ((key, said),) = mistakes(config(eu=store(gateway_settings=wrong)), Shop())
    assert key == "stores.eu.gateway.region"
    assert "use eu, us or jp" in said


def test_all_mistakes_of_all_stores_are_told_at_once():
    wrong = {"fail": SettingsError("url", "is missing")}
    stores = {"a": store(platform="x", gateway="y"), "b": store(platform_settings=wrong, gateway="z")}
    with pytest.raises(ConfigError) as caught:
        open_stores(config(**stores), Plugins.of(Shop()))
    assert [problem.key for problem in caught.value.problems] == [
        "stores.a.platform.adapter",
        "stores.a.gateway.adapter",
        "stores.b.platform.url",
        "stores.b.gateway.adapter",
    ]


def test_two_stores_of_one_account_must_share_credentials():
    shared = {"account": "one", "fingerprint": "old"}
    same = config(a=store(gateway_settings=shared), b=store(gateway_settings=shared))
    other = config(a=store(gateway_settings=shared), b=store(gateway_settings=shared | {"fingerprint": "new"}))
    assert mistakes(same, Shop()) == []
    ((key, said),) = mistakes(other, Shop())
    assert key == "stores.b.gateway"
    assert "store a too" in said


def test_an_executing_platform_with_anothers_gateway_would_move_money_twice():
    shop = Shop(PlatformKind.EXECUTING)
    assert mistakes(config(eu=store()), shop, OtherPay()) == []
    ((key, said),) = mistakes(config(eu=store(gateway="other_pay")), shop, OtherPay())
    assert key == "stores.eu.gateway.adapter"
    assert "both would move money" in said


def test_a_broken_plugin_takes_only_the_stores_that_may_need_it():
    stores = {"fine": store(), "lost": store(gateway="braintree")}
    opened, unavailable = open_stores(config(**stores), Plugins.of(Shop(), Broken()))
    assert list(opened) == ["fine"]
    assert isinstance(unavailable["lost"], GatewayUnavailable)
    assert "no module named braintree" in unavailable["lost"].message


def test_an_adapter_that_crashes_takes_only_its_store_and_tells_no_secret():
    stores = {"fine": store(), "lost": store(platform_settings={"fail": ValueError("key hunter2 is refused")})}
    with_secret = replace(config(**stores), secrets=("hunter2",))
    opened, unavailable = open_stores(with_secret, Plugins.of(Shop()))
    assert list(opened) == ["fine"]
    assert isinstance(unavailable["lost"], PlatformUnavailable)
    assert "it failed with ValueError: key [secret] is refused" in unavailable["lost"].message


class Odd:
    """A plugin whose adapters are as a test makes them."""

    def __init__(self, make):
        self.make = make

    @hookimpl
    def payment_actions_store_platforms(self):
        return {"odd_shop": lambda settings: self.make()}

    @hookimpl
    def payment_actions_gateways(self):
        return {"odd_pay": lambda settings: self.make()}


def declaring(name, value):
    """Return what makes an adapter that declares this."""
    adapter = type("Adapter", (InMemoryPlatform if name == "kind" else InMemoryGateway,), {name: property(value)})
    return lambda: adapter(now)


GATEWAY_METHODS = ("capture", "void", "refund", "look_up", "snapshot", "verify_notification", "aclose")


async def asynchronous():
    return InMemoryPlatform(now)


def without(name, adapter=InMemoryGateway):
    """Return what makes an adapter in which one method is a plain function."""
    return lambda: type("Adapter", (adapter,), {name: lambda self, *arguments: None})(now)


def raising(error):
    def fail(*_):
        raise error

    return fail


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: None, "its factory returned None"),
        (
            object,
            "; ".join(f"it has no {name}" for name in ("read_order", "list_orders", "apply_status", "aclose"))
            + "; its kind cannot be read: it failed with AttributeError: 'object' object has no attribute 'kind'",
        ),
        (lambda: InMemoryPlatform, "its factory returned the class InMemoryPlatform, not an instance of it"),
        (asynchronous, "its factory returned a coroutine: write it with `def` instead of `async def`"),
        (
            without("apply_status", InMemoryPlatform),
            "its apply_status is a plain function: its answer is awaited, so write `async def`",
        ),
        (
            declaring("kind", raising(RuntimeError("no key"))),
            "its kind cannot be read: it failed with RuntimeError: no key",
        ),
        (declaring("kind", lambda _: "executing"), "its kind, which says who moves the money, is of type str"),
        (declaring("kind", lambda _: None), "its kind, which says who moves the money, is of type NoneType"),
    ],
    ids=["none", "nothing", "class", "asynchronous", "plain function", "kind fails", "kind as text", "empty kind"],
)
def test_a_platform_that_does_not_declare_its_kind_takes_only_its_store(make, said):
    stores = {"fine": store(), "lost": store(platform="odd_shop")}
    opened, unavailable = open_stores(config(**stores), Plugins.of(Shop(), Odd(make)))
    assert list(opened) == ["fine"]
    assert isinstance(unavailable["lost"], PlatformUnavailable)
    assert f"its platform adapter odd_shop cannot be used: {said}." in unavailable["lost"].message


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: None, "its factory returned None"),
        (
            object,
            "; ".join(f"it has no {name}" for name in GATEWAY_METHODS)
            + "; its capabilities cannot be read: it failed with"
            + " AttributeError: 'object' object has no attribute 'capabilities'",
        ),
        (without("capture"), "its capture is a plain function: its answer is awaited, so write `async def`"),
        (
            declaring("capabilities", raising(RuntimeError("no key"))),
            "its capabilities cannot be read: it failed with RuntimeError: no key",
        ),
        (declaring("capabilities", lambda _: None), "NoneType is no GatewayCapabilities"),
    ],
    ids=["none", "nothing", "plain function", "capabilities fail", "empty capabilities"],
)
def test_a_gateway_that_does_not_declare_its_capabilities_takes_only_its_store(make, said):
    stores = {"fine": store(), "lost": store(gateway="odd_pay")}
    opened, unavailable = open_stores(config(**stores), Plugins.of(Shop(), Odd(make)))
    assert list(opened) == ["fine"]
    assert isinstance(unavailable["lost"], GatewayUnavailable)
    assert f"its gateway adapter odd_pay cannot be used: {said}." in unavailable["lost"].message


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"call_seconds_max": None}, "GatewayCapabilities.call_seconds_max cannot be read; it is of type NoneType"),
        ({"call_seconds_max": "20"}, "GatewayCapabilities.call_seconds_max cannot be read; it is of type str"),
        ({"account": None}, "GatewayCapabilities.account cannot be read; it is of type NoneType"),
        ({"capture": True}, "bool is no ActionCapability"),
    ],
    ids=str,
)
def test_a_capability_of_the_wrong_type_takes_only_its_store_and_is_named(wrong, said):
    capabilities = replace(full_capabilities(), **wrong)
    odd = Odd(lambda: InMemoryGateway(now, capabilities=capabilities))
    stores = {"fine": store(), "lost": store(gateway="odd_pay")}
    opened, unavailable = open_stores(config(**stores), Plugins.of(Shop(), odd))
    assert list(opened) == ["fine"]
    assert f"its gateway adapter odd_pay cannot be used: {said}." in unavailable["lost"].message


def test_capabilities_are_read_once():
    class Fickle(InMemoryGateway):
        reads = 0

        @property
        def capabilities(self):
            self.reads += 1
            return super().capabilities

    fickle = Fickle(now)
    open_stores(config(a=store(gateway="odd_pay"), b=store()), Plugins.of(Shop(), Odd(lambda: fickle)))
    assert fickle.reads == 1


async def test_an_unknown_kind_of_database_is_a_mistake(tmp_path):
    wrong = Config(server=ServerConfig(database="mysql://db/pa"), stores={"eu": store()})
    with pytest.raises(ConfigError, match=r"server.database: .*mysql"):
        async with Service(wrong, plugins=Plugins.of(Shop())):
            pass


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("", "", None),
        ('adapter = "xcart"', 'adapter = "xkart"', "stores.eu-shop.platform.adapter"),
        ('region = "eu"', 'region = "mars"', "stores.eu-shop.gateway.region"),
        ("[server]", "[servers]", "servers"),
        ("sqlite://", "mysql://", "server.database"),
    ],
)
def test_check_tells_everything_without_serving(tmp_path, monkeypatch, old, new, key):
    monkeypatch.setenv("SHOP_KEY", "s")
    path = tmp_path / "pa.toml"
    path.write_text(CHECKED.replace(old, new) if old else CHECKED)
    assert [problem.key for problem in check(path)] == ([key] if key else [])
    assert not (tmp_path / "pa.db").exists()


CHECKED = """
[server]
database = "sqlite:///pa.db"
[stores.eu-shop]
payment_methods = ["Amazon Pay"]
capture_mode = "authorize_then_capture"
[stores.eu-shop.platform]
adapter = "xcart"
url = "https://shop.example/"
api_key = { env = "SHOP_KEY" }
[stores.eu-shop.gateway]
adapter = "amazon_pay_v1"
region = "eu"
sandbox = true
seller_id = "A1B2C3"
access_key = { env = "SHOP_KEY" }
secret_key = { env = "SHOP_KEY" }
"""


# -- In process -----------------------------------------------------------------------------------------------------


@pytest.fixture
def shop():
    return Shop()


def served_config(tmp_path, **stores):
    server = ServerConfig(
        grpc=Address("127.0.0.1", 0),
        http=Address("127.0.0.1", 0),
        database=f"sqlite:///{tmp_path}/pa.db",
        grace_seconds=2,
    )
    return Config(server=server, stores=stores, file="pa.toml")


@asynccontextmanager
async def called(config, *plugins):
    """Start a service; yield a caller's stub of it."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Service(config, plugins=Plugins.of(*plugins)))
        channel = grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}")
        yield PaymentActionsStub(await stack.enter_async_context(channel))


async def test_the_service_captures_an_order_end_to_end(tmp_path, shop):
    async with called(served_config(tmp_path, eu=store()), shop) as stub:
        shop.platform.place("4711", references=(shop.gateways[0].authorize("4711", 12_990),))
        shown = (await stub.GetPayment(pb.GetPaymentRequest(store="eu", order_id="4711"))).payment
        request = pb.CapturePaymentRequest(store="eu", order_id="4711", request_id="r1", etag=shown.etag)
        done = await stub.CapturePayment(request, metadata=[("payment-actions-actor", "Ann")])
        again = await stub.CapturePayment(request)
    assert [one.action for one in shown.available_actions] == [pb.ACTION_CAPTURE, pb.ACTION_VOID]
    assert (done.operation.state, done.operation.actor) == (pb.OPERATION_STATE_SUCCEEDED, "Ann")
    assert done.payment.captured_amount == Money(currency_code="USD", units=129, nanos=900_000_000)
    assert again.operation.operation_id == done.operation.operation_id
    assert [effect.amount_minor for effect in shop.gateways[0].effects] == [12_990]


async def test_hanging_up_over_http_stops_no_action(tmp_path, shop):
    settings = served_config(tmp_path, eu=store())
    async with Service(settings, plugins=Plugins.of(shop)) as service, httpx.AsyncClient(timeout=30) as web:
        gateway, asked, answering = shop.gateways[0], asyncio.Event(), asyncio.Event()

        async def busy():
            asked.set()
            await answering.wait()

        shop.platform.place("4711", references=(gateway.authorize("4711", 12_990),))
        gateway.faults.inject("capture", slow(busy))
        url = f"http://127.0.0.1:{service.http_port}/payment_actions.v1.PaymentActions/CapturePayment"
        request = {"store": "eu", "orderId": "4711", "requestId": "r1"}
        asking = asyncio.create_task(web.post(url, json=request))
        await asked.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.sleep(0.5)  # For the service to notice; what it would stop then, it would stop by now.
        answering.set()
        again = (await web.post(url, json=request)).json()
        async with asyncio.timeout(60):
            while again["operation"]["state"] != "OPERATION_STATE_SUCCEEDED":
                await asyncio.sleep(0.1)
                again = (await web.post(url, json=request)).json()
        assert [effect.amount_minor for effect in gateway.effects] == [12_990]


async def test_health_and_metrics_are_served_beside_it(tmp_path, shop):
    settings = served_config(tmp_path, eu=store())
    async with Service(settings, plugins=Plugins.of(shop)) as service, httpx.AsyncClient(timeout=30) as web:
        url = f"http://127.0.0.1:{service.http_port}"
        assert (await web.get(f"{url}/healthz")).json()["status"] == "ok"
        assert "payment_actions_operations_in_flight 0.0" in (await web.get(f"{url}/metrics")).text
        assert (await web.post(f"{url}/notifications/eu", content=b"forged")).status_code in {400, 403}
        assert (await web.post(f"{url}/notifications/nobody", content=b"x")).status_code == 404


async def test_an_unavailable_store_says_so_and_the_others_serve(tmp_path, shop):
    stores = {"fine": store(), "lost": store(gateway="braintree")}
    async with called(served_config(tmp_path, **stores), shop, Broken()) as stub:
        refused = await refusal(stub.GetPayment(pb.GetPaymentRequest(store="lost", order_id="1")))
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "GATEWAY_UNAVAILABLE")
        await stub.ListPayments(pb.ListPaymentsRequest(store="fine"))


async def test_stopping_closes_every_adapter(tmp_path, shop):
    async with Service(served_config(tmp_path, eu=store()), plugins=Plugins.of(shop)):
        assert not shop.platform.closed
    assert shop.platform.closed
    assert shop.gateways[0].closed


async def test_a_service_that_cannot_listen_leaves_nothing_behind(tmp_path, shop):
    async with Service(served_config(tmp_path, eu=store()), plugins=Plugins.of(Shop())) as first:
        taken = replace(served_config(tmp_path, eu=store()).server, grpc=Address("127.0.0.1", first.grpc_port))
        second = Config(server=taken, stores={"eu": store()})
        with pytest.raises(OSError, match="cannot listen"):
            async with Service(second, plugins=Plugins.of(shop)):
                pass
    assert shop.platform.closed


async def test_a_restarted_service_knows_what_the_last_one_did(tmp_path, shop):
    for _ in range(2):
        async with called(served_config(tmp_path, eu=store()), shop) as stub:
            shop.gateways[-1].authorize("4711", 12_990)
            shop.platform.place("4711")
            await stub.GetPayment(pb.GetPaymentRequest(store="eu", order_id="4711"))
            history = await stub.ListEvents(pb.ListEventsRequest(store="eu", order_id="4711"))
    assert [event.type for event in history.events] == [pb.EVENT_TYPE_PAYMENT_SEEN]
