"""subscribe -> the present -> every event once, in order -> cut -> resume -> nothing missed, nothing doubled"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute

from domain import merchants
from kit import clock
from kit.database import unit
from kit.serving import Serving
from models import KeyKind
from schema.api import build_schema
from schema.context import context_opener, origin_allower
from schema.transport.endpoint import GraphQLEndpoint
from schema.transport.limits import Limits
from tests import invariants
from tests.following import (
    MERCHANT_EVENTS,
    ORDER_UPDATES,
    PAYMENT_UPDATES,
    Kind,
    Refused,
    Stubborn,
    follow,
    is_,
)
from tests.town import ORDER_CANCEL, Shop, Town, eventually, free_port

KINDS: tuple[Kind, ...] = ("socket", "stream")
PAID = ["payment.created", "payment.open", "payment.captured", "order.paid"]


def types(messages: list[Any]) -> list[str]:
    return [message["event"]["type"] for message in messages]


def follow_order(town: Town, shop: Shop, order: Any, kind: Kind = "socket", **more: Any) -> Any:
    key = more.pop("key", shop.secret_key)
    return follow(town.graphql_url, key, ORDER_UPDATES, kind=kind, id=order["id"], **more)


def pay(shop: Shop, order: Any) -> Any:
    """Opens the order's checkout and pays; the payment."""
    payment = shop.checkout(order["id"])["payment"]
    shop.pay(payment)
    return payment


def test_a_whole_payment_is_followed_without_asking(town: Town, shop: Shop) -> None:
    order = shop.order()
    payer = {"key": shop.publishable_key, "clientSecret": order["clientSecret"]}
    with contextlib.ExitStack() as stack:
        followings = [
            stack.enter_context(follow_order(town, shop, order, kind, **who)) for kind in KINDS for who in ({}, payer)
        ]
        for following in followings:
            present = following.next()
            assert (present["event"], present["version"]) == (None, 1)
            assert present["order"] == {"id": order["id"], "status": "OPEN", "version": 1}
            assert following.silent()

        payment = pay(shop, order)
        heard = [following.until(is_("payment.fee_known")) for following in followings]
        assert all(following.silent() for following in followings)
    for news in heard:
        assert types(news) == [*PAID, "payment.fee_known"]
        assert [message["version"] for message in news] == [2, 3, 4, 5, 6]
        assert [message["event"]["version"] for message in news] == [2, 3, 4, 5, 6]
        assert {message["event"]["paymentId"] for message in news} == {payment["id"]}
        assert [message["order"]["status"] for message in news[3:]] == ["PAID", "PAID"]
        assert all(message["order"]["version"] >= message["version"] for message in news)
    told = shop.find_order(order["id"])["timeline"]["nodes"]
    assert [event["type"] for event in told] == ["order.created", *PAID, "payment.fee_known"]


def test_all_who_follow_an_order_hear_the_same_and_who_comes_late_begins_with_the_present(
    town: Town, shop: Shop
) -> None:
    order = shop.order()
    with contextlib.ExitStack() as stack:
        early = [stack.enter_context(follow_order(town, shop, order, kind)) for kind in KINDS * 3]
        assert {following.next()["version"] for following in early} == {1}
        payment = shop.checkout(order["id"])["payment"]
        heard = [following.until(is_("payment.open")) for following in early]

        late = [stack.enter_context(follow_order(town, shop, order, kind)) for kind in KINDS]
        assert [(m["event"], m["version"]) for m in [following.next() for following in late]] == [(None, 3)] * 2
        shop.pay(payment)
        rest = [following.until(is_("order.paid")) for following in late]
        whole = [had + following.until(is_("order.paid")) for had, following in zip(heard, early, strict=True)]
    facts = [[(m["cursor"], m["event"]["id"], m["version"]) for m in messages] for messages in whole]
    assert all(each == facts[0] for each in facts)
    assert types(whole[0]) == PAID
    assert [[(m["cursor"], m["event"]["id"], m["version"]) for m in messages] for messages in rest] == [
        facts[0][2:]
    ] * 2


def test_who_comes_when_all_is_over_hears_the_present_or_everything_since_the_cursor(town: Town, shop: Shop) -> None:
    order = shop.order()
    with follow_order(town, shop, order) as following:
        first = following.next()["cursor"]
        pay(shop, order)
        news = following.until(is_("payment.fee_known"))
    last = news[-1]["cursor"]
    for kind in KINDS:
        with follow_order(town, shop, order, kind) as following:
            present = following.next()
            assert (present["event"], present["order"]["status"], present["cursor"]) == (None, "PAID", last)
            assert following.silent()
        with follow_order(town, shop, order, kind, after=first) as following:
            assert [m["event"] for m in following.until(is_("payment.fee_known"))] == [m["event"] for m in news]
            assert following.silent()
        with follow_order(town, shop, order, kind, after=last) as following:
            assert following.silent()


@pytest.mark.parametrize("seed", range(3))
def test_a_connection_that_breaks_anywhere_misses_nothing_and_doubles_nothing(
    town: Town, shop: Shop, seed: int
) -> None:
    dice = Random(seed)
    order = shop.order()
    urls, done = [town.graphql_url], is_("order.paid")
    with follow(town.graphql_url, shop.secret_key, MERCHANT_EVENTS) as following:
        present = following.next()
        start, first = present["cursor"], present["sequence"] + 1

    def stubborn(kind: Kind, query: str, **more: Any) -> Stubborn:
        return Stubborn(urls, shop.secret_key, query, last=done, kind=kind, dice=Random(dice.random()), **more)

    of_order = [stubborn(kind, ORDER_UPDATES, id=order["id"]).begun() for kind in KINDS * 2]
    of_merchant = [stubborn(kind, MERCHANT_EVENTS, after=start) for kind in KINDS]
    payment = shop.checkout(order["id"])["payment"]
    tries = dice.randrange(4, 10)
    for _ in range(tries):
        shop.pay(payment, card=dice.choice(["4000000000009995", "4000000000000002", "4000000000000069"]))
    shop.pay(payment)

    town.settle()
    told = shop_timeline(shop, order, done)
    assert [event["type"] for event in told].count("payment.declined") == tries
    paid = 1 + [event["type"] for event in told].index("order.paid")
    for follower in of_order:
        present, *news = follower.all()
        assert (present["event"], present["version"]) == (None, 1)
        assert [(m["version"], m["event"]["id"]) for m in news] == [(e["version"], e["id"]) for e in told[1:paid]]
        assert follower.cuts > 0
    for follower in of_merchant:
        heard = [(m["sequence"], m["event"]["id"]) for m in follower.all()]
        assert heard == [(e["sequence"], e["id"]) for e in told[paid - len(heard) : paid]]
        assert heard[0][0] == first


def shop_timeline(shop: Shop, order: Any, done: Callable[[Any], bool]) -> list[Any]:
    """The order's events once the one that is waited for is among them, and each has its number."""
    query = "query ($id: ID!) { order(id: $id) { timeline(first: 100) { nodes { id type version sequence } } } }"

    def look() -> list[Any]:
        return list(shop.ask(query, id=order["id"])["order"]["timeline"]["nodes"])

    return eventually(look, lambda events: any(done({"event": e}) for e in events) and None not in _numbers(events))


def _numbers(events: list[Any]) -> list[int | None]:
    return [event["sequence"] for event in events]


def test_a_payment_tells_its_own_events_only(town: Town, shop: Shop) -> None:
    first = shop.open_payment()
    url, key = town.graphql_url, shop.secret_key
    with follow(url, key, PAYMENT_UPDATES, id=first["id"]) as following:
        present = following.next()
        assert (present["event"], present["version"]) == (None, 3)
        assert present["payment"] == {"id": first["id"], "status": "OPEN"}
        shop.pay(first, method="sepa_debit", outcome="failure")
        town.sandbox("POST", "/clock/advance", seconds=60)
        news = following.until(is_("payment.failed"))
        second = pay(shop, {"id": first["orderId"]})
        with follow(url, key, PAYMENT_UPDATES, kind="stream", after=present["cursor"], id=first["id"]) as again:
            heard = again.until(is_("payment.failed"))
        with (
            follow(url, key, PAYMENT_UPDATES, after=present["cursor"], id=second["id"]) as other,
            pytest.raises(Refused) as refused,
        ):
            other.next()
        assert refused.value.codes == ["BAD_REQUEST"]
        eventually(lambda: shop.find_order(first["orderId"]), lambda order: order["status"] == "PAID")
        assert following.silent()
    assert [(m["cursor"], m["event"]) for m in heard] == [(m["cursor"], m["event"]) for m in news]
    assert {message["event"]["paymentId"] for message in news} == {first["id"]}
    assert types(news)[0] == "payment.processing"


def refusal(town: Town, key: str, query: str, kind: Kind = "socket", **variables: Any) -> list[str]:
    """The codes with which following is refused."""
    with pytest.raises(Refused) as refused, follow(town.graphql_url, key, query, kind=kind, **variables) as following:
        following.next()
    return list(refused.value.codes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cursor_that_no_stream_of_this_gave_is_refused(town: Town, shop: Shop, kind: Kind) -> None:
    order, other = shop.order(), shop.order()
    pay(shop, other)
    with follow_order(town, shop, other) as following:
        of_other = following.next()["cursor"]
    with follow(town.graphql_url, shop.secret_key, MERCHANT_EVENTS) as following:
        of_merchant = following.next()["cursor"]
    listed = shop.ask("{ orders(first: 1) { edges { cursor } } }")["orders"]["edges"][0]["cursor"]
    with follow_order(town, shop, order) as following:
        good = following.next()["cursor"]
        ahead = shop.order()
        with follow_order(town, shop, ahead) as another:
            another.next()
    for after in (of_other, of_merchant, listed, "", "x", "é", "0" * 200, good[:-1], "b3JkOi0x"):
        assert refusal(town, shop.secret_key, ORDER_UPDATES, kind, id=order["id"], after=after) == ["BAD_REQUEST"], (
            after
        )
    for after in (good, of_other, listed):
        assert refusal(town, shop.secret_key, MERCHANT_EVENTS, kind, after=after) == ["BAD_REQUEST"], after
    stranger = town.merchant()
    assert refusal(town, stranger.secret_key, MERCHANT_EVENTS, kind, after=of_merchant) == ["BAD_REQUEST"]


def test_a_cursor_from_the_future_is_refused(town: Town, shop: Shop) -> None:
    from schema.pagination import encode

    order = shop.order()
    for query, subject in ((ORDER_UPDATES, order["id"]), (MERCHANT_EVENTS, shop.merchant_id)):
        variables = {"id": order["id"]} if query is ORDER_UPDATES else {}
        for number in ("1000", "999999999999999999", "9" * 40, "-1", "1.0", "+1", " 1"):
            after = encode(subject, number)
            assert refusal(town, shop.secret_key, query, after=after, **variables) == ["BAD_REQUEST"], number


@pytest.mark.parametrize("kind", KINDS)
def test_only_who_may_follow_follows(town: Town, shop: Shop, kind: Kind) -> None:
    order, other, stranger = shop.order(), shop.order(), town.merchant()
    payment = shop.checkout(order["id"])["payment"]
    secret, publishable = shop.secret_key, shop.publishable_key

    def asked(key: str, query: str, **variables: Any) -> list[str]:
        return refusal(town, key, query, kind, **variables)

    for key in (stranger.secret_key,):
        assert asked(key, ORDER_UPDATES, id=order["id"]) == ["BAD_REQUEST"]
        assert asked(key, PAYMENT_UPDATES, id=payment["id"]) == ["BAD_REQUEST"]
    assert asked(secret, ORDER_UPDATES, id="ord_01m7yvvpxze9abzte91xn3tvyx") == ["BAD_REQUEST"]
    assert asked(secret, ORDER_UPDATES, id=payment["id"]) == ["BAD_REQUEST"]
    assert asked(secret, ORDER_UPDATES, id="") == ["BAD_REQUEST"]
    assert asked(publishable, ORDER_UPDATES, id=order["id"]) == ["BAD_REQUEST"]
    assert asked(publishable, ORDER_UPDATES, id=order["id"], clientSecret="") == ["FORBIDDEN"]
    for field, subject in ((ORDER_UPDATES, order["id"]), (PAYMENT_UPDATES, payment["id"])):
        assert asked(publishable, field, id=subject, clientSecret=other["clientSecret"]) == ["FORBIDDEN"]
        assert asked(stranger.publishable_key, field, id=subject, clientSecret=order["clientSecret"]) == ["BAD_REQUEST"]
    assert asked(publishable, MERCHANT_EVENTS) == ["FORBIDDEN"]


def test_a_merchant_hears_of_many_orders_at_once_everything_once_and_in_order(
    town: Town, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    dice = Random(7)
    neighbour = town.merchant()
    with follow(town.graphql_url, shop.secret_key, MERCHANT_EVENTS) as following:
        first = following.next()
        assert (first["event"], first["sequence"]) == (None, 0)
    orders = [shop.order(100 + number) for number in range(24)]
    end = shop.order()
    followers = [
        Stubborn(
            [town.graphql_url],
            shop.secret_key,
            MERCHANT_EVENTS,
            last=is_("order.canceled"),
            kind=kind,
            dice=Random(dice.random()) if cut else None,
            after=first["cursor"],
        )
        for kind in KINDS
        for cut in (True, False)
    ]

    def buy(order: Any) -> None:
        payment = shop.checkout(order["id"])["payment"]
        if payment["amount"]["amountMinor"] % 3 == 0:
            shop.pay(payment, card="4000000000009995")
        shop.pay(payment)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(buy, orders))
        pool.submit(neighbour.paid_order).result()
    for order in orders:
        shop_timeline(shop, order, is_("order.paid"))
    shop.ask(ORDER_CANCEL, input={"orderId": end["id"]})

    heard = [follower.all() for follower in followers]
    books = invariants.read(town.house.settings.database_url, shop.merchant_id)
    known = books.numbered_events
    for messages in heard:
        assert [message["sequence"] for message in messages] == list(range(1, len(messages) + 1))
        assert [m["event"]["id"] for m in messages] == [event["id"] for event in known[: len(messages)]]
        assert end["id"] in {m["event"]["orderId"] for m in messages if m["event"]["type"] == "order.canceled"}
        for order in orders:
            versions = [m["event"]["version"] for m in messages if m["event"]["orderId"] == order["id"]]
            assert versions == list(range(1, len(versions) + 1))
            assert len(versions) >= 5
    assert all(follower.cuts > 0 for follower in followers[::2])
    assert "socket.send() raised" not in caplog.text  # nobody goes on writing to clients that are gone
    invariants.check(town.house.settings.database_url, town.sandbox_url, merchant_id=shop.merchant_id)


@pytest.fixture
def strict_url(town: Town) -> Iterator[str]:
    """The same API at an address of its own, where credentials are checked five times a second."""
    opened: list[contextlib.AsyncExitStack] = []

    async def open_() -> str:
        stack = contextlib.AsyncExitStack()
        opened.append(stack)
        schema = build_schema(production=True, limits=Limits(recheck_seconds=0.2))
        endpoint = GraphQLEndpoint(
            schema, open_context=context_opener(town.house), allow_origin=origin_allower(town.house)
        )
        app = Starlette(routes=[Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)])
        port = free_port()
        await stack.enter_async_context(Serving(app, "127.0.0.1", port))
        stack.push_async_callback(endpoint.shutdown)
        return f"http://127.0.0.1:{port}/graphql"

    yield town.call(open_())
    town.call(opened[0].aclose())


def test_a_key_that_ends_ends_what_it_follows_and_no_more(town: Town, shop: Shop, strict_url: str) -> None:
    order = shop.order()

    async def another_key() -> Any:
        return await merchants.issue_key(shop.merchant_id, KeyKind.SECRET, now=clock.now())

    async def end(key_id: str) -> None:
        await merchants.end_key(key_id, at=clock.now())

    key = town.call(another_key())
    with contextlib.ExitStack() as stack:
        ending = [
            stack.enter_context(follow(strict_url, key.secret, ORDER_UPDATES, kind=kind, id=order["id"]))
            for kind in KINDS
        ]
        staying = stack.enter_context(follow(strict_url, shop.secret_key, ORDER_UPDATES, id=order["id"]))
        assert [following.next()["version"] for following in (*ending, staying)] == [1, 1, 1]

        town.call(end(key.key_id))
        assert ending[0].ended().code == 4403
        with pytest.raises(Refused) as refused:
            ending[1].next()
        assert refused.value.codes == ["UNAUTHENTICATED"]
        assert ending[1].ended().polite

        pay(shop, order)
        assert types(staying.until(is_("order.paid"))) == PAID


def test_nothing_of_all_that_is_followed_and_paid_remains_in_the_server(town: Town, shop: Shop) -> None:
    def lifecycle(number: int) -> None:
        order = shop.order()
        cut = number % 3 == 0
        with follow_order(town, shop, order, KINDS[number % 2]) as following:
            following.next()
            pay(shop, order)
            following.until(is_("order.paid"))
            if cut:
                following.cut()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lifecycle, range(12)))
        town.settle()
        before = eventually(lambda: standing(town), lambda seen: seen["watches"] == 2)
        list(pool.map(lifecycle, range(120)))
    town.settle()
    eventually(lambda: standing(town), lambda seen: (seen["watched"], seen["watches"], seen["units"]) == (2, 2, 0))
    # some more may be: a connection is kept alive for a while, and jobs come and go
    eventually(lambda: standing(town), lambda seen: seen["tasks"] <= before["tasks"] + 10)
    eventually(lambda: standing(town), lambda seen: seen["connections"] <= before["connections"] + 10)


def standing(town: Town) -> dict[str, int]:
    """What the server holds open: tasks, connections, units of work, and who waits for news (relay and courier)."""
    port = f":{urlsplit(town.base_url).port:04X}"

    async def count() -> dict[str, int]:
        watched = town.house.hub._watched
        sockets = [line.split() for line in Path("/proc/self/net/tcp").read_text().splitlines()]
        return {
            "tasks": len(asyncio.all_tasks()),
            "connections": sum(line[1].endswith(port) and line[3] == "01" for line in sockets),
            "watched": len(watched),
            "watches": sum(map(len, watched.values())),
            "units": len(unit._running),
        }

    return town.call(count())
