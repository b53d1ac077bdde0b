"""ask -> go away before the answer -> what was begun is finished -> nothing is left half-done, nothing is held"""

import asyncio
import json
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from tortoise.connection import get_connection
from websockets.sync.client import connect

from kit.database import unit
from kit.database.connect import CONNECTION
from tests import invariants
from tests.town import CHECKOUT_START, ORDER_CREATE, Shop, Town, eventually

# graphql-core leaves the coroutines of fields that it did not come to
pytestmark = pytest.mark.filterwarnings("ignore:.*was never awaited:RuntimeWarning")

ROUNDS = 300
LIST = (
    "query { orders(first: 20) { nodes { id status payments { id ledger { account } timeline { nodes { type } } } } } }"
)
FOLLOW = "subscription ($id: ID!) { orderUpdates(id: $id) { cursor order { id payments { id } } } }"


def order_input(key: str) -> dict[str, Any]:
    item = {"name": "Thing", "unitAmount": {"amountMinor": 700, "currency": "EUR"}}
    return {"idempotencyKey": key, "currency": "EUR", "items": [item]}


class Leaver:
    """Starts operations over sockets and goes away at random moments, politely or not."""

    def __init__(self, town: Town, shop: Shop, dice: Random) -> None:
        self._town, self._shop, self._dice = town, shop, dice
        self.orders: list[str] = []  # the keys that were given
        self.checkouts: list[tuple[str, str]] = []

    def go(self, orders: list[str]) -> None:
        """One socket with a few operations."""
        url = self._town.graphql_url.replace("http", "ws", 1)
        with connect(url, subprotocols=["graphql-transport-ws"], compression=None) as ws:  # type: ignore[list-item]
            ws.send(
                json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {self._shop.secret_key}"}})
            )
            ws.recv(10)
            for number in range(self._dice.randrange(1, 6)):
                payload = self._operation(orders)
                ws.send(json.dumps({"type": "subscribe", "id": str(number), "payload": payload}))
                if self._dice.random() < 0.5:
                    self._linger(ws)
                    ws.send(json.dumps({"type": "complete", "id": str(number)}))
            self._linger(ws)
            if self._dice.random() < 0.6:
                ws.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                ws.close_socket()

    def _linger(self, ws: Any) -> None:
        try:
            ws.recv(self._dice.choice([0, 0.001, 0.004, 0.02]))
        except TimeoutError:
            return

    def _operation(self, orders: list[str]) -> dict[str, Any]:
        chosen = self._dice.randrange(4)
        if chosen == 0:
            self.orders.append(str(uuid4()))
            return {"query": ORDER_CREATE, "variables": {"input": order_input(self.orders[-1])}}
        if chosen == 1:
            self.checkouts.append((self._dice.choice(orders), str(uuid4())))
            order_id, key = self.checkouts[-1]
            return {"query": CHECKOUT_START, "variables": {"input": {"orderId": order_id, "idempotencyKey": key}}}
        query = [LIST, FOLLOW][chosen - 2]
        return {"query": query, "variables": {"id": self._dice.choice(orders)} if query == FOLLOW else {}}


def test_three_hundred_clients_leave_in_the_middle_and_nothing_is_left_half_done(town: Town, shop: Shop) -> None:
    dice = Random(300)
    orders = [shop.order()["id"] for _ in range(12)]
    leavers = [Leaver(town, shop, Random(dice.random())) for _ in range(6)]

    def leave(leaver: Leaver) -> None:
        for _ in range(ROUNDS // len(leavers)):
            leaver.go(orders)

    with ThreadPoolExecutor(len(leavers)) as pool:
        list(pool.map(leave, leavers))
    at_rest(town)

    made = [key for leaver in leavers for key in leaver.orders]
    started = [pair for leaver in leavers for pair in leaver.checkouts]
    assert min(len(made), len(started)) > 100
    known = invariants.read(town.house.settings.database_url, shop.merchant_id)
    for key in made[:40]:
        again = shop.ask(ORDER_CREATE, input=order_input(key))["orderCreate"]
        assert (again["userErrors"], again["order"]["version"]) == ([], 1)
    for order_id, key in started[:40]:
        again = shop.ask(CHECKOUT_START, input={"orderId": order_id, "idempotencyKey": key})["checkoutStart"]
        assert again["userErrors"] == []
    after = invariants.read(town.house.settings.database_url, shop.merchant_id)
    assert (len(after.payments), {p["status"] for p in after.payments.values()}) == (len(known.payments), {"open"})
    assert all(len(payments) == 1 for payments in after.payments_of.values() if payments)
    invariants.check(town.house.settings.database_url, town.sandbox_url, merchant_id=shop.merchant_id)


def test_http_clients_that_hang_up_get_their_work_done_all_the_same(town: Town, shop: Shop) -> None:
    dice = Random(3)
    keys = [str(uuid4()) for _ in range(60)]
    address = urlsplit(town.graphql_url)

    def hang_up(key: str) -> None:
        body = json.dumps({"query": ORDER_CREATE, "variables": {"input": order_input(key)}}).encode()
        head = (
            f"POST {address.path} HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {shop.secret_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
            connection.sendall(head.encode() + body)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", dice.randrange(2), 0))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hang_up, keys))
    at_rest(town)
    books = invariants.read(town.house.settings.database_url, shop.merchant_id)
    before = set(books.orders)
    for key in keys:
        assert shop.ask(ORDER_CREATE, input=order_input(key))["orderCreate"]["userErrors"] == []
    orders = invariants.read(town.house.settings.database_url, shop.merchant_id).orders
    assert len(orders) == len(keys)
    assert before <= set(orders)


def at_rest(town: Town) -> None:
    """Nothing runs and nothing is held: no unit of work, no connection of the pool, no socket, nobody who waits."""

    async def held() -> tuple[int, int, int, int]:
        client: Any = get_connection(CONNECTION)
        pool = getattr(client, "_pool", None)
        busy = pool.get_size() - pool.get_idle_size() if pool else int(client._lock.locked())
        works = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
        of_sockets = sum(work.startswith(("Operations.", "Socket.", "Executor.")) for work in works)
        watched = town.house.hub._watched
        waiting = sum(len(watches) for topic, watches in watched.items() if topic not in ("relay", "webhooks"))
        return len(unit._running), busy, of_sockets, waiting

    eventually(lambda: town.call(held()), lambda found: found == (0, 0, 0, 0), timeout=60)
