"""Subscribers: what an idle one keeps in memory, and how soon after a commit each has its news."""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any

import asyncpg

from bench import load, seed, story
from bench.parts import Log, Sizes
from bench.report import Figure, median, percentile
from bench.sockets import Subscriber
from bench.stage import BenchError, Program, Stage
from bench.story import Opened

_QUERY = """subscription Follow($id: ID!) { orderUpdates(id: $id) {
  version order { id status total { amountMinor currency } } } }"""
_MOST_KIB = 60
_PER_KEY = 900  # of the 1,000 that a key may have
_AT_ONCE = 50
_WARM_UP = 100
_SHOUTS = 5
_PAID_VERSION = 5  # the last event of the commit that settles a seeded order
_VERSION = re.compile(rb'"version": ?(\d+)')
_TELL_COMMITS = """
CREATE FUNCTION bench_tell() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_notify('bench', NEW.subject_id || ' ' || NEW.version); RETURN NULL; END $$;
CREATE TRIGGER bench_tell AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION bench_tell();"""


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Ours next to a bare Strawberry subscription."""
    async with (
        stage.database() as url,
        stage.sandbox() as psp,
        stage.serve(url, psp.url) as ours,
        stage.comparator("bare") as bare,
    ):
        keys = stage.more_keys(url, sizes.subscribers // _PER_KEY + 2)
        events = await story.Events.learn(ours, psp, stage.keys[0])
        orders = await seed.open_orders(url, stage.merchant_id, sizes.subscribers)
        memory = await _memory(ours, orders, keys, log), await _memory(bare, orders, keys, log)
        bell = await _Bell.hang(url)
        try:
            one = await _each(
                ours, events, await seed.open_orders(url, stage.merchant_id, sizes.latency_events), keys, bell
            )
            log.say("subscribers: latency of one measured")
            last = [
                await _last(ours, events, opened, keys, sizes.followers, bell)
                for opened in await seed.open_orders(url, stage.merchant_id, _SHOUTS)
            ]
            log.say("subscribers: latency of many measured")
        finally:
            await bell.close()
        bare_one = await _rung(bare, 1, sizes.latency_events)
        bare_last = await _rung(bare, sizes.followers, _SHOUTS)
    return [_memory_figure(sizes, *memory), *_latency_figures(sizes, one, bare_one, last, bare_last)]


def _memory_figure(sizes: Sizes, ours: float, bare: float) -> Figure:
    return Figure(
        name=f"an idle subscriber of {sizes.subscribers:,}",
        ours=ours,
        unit="KiB",
        ceiling=bare,
        ceiling_name="bare Strawberry subscription",
        ratio=ours / bare,
        target=f"<= {_MOST_KIB} KiB",
        met=ours <= _MOST_KIB,
    )


def _latency_figures(
    sizes: Sizes, one: Sequence[float], bare_one: Sequence[float], last: Sequence[float], bare_last: Sequence[float]
) -> list[Figure]:
    pairs = (
        ("commit to subscriber, median", median(one), median(bare_one)),
        ("commit to subscriber, p99", percentile(one, 0.99), percentile(bare_one, 0.99)),
        (f"commit to the last of {sizes.followers:,}", median(last), median(bare_last)),
    )
    return [
        Figure(
            name=name,
            ours=1000 * ours,
            unit="ms",
            ceiling=1000 * bare,
            ceiling_name="bare subscription, no database",
            ratio=ours / bare,
        )
        for name, ours, bare in pairs
    ]


async def _open(program: Program, order_ids: Sequence[str], keys: Sequence[str]) -> list[Subscriber]:
    """A subscriber for each of the orders, on its first message."""
    opened: list[Subscriber] = []
    for start in range(0, len(order_ids), _AT_ONCE):
        batch = enumerate(order_ids[start : start + _AT_ONCE], start)
        opened += await asyncio.gather(
            *(Subscriber.open(program.port, keys[number // _PER_KEY], _QUERY, {"id": order}) for number, order in batch)
        )
    return opened


async def _close(subscribers: Sequence[Subscriber]) -> None:
    for subscriber in subscribers:
        subscriber.close()
    await asyncio.sleep(0.5)


async def _memory(program: Program, orders: Sequence[Opened], keys: Sequence[str], log: Log) -> float:
    """KiB that each adds, once the first hundred have come and gone."""
    await _close(await _open(program, [one.order_id for one in orders[:_WARM_UP]], keys))
    before = program.resident_kib()
    subscribers = await _open(program, [one.order_id for one in orders], keys)
    await asyncio.sleep(1)
    each = (program.resident_kib() - before) / len(subscribers)
    log.say(f"subscribers: {each:.1f} KiB each ({program.name})")
    await _close(subscribers)
    return each


class _Bell:
    """Knows when a commit was: PostgreSQL delivers a notification as soon as its transaction has committed."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._rung: dict[str, float] = {}

    @classmethod
    async def hang(cls, url: str) -> "_Bell":
        connection: Any = await asyncpg.connect(url)
        await connection.execute(_TELL_COMMITS)
        bell = cls(connection)
        await connection.add_listener("bench", bell._hear)
        return bell

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        order_id, _, version = payload.partition(" ")
        if int(version) == _PAID_VERSION:
            self._rung[order_id] = time.time()

    async def since(self, order_id: str, heard: float) -> float:
        """Seconds from the commit to when a subscriber heard of it, who may have been faster than we."""
        while order_id not in self._rung:
            await asyncio.sleep(0.001)
        return max(0.0, heard - self._rung[order_id])

    async def close(self) -> None:
        await self._connection.close()


async def _each(
    ours: Program, events: story.Events, orders: Sequence[Opened], keys: Sequence[str], bell: _Bell
) -> list[float]:
    """Seconds from the commit to the one subscriber of its order, one commit after the other."""
    subscribers = await _open(ours, [one.order_id for one in orders], keys)
    connection = await load.Connection.open(ours.port)
    found = []
    for order, subscriber in zip(orders, subscribers, strict=True):
        news = _news([subscriber], _PAID_VERSION)
        load.check(await connection.ask(events.completed(order)), b'"applied"')
        heard = await asyncio.wait_for(news, 10)
        found.append(await bell.since(order.order_id, heard))
    connection.close()
    await _close(subscribers)
    return found


async def _last(
    ours: Program, events: story.Events, order: Opened, keys: Sequence[str], count: int, bell: _Bell
) -> float:
    """Seconds from the commit to the last subscriber of its order."""
    subscribers = await _open(ours, [order.order_id] * count, keys)
    connection = await load.Connection.open(ours.port)
    news = _news(subscribers, _PAID_VERSION)
    load.check(await connection.ask(events.completed(order)), b'"applied"')
    heard = await asyncio.wait_for(news, 60)
    connection.close()
    await _close(subscribers)
    return await bell.since(order.order_id, heard)


async def _rung(bare: Program, count: int, times: int) -> list[float]:
    """The same of the bare subscription, from when its bell is rung; no commit stands behind it."""
    subscribers = await _open(bare, ["ord_0"] * count, ["none"] * (count // _PER_KEY + 1))
    found = []
    for number in range(times):
        news = _news(subscribers, number + 2)
        answer = await load.post(bare.port, "/ring", b"")
        found.append(await asyncio.wait_for(news, 60) - float(answer[6:-1]))
    await _close(subscribers)
    return found


def _news(subscribers: Sequence[Subscriber], version: int) -> "asyncio.Future[float]":
    """The time at which the last of them has heard of the version."""
    done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    waiting = len(subscribers)

    def heard(at: float, payload: bytes) -> None:
        nonlocal waiting
        told = _VERSION.search(payload)
        if told is None:
            raise BenchError(f"A message without a version: {payload[:300]!r}")
        if int(told[1]) == version:
            waiting -= 1
            if not waiting:
                done.set_result(at)

    for subscriber in subscribers:
        subscriber.heard = heard
    return done
