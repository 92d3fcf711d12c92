"""The HTTP port."""

import asyncio

import httpx
import pytest
from integration.transport.conftest import half_a_request, until
from structlog.testing import capture_logs

from payment_actions_server.domain.errors import GatewayUnavailable, StoreNotFound
from payment_actions_server.engine import StorageUnavailable
from payment_actions_server.plugins import NotificationRefused, Unavailable
from payment_actions_server.transport.http import BODY_BYTES_MAX, NOTIFICATIONS_MAX, HttpApplication, HttpServer
from payment_actions_server.transport.metrics import Metrics

URL = "/notifications/shop"


async def test_a_notification_is_handed_on_as_it_came(web, engine):
    body = b'{"Type": "Notification"}'
    answer = await web.post(URL, content=body, headers={"X-Amz-Sns-Message-Type": "Notification"})
    store, headers, taken = engine.asked[0]
    assert (answer.status_code, store, taken) == (200, "shop", body)
    assert headers["x-amz-sns-message-type"] == "Notification"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotificationRefused("No.", kind="signature"), 403),
        (NotificationRefused("No.", kind="seller"), 403),
        (NotificationRefused("No.", kind="format"), 400),
        (NotificationRefused("No.", kind="version"), 400),
        (NotificationRefused("No.", kind="size"), 413),
        (StoreNotFound("No."), 404),
        (GatewayUnavailable("Plugin broken."), 503),
        (Unavailable("No certificate."), 503),
        (TimeoutError(), 503),
        (ValueError("bug"), 503),
    ],
)
async def test_what_the_sender_is_told(web, engine, metrics, error, code):
    engine.notification_error = error
    assert (await web.post(URL, content=b"{}")).status_code == code
    assert b'payment_actions_notifications_total{outcome="' in metrics.render({})


async def test_a_notification_is_one_line_without_its_content(web, engine):
    engine.notification_error = NotificationRefused("Bad signature.", kind="signature")
    with capture_logs() as lines:
        await web.post(URL, content=b"s3cret-content", headers={"authorization": "s3cret-header"})
    assert lines == [
        {
            "event": "notification",
            "log_level": "info",
            "store": "shop",
            "kind": "signature",
            "outcome": "refused",
            "code": 403,
            "why": "Bad signature.",
        }
    ]


async def test_a_notification_that_the_database_cannot_take_now_is_no_incident(web, engine):
    engine.notification_error = StorageUnavailable("127.0.0.1:5432/shop: ConnectionError")
    with capture_logs() as lines:
        answer = await web.post(URL, content=b"{}")
    assert answer.status_code == 503
    assert [(line["event"], line.get("outcome")) for line in lines] == [
        ("storage unavailable", None),
        ("notification", "unavailable"),
    ]


async def test_a_body_at_the_limit_is_taken_and_one_beyond_is_not(web, engine):
    assert (await web.post(URL, content=b"x" * BODY_BYTES_MAX)).status_code == 200
    assert (await web.post(URL, content=b"x" * (BODY_BYTES_MAX + 1))).status_code == 413
    assert len(engine.asked) == 1


async def test_an_endless_body_is_given_up_at_the_limit(web, engine):
    sent = 0

    async def endless():
        nonlocal sent
        while True:
            sent += 16_384
            yield b"x" * 16_384

    assert (await web.post(URL, content=endless())).status_code == 413
    assert sent <= BODY_BYTES_MAX + 2 * 16_384
    assert engine.asked == []


async def test_a_body_that_does_not_come_in_whole_is_given_up(engine, metrics, monkeypatch):
    monkeypatch.setattr("payment_actions_server.transport.http.BODY_SECONDS_MAX", 0.2)
    server = HttpServer(HttpApplication(engine, metrics, lambda: True))
    port = await server.start("127.0.0.1", 0)
    assert (await half_a_request(f"http://127.0.0.1:{port}", URL)).startswith(b"HTTP/1.1 408")
    assert engine.asked == []
    await server.stop(1)


async def test_a_flood_is_sent_away_to_come_again(web, engine, monkeypatch):
    blocked, taken = asyncio.Event(), []

    async def take(*_):
        taken.append(None)
        await blocked.wait()
        raise StoreNotFound("No.")

    engine.take_notification = take
    calls = [asyncio.create_task(web.post(URL)) for _ in range(NOTIFICATIONS_MAX)]
    await until(lambda: len(taken) == NOTIFICATIONS_MAX)
    assert (await web.post(URL)).status_code == 503
    blocked.set()
    assert {call.status_code for call in await asyncio.gather(*calls)} == {404}


@pytest.mark.parametrize("hanging", ["hangs", "someone-elses"])
async def test_a_store_that_hangs_has_no_other_stores_notifications_sent_away(engine, hanging):
    blocked, taken = asyncio.Event(), []

    async def take(store, *_):
        taken.append(store)
        if store == hanging:
            await blocked.wait()
        raise StoreNotFound("No.")

    engine.take_notification = take
    app = HttpApplication(engine, Metrics(["hangs", "shop"]), lambda: True)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        calls = [asyncio.create_task(client.post(f"/notifications/{hanging}")) for _ in range(NOTIFICATIONS_MAX)]
        await until(lambda: len(taken) == NOTIFICATIONS_MAX)
        assert (await client.post(URL)).status_code == 404
        assert (await client.post(f"/notifications/{hanging}")).text == "busy\n"
        blocked.set()
        await asyncio.gather(*calls)


@pytest.mark.parametrize("path", ["/notifications/", "/notifications/No%20Store", "/notifications/a/b", "/nothing"])
async def test_other_paths_are_not_found(web, engine, path):
    assert (await web.post(path)).status_code == 404
    assert engine.asked == []


async def test_strangers_store_names_do_not_become_labels(web, metrics):
    await web.post("/notifications/someone-elses")
    assert b"someone-elses" not in metrics.render({})


async def test_only_post_notifies(web):
    assert (await web.get(URL)).status_code == 405


async def test_healthy_when_storage_answers(web):
    answer = await web.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "ready": True, "storage": True})


async def test_not_healthy_when_storage_does_not_answer(web, engine):
    engine.counts_error = OSError("disk")
    answer = await web.get("/healthz")
    assert (answer.status_code, answer.json()["storage"]) == (503, False)


async def test_not_healthy_while_stopping(engine, metrics):
    transport = httpx.ASGITransport(app=HttpApplication(engine, metrics, lambda: False))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.get("/healthz")).status_code == 503


async def test_metrics_show_what_the_engine_counts(web):
    answer = await web.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert "payment_actions_operations_in_flight 3.0" in answer.text


async def test_metrics_come_without_the_engines_counts_too(web, engine):
    engine.counts_error = OSError("disk")
    assert (await web.get("/metrics")).status_code == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nothing"])
async def test_every_answer_has_the_security_headers(web, path):
    headers = (await web.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_a_real_port_serves_and_stops(engine, metrics):
    server = HttpServer(HttpApplication(engine, metrics, lambda: True))
    port = await server.start("127.0.0.1", 0)
    async with httpx.AsyncClient(timeout=30) as client:
        answer = await client.get(f"http://127.0.0.1:{port}/healthz")
    assert answer.status_code == 200
    assert "server" not in answer.headers
    await asyncio.wait_for(server.stop(1), 30)
    with pytest.raises(OSError, match="cannot listen"):
        await HttpServer(HttpApplication(engine, metrics, lambda: True)).start("203.0.113.1", 0)
