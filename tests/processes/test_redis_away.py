"""Redis goes -> payments go on, news comes by polling -> Redis is back -> jobs catch up, nobody missed anything."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.following import MERCHANT_EVENTS, ORDER_UPDATES, Stubborn, follow, is_
from tests.processes.programs import Town
from tests.town import ORDER_CANCEL, Shop, eventually


def kill(town: Town) -> Callable[[], object]:
    town.redis.kill()
    return lambda: town.redis.start().wait()


def freeze(town: Town) -> Callable[[], object]:
    town.redis.send(signal.SIGSTOP)
    return lambda: town.redis.send(signal.SIGCONT)


@contextmanager
def swift(seconds: float = 4.0) -> Iterator[None]:
    """Nothing waits for Redis: that would take as long as a time-out."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


@pytest.mark.parametrize("go_away", [kill, freeze])
def test_payments_go_on_while_redis_is_away_and_all_is_made_up_for_when_it_is_back(
    town: Town, shop: Shop, go_away: Callable[[Town], Callable[[], object]]
) -> None:
    here, there = town.graphql_urls
    orders, end = [shop.order() for _ in range(6)], shop.order()
    with follow(there, shop.secret_key, MERCHANT_EVENTS) as following:
        start = following.next()
    merchant = Stubborn([there], shop.secret_key, MERCHANT_EVENTS, last=is_("order.canceled"), after=start["cursor"])
    followers = [
        Stubborn([url], shop.secret_key, ORDER_UPDATES, last=is_("order.paid"), kind=kind, id=order["id"]).begun()
        for order in orders
        for url, kind in ((there, "socket"), (here, "stream"))
    ]
    shop.pay(shop.checkout(orders[0]["id"])["payment"])
    late = superseded(town, shop)

    come_back = go_away(town)
    assert eventually(lambda: town.http.get(f"{town.addresses[0]}/readyz").json(), lambda ready: ready["redis"] != "ok")
    for order in orders[1:4]:
        pay_swiftly(town, shop, order)
    shop.pay(late, force=True)
    eventually(lambda: shop.find_payment(late["id"]), lambda payment: payment["captured"]["amountMinor"] > 0)
    with follow(there, shop.secret_key, ORDER_UPDATES, id=orders[4]["id"]) as following:
        assert following.next()["version"] == 1
        pay_swiftly(town, shop, orders[4])
        assert [message["version"] for message in following.until(is_("order.paid"))] == [2, 3, 4, 5]
    assert town.http.get(f"{town.addresses[0]}/readyz").status_code == 200
    come_back()

    shop.pay(shop.checkout(orders[5]["id"])["payment"])
    for follower in followers:
        assert [message["version"] for message in follower.all()] == [1, 2, 3, 4, 5]
    eventually(lambda: statuses(shop, late), lambda found: found == [("SUCCEEDED", "DUPLICATE")])
    shop.ask(ORDER_CANCEL, input={"orderId": end["id"]})
    numbers = [message["sequence"] for message in merchant.all()]
    assert numbers == list(range(start["sequence"] + 1, start["sequence"] + 1 + len(numbers)))
    assert len(numbers) >= 6 * 4
    town.settle()
    town.check()


def superseded(town: Town, shop: Shop) -> Any:
    """A payment whose session has expired and whose order was paid by another: money on it goes back."""
    payment = shop.open_payment(900)
    town.stripe("POST", f"/v1/checkout/sessions/{payment['token']}/expire")
    eventually(lambda: shop.find_payment(payment["id"]), lambda found: found["status"] == "EXPIRED")
    shop.pay(shop.checkout(payment["orderId"])["payment"])
    eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")
    return payment


def statuses(shop: Shop, payment: Any) -> list[tuple[str, str]]:
    return [(refund["status"], refund["reason"]) for refund in shop.find_payment(payment["id"])["refunds"]]


def pay_swiftly(town: Town, shop: Shop, order: Any) -> None:
    with swift():
        more = shop.order()
    with swift():
        payment = shop.checkout(order["id"])["payment"]
    with swift():
        shop.pay(payment)
        eventually(lambda: shop.find_order(order["id"]), lambda found: found["status"] == "PAID")
    with swift():
        assert town.at(shop, 1).find_order(more["id"])["status"] == "OPEN"
