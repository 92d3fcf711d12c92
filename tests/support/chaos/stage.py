"""What a campaign runs on: simulators, replicas, a database, and a proxy wherever a connection can be cut."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx

from payment_actions_server.demo.processes import Process
from payment_actions_server.demo.stage import SHOPS, Control, Stage
from support.chaos.replicas import READY_SECONDS_MAX, Replica
from support.ports import free_port
from support.postgres import Postgres
from support.proxy import Address, Proxy

T = TypeVar("T")

LEASE_SECONDS = 7.5
"""The shortest that the service accepts: longer than any call of a gateway that is given up after a second."""
GATEWAY_SECONDS_MAX = 1.0
CONTROL_SECONDS_MAX = 60.0


class FreshControl(Control):
    """Makes a connection for each request: one that was idle may be closed by the other side as it is used."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._http.close()
        self._http = httpx.Client(
            base_url=f"{self.url}/control/",
            timeout=CONTROL_SECONDS_MAX,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),
        )


class ChaosStage(Stage):
    """Simulators, ``replica_count`` replicas over ``postgres`` or, without it, one over SQLite.

    Proxies stand between each replica and Amazon, between each replica and PostgreSQL, and before the replicas for
    Amazon's notifications. They, and whatever `work` is given, run in a loop of their own; processes are started by
    the main thread.
    """

    gateway_seconds_max = GATEWAY_SECONDS_MAX

    def __init__(self, folder: Path, *, replica_count: int, postgres: Postgres | None) -> None:
        assert postgres is not None or replica_count == 1
        super().__init__(folder)
        self.postgres = postgres
        self.loop = asyncio.new_event_loop()
        self.replicas = [Replica(number, folder, self.environment()) for number in range(replica_count)]
        self.amazon_proxies: list[Proxy] = []
        self.database_proxies: list[Proxy] = []
        self.notification_proxy: Proxy
        self._turn = count()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def work(self, coroutine: Coroutine[Any, Any, T], seconds_max: float = 30.0) -> T:
        """Run something in the loop, from another thread, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(seconds_max)

    def start_service(self) -> None:
        """Start the proxies and the replicas."""
        self._thread.start()
        self._stack.callback(self._stop_loop)
        self.notification_proxy = self._proxy(self._some_replica)
        amazon = Address("127.0.0.1", int(self.amazon.url.rpartition(":")[2]))
        for replica in self.replicas:
            self.amazon_proxies.append(self._proxy(lambda: amazon))
            if self.postgres is not None:
                server = Address("127.0.0.1", self.postgres.port)
                self.database_proxies.append(self._proxy(lambda server=server: server))
            replica.config.write_text(self._configuration_of(replica))
            replica.launch()
        self.wait_until_serving()
        for shop in SHOPS:
            url = f"http://127.0.0.1:{self.notification_proxy.port}/notifications/{shop.store}"
            self.amazon.send("PUT", "notifications", seller_id=shop.seller_id, url=url, retry_seconds=1)

    def wait_until_serving(self) -> None:
        """Wait until every replica serves, starting those that gave up."""
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not all(replica.serving for replica in self.replicas):
            for replica in self.replicas:
                replica.look_after()
            if time.monotonic() > deadline:
                words = "\n".join(replica.last_words for replica in self.replicas if not replica.serving)
                raise AssertionError(f"not all replicas serve after {READY_SECONDS_MAX} s:\n{words}")
            time.sleep(0.05)

    def heal(self) -> None:
        """End all faults that are under way."""
        for proxy in [*self.amazon_proxies, *self.database_proxies, self.notification_proxy]:
            self.loop.call_soon_threadsafe(proxy.heal)
        for control in (self.amazon, *self.shops.values()):
            control.send("DELETE", "faults")
        if self.postgres is not None and not self.postgres.running:
            self.postgres.start()
        for replica in self.replicas:
            replica.resume()

    def _run(self, process: Process) -> Process:
        self._stack.callback(process.kill)  # Their memory is all they have, and a graceful end takes its time.
        return process

    def _control(self, process: Process) -> Control:
        control = FreshControl(process.ready["url"])
        self._stack.callback(control.close)
        return control

    def _stop_service(self) -> None:
        for replica in self.replicas:
            replica.kill()

    def _stop_loop(self) -> None:
        async def close() -> None:
            for proxy in [*self.amazon_proxies, *self.database_proxies, self.notification_proxy]:
                await proxy.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.work(close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    def _proxy(self, target: Any) -> Proxy:
        proxy = Proxy(target)
        self.work(proxy.start(free_port()))
        return proxy

    def _some_replica(self) -> Address:
        replica = self.replicas[next(self._turn) % len(self.replicas)]
        return Address("127.0.0.1", replica.http_port)

    def _configuration(self) -> str:
        return ""  # Each replica has its own.

    def _configuration_of(self, replica: Replica) -> str:
        database = f"sqlite:///{self.folder / 'payment-actions.db'}"
        if self.postgres is not None:
            port = self.database_proxies[replica.number].port
            database = self.postgres.url("chaos").replace(f":{self.postgres.port}/", f":{port}/")
        server = f"""[server]
grpc = "127.0.0.1:{replica.grpc_port}"
http = "127.0.0.1:{replica.http_port}"
database = "{database}"
lease_seconds = {LEASE_SECONDS}
"""
        tables = "".join(self._store_table(shop._replace(partial_refund=True)) for shop in SHOPS)
        direct = f'simulator = "{self.amazon.url}"'
        assert direct in tables
        port = self.amazon_proxies[replica.number].port
        return server + tables.replace(direct, f'simulator = "http://127.0.0.1:{port}"')
