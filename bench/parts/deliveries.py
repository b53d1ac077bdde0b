"""Deliveries per second to merchants who listen, and what those who do not listen cost them.

The ceiling is bare httpx, which posts the same bytes to the same receiver with as many at a time, and neither signs,
reads nor records anything.
"""

import asyncio
import contextlib
import json
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx

from bench.parts import Log, Sizes
from bench.report import Figure, median, rate
from bench.stage import BenchError, Stage, free_port
from domain.deliveries.rounds import AT_ONCE
from kit import ids
from workers.deliveries import PLACES

_ENDPOINTS, _DEAD = 100, 10
_MERCHANTS = [f"mer_bench_{number}" for number in range(25)]
_PATIENCE = 300.0
_BODY = json.dumps({"id": "evt", "type": "order.paid", "data": {"order": {"items": [{"name": "Filter coffee"}] * 10}}})
_MAKE_ENDPOINTS = """
INSERT INTO webhook_endpoints (id, merchant_id, url, secrets, told_sequence, busy_until, version, created_at,
                               updated_at)
SELECT id, ($1::text[])[1 + n % array_length($1::text[], 1)], url, '[{"salt": "bench", "ends_at": null}]', 0, $4, 0,
       $4, $4
  FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS t(id, url, n)"""
_MAKE_MERCHANTS = """
INSERT INTO merchants (id, name, livemode, created_at) SELECT id, 'Bench', false, now() FROM unnest($1::text[]) AS t(id)
    ON CONFLICT DO NOTHING"""
_MAKE_DELIVERIES = """
INSERT INTO webhook_deliveries (id, merchant_id, endpoint_id, event_id, event_type, sequence, body, status, attempts,
                                tries, due_at, created_at, updated_at)
SELECT t.id, e.merchant_id, e.id, 'evt_' || n, 'order.paid', n, $3, 'pending', 0, 0, $4, $4, $4
  FROM unnest($1::text[]) WITH ORDINALITY AS t(id, n)
  JOIN webhook_endpoints e ON e.id = ($2::text[])[1 + n % array_length($2::text[], 1)]"""


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Rates to many endpoints and to one, ours and httpx in turns; then a backlog with and without dead endpoints."""
    async with stage.database() as url, stage.comparator("receiver") as receiver, _hanging() as hanging:
        env = {"DATABASE_URL": url, "DEVELOPMENT": "1", **stage.production("http://127.0.0.1:1")}
        address = f"{receiver.url}/hooks"
        async with stage.program("worker", ["main.py", "worker"], env):
            backlog = _Backlog(url)
            figures = [await _rate(backlog, address, endpoints, sizes, log) for endpoints in (_ENDPOINTS, 1)]
            alive = [address] * (_ENDPOINTS - _DEAD)
            dead = [f"http://127.0.0.1:{port}/" for port in (hanging, free_port())] * (_DEAD // 2)
            seconds: dict[str, list[float]] = {"without": [], "with": []}
            for number in range(max(1, sizes.rounds // 2)):
                for way, targets in (("without", alive), ("with", alive + dead)):
                    count = sizes.backlog * len(targets) // _ENDPOINTS
                    _, taken = await backlog.drained(targets, count, sizes.backlog * len(alive) // _ENDPOINTS)
                    seconds[way].append(taken)
                    log.say(f"backlog {number + 1}: {way} the dead {taken:.1f} s")
    return [*figures, _cost(seconds, sizes.backlog * len(alive) // _ENDPOINTS)]


async def _rate(backlog: "_Backlog", address: str, endpoints: int, sizes: Sizes, log: Log) -> Figure:
    ours, ceiling = list[float](), list[float]()
    at_once = AT_ONCE * min(endpoints, PLACES[False])
    count = sizes.deliveries if endpoints > 1 else sizes.deliveries // 4
    for number in range(sizes.rounds + 1):
        per_second, _ = await backlog.drained([address] * endpoints, count, count)
        bare = await _bare(address, count, at_once)
        if number:  # the first round warms up
            ours.append(per_second)
            ceiling.append(bare)
        log.say(f"deliveries {number}/{sizes.rounds}: {endpoints} endpoints {per_second:.0f}/s, httpx {bare:.0f}/s")
    name = f"deliveries to {endpoints} endpoints" if endpoints > 1 else "deliveries to one endpoint"
    return rate(name, ours, ceiling, f"bare httpx, {at_once} at a time")


def _cost(seconds: dict[str, list[float]], count: int) -> Figure:
    ratios = [dead / alone for dead, alone in zip(seconds["with"], seconds["without"], strict=True)]
    return Figure(
        name=f"{count:,} deliveries beside {_DEAD} dead endpoints",
        ours=median(seconds["with"]),
        unit="s",
        ceiling=median(seconds["without"]),
        ceiling_name="without the dead ones",
        ratio=median(ratios),
    )


class _Backlog:
    """Pending deliveries by the thousand, straight into the database."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def drained(self, addresses: Sequence[str], count: int, wanted: int) -> tuple[float, float]:
        """Lets the worker send so many messages, spread evenly; how many a second were taken, and after how many
        seconds so many were."""
        connection: Any = await asyncpg.connect(self._url)
        try:
            now = datetime.now(UTC)
            await connection.execute("DELETE FROM webhook_deliveries")
            await connection.execute("DELETE FROM webhook_endpoints")
            endpoints = [ids.new("whe", now) for _ in addresses]
            made = [ids.new("whd", now) for _ in range(count)]
            await connection.execute(_MAKE_MERCHANTS, _MERCHANTS)
            await connection.execute(_MAKE_ENDPOINTS, _MERCHANTS, endpoints, list(addresses), now)
            await connection.execute(_MAKE_DELIVERIES, made, endpoints, _BODY, now)
            await connection.execute("ANALYZE")
            started = time.perf_counter()
            await connection.execute("UPDATE webhook_endpoints SET due_at = now()")
            await self._taken(connection, wanted)
            seconds = time.perf_counter() - started
            span = await connection.fetchval(
                """SELECT extract(epoch FROM max(attempted_at) - min(attempted_at)) FROM webhook_deliveries
                    WHERE status = 'succeeded'"""
            )
        finally:
            await connection.close()
        return wanted / float(span), seconds

    async def _taken(self, connection: Any, wanted: int) -> None:
        deadline = time.monotonic() + _PATIENCE
        count = "SELECT count(*) FROM webhook_deliveries WHERE status = 'succeeded'"
        while (found := await connection.fetchval(count)) < wanted:
            if time.monotonic() > deadline:
                raise BenchError(f"{wanted} messages were to be taken, but {found} were.")
            await asyncio.sleep(0.05)


async def _bare(address: str, count: int, at_once: int) -> float:
    """Messages a second, by httpx alone: a client for each few, because one with many connections is slower."""
    waiting, tls = iter(range(count)), ssl.create_default_context()

    async def work(client: httpx.AsyncClient) -> None:
        for number in waiting:
            headers = {"content-type": "application/json", "webhook-id": f"evt_{number}"}
            answer = await client.post(address, content=_BODY.encode(), headers=headers)
            if answer.status_code != 204:
                raise BenchError(f"The receiver answered {answer.status_code}.")

    async with contextlib.AsyncExitStack() as stack:
        made = [httpx.AsyncClient(verify=tls, timeout=30) for _ in range(at_once // AT_ONCE)]
        clients = [await stack.enter_async_context(client) for client in made]
        started = time.perf_counter()
        await asyncio.gather(*(work(client) for client in clients for _ in range(AT_ONCE)))
        return count / (time.perf_counter() - started)


@contextlib.asynccontextmanager
async def _hanging() -> AsyncIterator[int]:
    """A port where whoever connects waits for ever."""

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
