"""Lists per second: 25 orders with their items and payments, and 25 of very many subscriptions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import asyncpg

from bench import load, seed, story
from bench.parts import Log, Sizes
from bench.report import Figure, rate
from bench.stage import Program, Stage
from schema.pagination import encode

_LEAST, _LEAST_FAR = 0.6, 0.8
QUERY = """query Orders($first: Int!) { orders(first: $first) {
  nodes {
    id status reference version createdAt total { amountMinor currency }
    items { id name quantity amount { amountMinor currency } }
    payments { id status createdAt amount { amountMinor currency } captured { amountMinor currency } }
  }
  pageInfo { hasNextPage endCursor } } }"""
_SUBSCRIPTIONS = """query Subscriptions($after: Cursor) { subscriptions(first: 25, after: $after) {
  nodes { id status quantity currentPeriodEnd plan { name } price { amount { amountMinor } } customer { email } }
  pageInfo { hasNextPage endCursor } } }"""
_MANY = """
INSERT INTO subscriptions (id, merchant_id, customer_id, plan_id, price_id, quantity, status, gateway, livemode,
                           request, token, item_token, period_start, period_end, cancel_at_period_end, metadata,
                           version, told_at, created_at, updated_at)
SELECT 'sub_' || lpad(n::text, 26, '0'), $1, $2, $3, $4, 1, 'active', 'stripe', false, '{}', 'sub_bench' || n,
       'si_' || n, $5::timestamptz, $5::timestamptz + interval '31 days', false, '{}', 0, $5, $5, $5
  FROM generate_series(1, $6::bigint) AS n"""


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    return [await _orders(stage, sizes, log), await _subscriptions(stage, sizes, log)]


async def _orders(stage: Stage, sizes: Sizes, log: Log) -> Figure:
    """Ours, from the database and with a key, against a bare schema that has the page in memory, in turns."""
    async with (
        stage.database() as url,
        stage.serve(url, "http://127.0.0.1:1") as ours,
        stage.comparator("bare") as bare,
    ):
        await seed.open_orders(url, stage.merchant_id, sizes.listed_orders)
        request = story.graphql(stage.keys[0], QUERY, {"first": 25})
        asked = {"ours": (ours, request), "bare": (bare, request)}
        rates = await _in_turns(asked, "orders", sizes, log)
    return rate("orders(first: 25)", rates["ours"], rates["bare"], "bare cached schema, from memory", _LEAST)


async def _subscriptions(stage: Stage, sizes: Sizes, log: Log) -> Figure:
    """A page from the middle of the list against its first page, in turns."""
    async with stage.database() as url, stage.sandbox() as psp, stage.serve(url, psp.url) as ours:
        await _subscribe(ours, url, stage, sizes.listed_subscriptions)
        middle = encode("k", f"sub_{sizes.listed_subscriptions // 2:026}")
        asked = {
            "first": (ours, story.graphql(stage.keys[0], _SUBSCRIPTIONS)),
            "middle": (ours, story.graphql(stage.keys[0], _SUBSCRIPTIONS, {"after": middle})),
        }
        rates = await _in_turns(asked, "subscriptions", sizes, log)
    name = f"25 amid {sizes.listed_subscriptions:,} subscriptions"
    return rate(name, rates["middle"], rates["first"], "the first 25", _LEAST_FAR)


async def _in_turns(
    asked: Mapping[str, tuple[Program, bytes]], root: str, sizes: Sizes, log: Log
) -> dict[str, list[float]]:
    rates: dict[str, list[float]] = {name: [] for name in asked}
    expected = f'{{"data":{{"{root}":{{"nodes":[{{'.encode()
    for number in range(sizes.rounds + 1):
        for name, (program, request) in asked.items():
            run = await load.drive(program.port, [request] * sizes.lists, expect=expected)
            if number:  # the first round warms up
                rates[name].append(run.per_second)
            log.say(f"{root} {number}/{sizes.rounds}: {name} {run.per_second:.0f}/s")
    return rates


async def _subscribe(ours: Program, url: str, stage: Stage, count: int) -> None:
    """So many subscriptions to one plan, straight into the database."""
    asking = await load.Connection.open(ours.port)
    request = story.graphql(stage.keys[0], story.PLAN_CREATE, {"input": story.new_plan()})
    plan = story.data_of(await asking.ask(request))["plan"]
    asking.close()
    connection: Any = await asyncpg.connect(url)
    try:
        now, customer_id = datetime.now(UTC), "cus_" + "0" * 26
        await connection.execute(
            "INSERT INTO customers (id, merchant_id, email, created_at) VALUES ($1, $2, 'bench@example.com', $3)",
            customer_id,
            stage.merchant_id,
            now,
        )
        await connection.execute(
            _MANY, stage.merchant_id, customer_id, plan["id"], plan["price"]["id"], now, count, timeout=600
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
