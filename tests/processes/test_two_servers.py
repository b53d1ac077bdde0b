"""Two servers and a worker on one database: whoever is asked, there is one truth, and everybody hears it."""

import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random

import httpx

from tests import invariants
from tests.following import MERCHANT_EVENTS, ORDER_UPDATES, Stubborn, follow, is_
from tests.processes.programs import Town
from tests.town import ORDER_CANCEL, Shop, eventually


def test_who_follows_on_one_server_hears_what_is_paid_on_the_other(town: Town, shop: Shop) -> None:
    dice = Random(11)
    here, there = town.graphql_urls
    with follow(here, shop.secret_key, MERCHANT_EVENTS) as following:
        start = following.next()
    orders = [shop.order() for _ in range(12)]
    end = shop.order()
    merchants = [
        Stubborn(
            urls,
            shop.secret_key,
            MERCHANT_EVENTS,
            last=is_("order.canceled"),
            kind=kind,
            dice=cut,
            after=start["cursor"],
        )
        for urls, kind, cut in (
            ([there], "socket", None),
            ([there], "stream", None),
            ([there, here], "socket", Random(dice.random())),
            ([there, here], "stream", Random(dice.random())),
        )
    ]
    each = [
        Stubborn([there], shop.secret_key, ORDER_UPDATES, last=is_("order.paid"), id=order["id"]).begun()
        for order in orders
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda order: shop.pay(shop.checkout(order["id"])["payment"]), orders))
    for follower in each:
        heard = follower.all()
        assert [message["version"] for message in heard] == [1, 2, 3, 4, 5]
        assert heard[-1]["order"]["status"] == "PAID"
    shop.ask(ORDER_CANCEL, input={"orderId": end["id"]})
    whole = [follower.all() for follower in merchants]
    books = invariants.read(town.database_url, shop.merchant_id)
    known = [event for event in books.numbered_events if event["sequence"] > start["sequence"]]
    for messages in whole:
        assert [m["sequence"] for m in messages] == [e["sequence"] for e in known[: len(messages)]]
        assert [m["event"]["id"] for m in messages] == [e["id"] for e in known[: len(messages)]]
    assert all(follower.cuts > 0 for follower in merchants[2:])
    town.settle()
    town.check()


def test_when_every_hint_is_lost_the_news_comes_all_the_same(town: Town, shop: Shop) -> None:
    _, there = town.graphql_urls
    order = shop.order()
    with follow(there, shop.secret_key, ORDER_UPDATES, id=order["id"]) as following:
        present = following.next()
        redis(town, "ACL", "SETUSER", "default", "-xadd")
        try:
            payment = shop.checkout(order["id"])["payment"]
            shop.pay(payment)
            started = time.monotonic()
            news = following.until(is_("order.paid"))
            assert time.monotonic() - started < 10
        finally:
            redis(town, "ACL", "SETUSER", "default", "+xadd")
    assert [message["version"] for message in (present, *news)] == [1, 2, 3, 4, 5]


def redis(town: Town, *command: str) -> None:
    from redis import Redis

    with Redis.from_url(town.redis_url) as client:
        client.execute_command(*command)


def test_fifty_checkouts_of_one_order_at_two_servers_open_one_session(town: Town, shop: Shop) -> None:
    order = shop.order(7700)
    shops = [town.at(shop, 0), town.at(shop, 1)]
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda number: shops[number % 2].checkout(order["id"]), range(50)))
    assert [answer["userErrors"] for answer in answers] == [[]] * 50
    assert len({answer["payment"]["id"] for answer in answers}) == 1
    assert len({answer["checkoutUrl"] for answer in answers}) == 1
    payment = answers[0]["payment"]
    asked = [c for c in town.calls("POST", "/v1/checkout/sessions") if c["idempotency_key"] == payment["id"]]
    assert sum(call["executed"] for call in asked) == 1
    assert len(shop.find_order(order["id"])["payments"]) == 1


def test_two_hundred_copies_of_a_webhook_at_once_have_one_effect(town: Town, shop: Shop) -> None:
    payment = shop.open_payment(3100)
    town.sandbox("POST", "/webhooks/rules", action="hold")
    shop.pay(payment)
    event = next(
        event
        for event in town.stripe("GET", "/v1/events?limit=50&type=checkout.session.completed")["data"]
        if event["data"]["object"]["id"] == payment["token"]
    )
    body = json.dumps(event).encode()
    moment = int(time.time())
    mark = hmac.new(town.webhook_secret.encode(), b"%d." % moment + body, hashlib.sha256).hexdigest()
    headers = {"Stripe-Signature": f"t={moment},v1={mark}", "Content-Type": "application/json"}

    with ThreadPoolExecutor(40) as pool, httpx.Client(timeout=30, limits=httpx.Limits(max_connections=40)) as client:

        def deliver(number: int) -> httpx.Response:
            url = f"{town.addresses[number % 2]}/webhooks/stripe"
            return client.post(url, content=body, headers=headers)

        answers = list(pool.map(deliver, range(200)))
    assert [answer.status_code for answer in answers] == [200] * 200
    assert sorted(answer.json()["received"] for answer in answers) == ["applied"] + ["duplicate"] * 199
    order = shop.find_order(payment["orderId"])
    assert order["status"] == "PAID"
    assert [event["type"] for event in order["timeline"]["nodes"]].count("payment.captured") == 1
    town.sandbox("POST", "/webhooks/release", order="shuffled", seed=5)
    town.sandbox("DELETE", "/webhooks/rules")
    town.settle()
    town.check()
    town.leases_are_over()
    eventually(lambda: shop.find_order(payment["orderId"])["version"], lambda version: version == 6)
