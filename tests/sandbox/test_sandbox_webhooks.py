"""Webhooks: who gets what, signed how, again when; and the rules that disturb them."""

from __future__ import annotations

import asyncio
import socket
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
from starlette.applications import Starlette
from starlette.routing import Route

from sandbox import create_app
from tests.sandbox.conftest import Inbox, served

pytestmark = pytest.mark.anyio

PAID = ["payment_intent.created", "charge.succeeded", "checkout.session.completed", "payment_intent.succeeded"]


async def paid(play: Any) -> Any:
    session = await play.session()
    await play.pay(session)
    return session


async def test_a_webhook_is_signed_over_its_raw_bytes(play: Any) -> None:
    await paid(play)
    await play.settle()
    body, signature = play.inbox.bodies[0], play.inbox.headers[0]["stripe-signature"]
    event = stripe.Webhook.construct_event(body, signature, play.inbox.secret)
    assert (event.api_version, event.livemode) == ("2026-10-28.endive", False)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body + b" ", signature, play.inbox.secret)


async def test_the_clock_ahead_does_not_spoil_signatures(play: Any) -> None:
    await play.control("clock/advance", seconds=40 * 86400)
    await paid(play)
    await play.settle()
    stamp = int(play.inbox.headers[0]["stripe-signature"].split(",")[0].removeprefix("t="))
    assert abs(stamp - time.time()) < 10


async def test_an_endpoint_gets_what_it_asked_for(play: Any) -> None:
    endpoint = (await play.v1.webhook_endpoints.list_async()).data[0]
    assert "secret" not in endpoint
    await play.v1.webhook_endpoints.update_async(endpoint.id, {"enabled_events": ["charge.succeeded"]})
    await paid(play)
    assert await play.settle() == ["charge.succeeded"]
    off = await play.v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    assert off.status == "disabled"
    await paid(play)
    assert len(await play.settle()) == 1
    assert (await play.v1.webhook_endpoints.delete_async(endpoint.id)).deleted is True
    assert (await play.v1.webhook_endpoints.list_async()).data == []


@pytest.mark.parametrize("status", [500, 302, 404])
async def test_a_failure_is_tried_again_by_the_clock(play: Any, status: int) -> None:
    play.inbox.answers = [status]
    await play.v1.customers.create_async({})
    told = await play.control("settle", timeout=2, retries=False)
    assert (told["settled"], told["pending"]) == (True, 1)
    undelivered = await play.v1.events.list_async({"delivery_success": False})
    assert [event.pending_webhooks for event in undelivered.data] == [1]
    await play.control("clock/advance", seconds=5)
    assert await play.settle() == ["customer.created", "customer.created"]
    assert play.inbox.events[0]["id"] == play.inbox.events[1]["id"]
    assert (await play.v1.events.list_async({"delivery_success": False})).data == []
    tries = (await play.look("webhooks/deliveries"))["deliveries"][0]["attempts"]
    assert [(each["status"], each["ok"]) for each in tries] == [(status, False), (200, True)]


async def test_a_slow_receiver_is_a_failure(play: Any) -> None:
    play.inbox.seconds = 1.5
    await play.v1.customers.create_async({})
    await play.control("settle", timeout=3, retries=False)
    delivery = (await play.look("webhooks/deliveries"))["deliveries"][0]
    assert (delivery["state"], delivery["attempts"][0]["ok"]) == ("pending", False)


async def test_dropped_duplicated_and_delayed(play: Any) -> None:
    await play.control("webhooks/rules", action="drop", types=["charge.*"], next=1)
    await play.control("webhooks/rules", action="duplicate", types=["payment_intent.succeeded"], copies=2)
    await play.control("webhooks/rules", action="delay", types=["checkout.*"], seconds=60)
    await paid(play)
    await play.control("settle", timeout=2, retries=False)
    assert play.inbox.types == ["payment_intent.created", *["payment_intent.succeeded"] * 3]
    await play.control("clock/advance", seconds=61)
    assert (await play.settle())[-1] == "checkout.session.completed"
    assert [rule["action"] for rule in (await play.look("webhooks/rules"))["rules"]] == ["duplicate", "delay"]
    await play.browser.delete("/sandbox/webhooks/rules")
    dropped = (await play.look("webhooks/deliveries", state="dropped"))["deliveries"]
    assert [each["type"] for each in dropped] == ["charge.succeeded"]
    await play.control(f"events/{dropped[0]['event']}/resend")
    assert (await play.settle())[-1] == "charge.succeeded"


async def test_one_change_may_come_as_two_events(play: Any) -> None:
    await play.control("webhooks/rules", action="twin", types=["customer.created"], next=1)
    await play.v1.customers.create_async({})
    assert await play.settle() == ["customer.created"] * 2
    one, two = play.inbox.events
    assert one["id"] != two["id"]
    assert one["data"] == two["data"]


@pytest.mark.parametrize("order", ["given", "reversed", "shuffled"])
async def test_held_webhooks_are_released_in_the_order_asked_for(play: Any, order: str) -> None:
    await play.control("webhooks/rules", action="hold")
    await paid(play)
    assert await play.settle() == []
    held = (await play.look("webhooks/deliveries", state="held"))["deliveries"]
    told = await play.control("webhooks/release", order=order, seed=3)
    names = {each["id"]: each["type"] for each in held}
    assert await play.settle() == [names[number] for number in told["released"]]
    assert sorted(names.values()) == sorted(PAID)
    if order == "reversed":
        assert play.inbox.types == PAID[::-1]


async def test_a_dead_receiver_gets_its_webhooks_after_a_restart(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    file, inbox, headers = tmp_path / "s.sqlite", Inbox(), {"Authorization": "Bearer sk_test_1"}
    async with served(create_app(state=file)) as url, httpx.AsyncClient(base_url=url) as http:
        data = {"url": f"http://127.0.0.1:{port}/hooks", "enabled_events[]": "*"}
        await http.post("/v1/webhook_endpoints", data=data, headers=headers)
        await http.post("/v1/customers", headers=headers)
        await http.post("/sandbox/settle", json={"retries": False})
    async with (
        served(Starlette(routes=[Route("/hooks", inbox.receive, methods=["POST"])]), port),
        served(create_app(state=file)) as url,
        httpx.AsyncClient(base_url=url) as http,
    ):
        await http.post("/sandbox/clock/advance", json={"seconds": 5})
        assert (await http.post("/sandbox/settle")).json()["settled"]
    assert inbox.types == ["customer.created"]


async def test_a_webhook_leaves_within_milliseconds(play: Any) -> None:
    started = time.perf_counter()
    await play.v1.customers.create_async({})
    while not play.inbox.bodies:
        await asyncio.sleep(0.001)
    assert time.perf_counter() - started < 0.5


async def test_events_are_listed_for_thirty_days(play: Any) -> None:
    await paid(play)
    some = await play.v1.events.list_async({"types": ["charge.succeeded", "payment_intent.created"]})
    assert [event.type for event in some.data] == ["charge.succeeded", "payment_intent.created"]
    one = await play.v1.events.retrieve_async(some.data[0].id)
    assert one.data.object.object == "charge"
    await play.settle()
    await play.control("clock/advance", seconds=31 * 86400)
    assert [e.type for e in (await play.v1.events.list_async({"type": "charge.succeeded"})).data] == []


async def test_the_balance_transaction_may_come_late(play: Any) -> None:
    await play.control("settings", late_balance_transaction=True)
    session = await paid(play)
    paths = {"expand": ["payment_intent.latest_charge"]}
    found = await play.v1.checkout.sessions.retrieve_async(session.id, paths)
    assert found.payment_intent.latest_charge.balance_transaction is None
    await play.control("clock/advance", seconds=1)
    assert (await play.settle())[-1] == "charge.updated"
    assert play.inbox.last("charge.updated")["previous_attributes"] == {"balance_transaction": None}
