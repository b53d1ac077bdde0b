"""Balances of vendors per second: of one with a million postings, next to one with a thousand.

The ceiling is the small vendor: what has long been summed up should cost nothing.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from bench import load, story
from bench.parts import Log, Sizes
from bench.report import Figure, rate
from bench.stage import Stage
from bootstrap import database
from domain.vendors import balances
from kit import ids

_LEAST, _FEW = 0.25, 1_000
QUERY = """query Balance($id: ID!) { vendor(id: $id) {
  name status balances { currency held { amountMinor } pending { amountMinor } available { amountMinor } } } }"""
_VENDOR = """
INSERT INTO vendors (id, merchant_id, gateway, name, email, country, status, requirements, transfers_enabled,
                     payouts_enabled, metadata, version, created_at, updated_at)
VALUES ($1, $2, 'stripe', 'Vendor', 'vendor@shop.example', 'DE', 'active', '[]', true, true, '{}', 0, $3, $3)"""
_POSTINGS = """
INSERT INTO postings (merchant_id, kind, subject_id, step, line, vendor_id, debit, credit, currency, amount_minor,
                      posted_at)
SELECT $1, 'share_held', $2 || n, 'once', 1, $2, 'merchant_payable', 'held:' || $2, 'EUR', 100, $3
  FROM generate_series(1, $4::bigint) AS n"""
_SUM = "SELECT SUM(amount_minor) FROM postings WHERE vendor_id = $1 AND credit LIKE 'held:%'"


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Both vendors of one server, in turns."""
    async with stage.database() as url, stage.serve(url, "http://127.0.0.1:1") as ours:
        vendors = await _seed(url, stage.merchant_id, sizes.vendor_postings, log)
        rates: dict[str, list[float]] = {name: [] for name in vendors}
        for number in range(sizes.rounds + 1):
            for name, vendor_id in vendors.items():
                request = story.graphql(stage.keys[0], QUERY, {"id": vendor_id})
                run = await load.drive(ours.port, [request] * sizes.lists, expect=b'"currency":"EUR"')
                if number:
                    rates[name].append(run.per_second)
                log.say(f"splits {number}/{sizes.rounds}: {name} {run.per_second:.0f}/s")
    name = f"balance of {sizes.vendor_postings:,} postings"
    return [rate(name, rates["many"], rates["few"], f"a vendor with {_FEW:,} postings", _LEAST)]


async def _seed(url: str, merchant_id: str, many: int, log: Log) -> dict[str, str]:
    """The vendors' ids; their postings are of yesterday, and summed up as the worker does it."""
    now = datetime.now(UTC)
    connection: Any = await asyncpg.connect(url)
    found = {}
    try:
        for name, count in (("many", many), ("few", _FEW)):
            found[name] = ids.new("ven", now)
            await connection.execute(_VENDOR, found[name], merchant_id, now)
            await connection.execute(_POSTINGS, merchant_id, found[name], now - timedelta(days=1), count)
        await connection.execute("ANALYZE")
        started = time.monotonic()
        await connection.fetchval(_SUM, found["many"])
        summed = time.monotonic() - started
    finally:
        await connection.close()
    started = time.monotonic()
    async with database(url):
        await balances.take_snapshots(now)
    log.note(
        f"Splits: one sum over {many:,} postings takes {summed * 1000:,.0f} ms. The snapshots of all of them took"
        f" {time.monotonic() - started:,.1f} s, once."
    )
    return found
