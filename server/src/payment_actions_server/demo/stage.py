"""What the demo runs on: Amazon Pay and X-Cart shops, simulated; and the service, real; all on loopback."""

import json
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import httpx
from amazon_pay.client import AmazonPayClient

from payment_actions_server.demo.processes import Json, Process, service, simulator

GRPC_PORT: Final = 50051
HTTP_PORT: Final = 8080
CALL_SECONDS_MAX: Final = 30.0


class Shop(NamedTuple):
    """One shop of the demo: what its configuration says of it, and who it is at Amazon."""

    store: str
    capture_mode: str
    seller_id: str
    currency_code: str
    partial_refund: bool = False
    api: str = "rest"

    @property
    def access_key(self) -> str:
        """Return the key that tells Amazon which seller is calling."""
        return f"demo-access-key-{self.seller_id}"


# The keys are worth nothing anywhere but at the simulator.
SHOPS: Final = (
    Shop("eu-shop", "authorize_then_capture", "A1DEMOSELLER", "EUR"),
    Shop("outlet", "immediate_capture", "A2DEMOSELLER", "EUR", partial_refund=True),
)
#: An X-Cart 5.4, whose own Amazon module works on the same orders.
OLDER_SHOP: Final = Shop("xcart54", "authorize_then_capture", "A3DEMOSELLER", "EUR", api="rest_legacy")
DEMO_SHOPS: Final = (*SHOPS, OLDER_SHOP)
SECRET_KEY: Final = "demo-secret-key"  # noqa: S105 - as above
XCART_KEY: Final = "demo-xcart-key"


class Control:
    """A simulator's control interface."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(base_url=f"{self.url}/control/", timeout=CALL_SECONDS_MAX, trust_env=False)

    def get(self, path: str, /, **parameters: str) -> Any:
        """Read something."""
        return self._answer(self._http.get(path, params=parameters))

    def send(self, method: str, path: str, /, **fields: Any) -> Any:
        """Make something happen."""
        return self._answer(self._http.request(method, path, json=fields))

    def close(self) -> None:
        """Give up the connection."""
        self._http.close()

    @staticmethod
    def _answer(response: httpx.Response) -> Any:
        if not response.is_success:
            raise RuntimeError(f"{response.request.method} {response.request.url}: {response.text}")
        return response.json()


class Stage:
    """Starts everything, and ends it again.

    :param folder: keeps the database, the configuration and the logs.
    :param shops: the shops to start, each of them a store of the service.
    """

    amazon: Control
    shops: dict[str, Control]
    service: Process
    gateway_adapter = "amazon_pay_v1"
    gateway_seconds_max = 3.0

    def __init__(
        self, folder: Path, *, shops: Sequence[Shop] = SHOPS, fixed_ports: bool = False, service_settings: str = ""
    ) -> None:
        self.folder = folder
        self._configured_shops = shops
        self.config = folder / "payment-actions.toml"
        self._fixed_ports = fixed_ports
        self._service_settings = service_settings
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def target(self) -> str:
        """Return where the service's gRPC port is."""
        return f"127.0.0.1:{self.service.ready['grpc_port']}"

    @property
    def http_url(self) -> str:
        """Return where the service's HTTP port is."""
        return f"http://127.0.0.1:{self.service.ready['http_port']}"

    def order_page(self, store: str, order_id: str = "") -> str:
        """Return the address of the shop's page about an order, which embeds ours; without one, of its list."""
        return f"{self.shops[store].url}/admin/orders" + (f"/{order_id}" if order_id else "")

    def sdk(self, store: str) -> AmazonPayClient:
        """Return Amazon's own SDK as the shop's checkout would use it, pointed at the simulator."""
        client = AmazonPayClient(
            mws_access_key=shop_of(store).access_key,
            mws_secret_key=SECRET_KEY,
            merchant_id=shop_of(store).seller_id,
            region="eu",
            currency_code=shop_of(store).currency_code,
            sandbox=True,
            handle_throttle=False,
        )
        client._mws_endpoint = f"{self.amazon.url}/OffAmazonPayments_Sandbox/2013-01-01"
        return client

    def environment(self) -> dict[str, str]:
        """Return what the service finds in its environment."""
        keys = {f"DEMO_ACCESS_KEY_{shop.seller_id}": shop.access_key for shop in self._configured_shops}
        return {"DEMO_SECRET_KEY": SECRET_KEY, "DEMO_XCART_KEY": XCART_KEY, **keys}

    def start_service(self) -> None:
        """Start the service, or start it again after it was stopped or killed."""
        self.service = service(self.config, self.folder / "payment-actions.log", self.environment())
        for shop in self._configured_shops:
            url = f"{self.http_url}/notifications/{shop.store}"
            self.amazon.send("PUT", "notifications", seller_id=shop.seller_id, url=url, retry_seconds=1)
            self.shops[shop.store].send("PUT", "section", script=f"{self.http_url}/payment-actions.js", tag=_tag(shop))

    def _start(self) -> None:
        accounts = [f"--account={shop.seller_id}:{shop.access_key}:{SECRET_KEY}" for shop in self._configured_shops]
        log = self.folder / "amazon-pay-simulator.log"
        amazon = self._run(simulator("payment-actions-amazon-pay-simulator", log, "--no-throttling", *accounts))
        self.amazon = self._control(amazon)
        self.shops = {shop.store: self._control(self._xcart(shop)) for shop in self._configured_shops}
        self.config.write_text(self._configuration())
        self.start_service()
        self._stack.callback(self._stop_service)

    def _stop_service(self) -> None:
        self.service.stop()

    def _xcart(self, shop: Shop) -> Process:
        log = self.folder / f"xcart-simulator-{shop.store}.log"
        options = {
            "write-token": XCART_KEY,
            "key": XCART_KEY,
            "amazon-url": self.amazon.url,
            "amazon-seller-id": shop.seller_id,
            "amazon-access-key": shop.access_key,
            "amazon-secret-key": SECRET_KEY,
            "region-currency": shop.currency_code,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        return self._run(simulator("payment-actions-xcart-simulator", log, *arguments))

    def _run(self, process: Process) -> Process:
        self._stack.callback(process.stop)
        return process

    def _control(self, process: Process) -> Control:
        control = Control(process.ready["url"])
        self._stack.callback(control.close)
        return control

    def _configuration(self) -> str:
        ports = (_free(GRPC_PORT), _free(HTTP_PORT)) if self._fixed_ports else (0, 0)
        server = f"""[server]
grpc = "127.0.0.1:{ports[0]}"
http = "127.0.0.1:{ports[1]}"
database = "sqlite:///{self.folder / "payment-actions.db"}"
http_origins = [{", ".join(f'"{shop.url}"' for shop in self.shops.values())}]
{self._service_settings}
"""
        return server + "".join(self._store_table(shop) for shop in self._configured_shops)

    def _store_table(self, shop: Shop) -> str:
        return f"""
[stores.{shop.store}]
payment_methods = ["PayWithAmazon"]
capture_mode = "{shop.capture_mode}"
partial_refund = {str(shop.partial_refund).lower()}
[stores.{shop.store}.platform]
adapter = "xcart"
api = "{shop.api}"
url = "{self.shops[shop.store].url}/"
api_key = {{ env = "DEMO_XCART_KEY" }}
[stores.{shop.store}.gateway]
adapter = "{self.gateway_adapter}"
region = "eu"
sandbox = true
simulator = "{self.amazon.url}"
throttling = false
timeout_seconds = {self.gateway_seconds_max}
seller_id = "{shop.seller_id}"
access_key = {{ env = "DEMO_ACCESS_KEY_{shop.seller_id}" }}
secret_key = {{ env = "DEMO_SECRET_KEY" }}
notification_topics = ["{self._topic(shop)}"]
"""

    def _topic(self, shop: Shop) -> str:
        sample: Json = self.amazon.send("POST", "notification", sample="PaymentCapture", seller_id=shop.seller_id)
        return str(json.loads(sample["body"])["TopicArn"])


def shop_of(store: str) -> Shop:
    """Return the shop of a store id."""
    return next(shop for shop in DEMO_SHOPS if shop.store == store)


def _tag(shop: Shop) -> str:
    """Return what a shop's order page embeds; the simulator fills in the order and who is signed in."""
    return f'<payment-actions store="{shop.store}" order="{{order_id}}" actor="{{admin}}"></payment-actions>'


def _free(port: int) -> int:
    """Return ``port``, or 0 (any) when somebody listens there already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
