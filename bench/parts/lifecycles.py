"""Lifecycles per second: orderCreate, checkoutStart with the PSP in a process of its own, and the webhook to PAID.

The worker is started when they are done: it numbers their events for the merchant's stream, and is measured alone.
Beside them it would ask the PSP for fees that the PSP does not know, for the bench itself sends the webhooks.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

import asyncpg

from bench import load, seed, story
from bench.parts import Log, Sizes
from bench.report import Figure, rate
from bench.stage import BenchError, Program, Stage
from bench.story import Events, Opened

Open = Callable[[load.Connection], Awaitable[Opened]]
Told = Callable[[Opened], Iterable[bytes]]
"""The PSP's signed messages about it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Ours at work, with the PSP beside it."""

    url: str
    ours: Program
    psp: Program
    events: Events
    key: str

    async def open_ours(self, connection: load.Connection) -> Opened:
        return await story.open_one(connection, self.key)

    def told(self, opened: Opened) -> list[bytes]:
        return [self.events.completed(opened)]


@contextlib.asynccontextmanager
async def scene(stage: Stage) -> AsyncIterator[Scene]:
    async with (
        stage.database() as url,
        stage.sandbox() as psp,
        stage.serve(url, psp.url) as ours,
    ):
        events = await Events.learn(ours, psp, stage.keys[0])
        yield Scene(url, ours, psp, events, stage.keys[0])


async def run(port: int, count: int, open_one: Open, told: Told) -> float:
    """Lives through `count` lifecycles, sixteen at a time; how many a second. `told` is the end of each."""
    waiting = iter(range(count))

    async def live() -> None:
        connection = await load.Connection.open(port)
        for _ in waiting:
            opened = await open_one(connection)
            for message in told(opened):
                load.check(await connection.ask(message), b'"received":"applied"')
        connection.close()

    started = time.perf_counter()
    await asyncio.gather(*(live() for _ in range(load.CONNECTIONS)))
    return count / (time.perf_counter() - started)


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Ours against asyncpg, in turns; the PSP is the same for both."""
    async with scene(stage) as at, stage.comparator("raw", at.url, at.psp.url) as raw:

        async def open_raw(connection: load.Connection) -> Opened:
            return await _open_raw(connection, at.key)

        sides = {"ours": (at.ours, at.open_ours), "raw": (raw, open_raw)}
        rates: dict[str, list[float]] = {name: [] for name in sides}
        psp_seconds = 0.0
        for number in range(sizes.rounds + 1):
            for name, (program, open_one) in sides.items():
                before = at.psp.cpu_seconds()
                found = await run(program.port, sizes.lifecycles, open_one, at.told)
                if number:
                    rates[name].append(found)
                    psp_seconds += at.psp.cpu_seconds() - before if name == "ours" else 0
                log.say(f"lifecycles {number}/{sizes.rounds}: {name} {found:.0f}/s")
        await _check(at.url, (sizes.rounds + 1) * 2 * sizes.lifecycles)
        async with stage.worker(at.url, at.psp.url):
            log.note(f"The worker numbers {await _numbered(at.url):,.0f} events a second.")
    each = 1000 * psp_seconds / (sizes.rounds * sizes.lifecycles)
    log.note(f"In a lifecycle the sandbox PSP takes {each:.1f} ms of processor time, on the same machine.")
    return [rate("lifecycles", rates["ours"], rates["raw"], "asyncpg, a statement a round trip")]


async def _open_raw(connection: load.Connection, key: str) -> Opened:
    headers = {"authorization": f"Bearer {key}"}
    order = load.request("/orders", json.dumps(story.new_order()).encode(), headers)
    order_id = json.loads(load.check(await connection.ask(order), b'"id"'))["id"]
    start = load.request("/checkouts", json.dumps(story.new_checkout(order_id)).encode(), headers)
    payment = json.loads(load.check(await connection.ask(start), b'"token"'))
    return Opened(order_id, payment["id"], payment["token"])


async def _check(url: str, expected: int) -> None:
    found = await seed.paid(url)
    if found != expected:
        raise BenchError(f"{expected} lifecycles were lived through, but {found} orders are paid as they should be.")


async def _numbered(url: str) -> float:
    """How many events the worker gives their number in a second, from the first one on."""
    connection: Any = await asyncpg.connect(url)
    waiting = "SELECT count(*) FROM events WHERE sequence IS NULL"
    try:
        first = left = await connection.fetchval(waiting)
        while left == first:
            left = await connection.fetchval(waiting)
        started, first = time.perf_counter(), left
        while left:
            left = await connection.fetchval(waiting)
        return float(first) / (time.perf_counter() - started)
    finally:
        await connection.close()
