"""Follows the events of an order, a payment, a subscription or a merchant: each once, in order, from any cursor on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from domain import reads
from domain.reads import Row
from kit.database.reading import decode_json
from kit.hub import Hub
from kit.together import Together

_BATCH = 200
_events_after = Together(reads.events_after)
_merchant_events_after = Together(reads.merchant_events_after)
present = Together(reads.by_id)
"""`reads.by_id`, for followers: what many of them read at once is read once."""


async def subject_events(hub: Hub, merchant_id: str, subject_id: str, after: int) -> AsyncIterator[Row]:
    """The events of an order or a subscription with a version larger than `after`, then each new one; ends when the
    caller stops."""

    async def read(version: int) -> list[Row]:
        return await _events_after(merchant_id, "subject_id", subject_id, version, _BATCH)

    async for row in _follow(hub, subject_id, after, "version", read):
        yield row


async def payment_events(hub: Hub, merchant_id: str, order_id: str, payment_id: str, after: int) -> AsyncIterator[Row]:
    """Those of the order's events that tell of the payment."""
    async for row in subject_events(hub, merchant_id, order_id, after):
        if row["payment_id"] == payment_id:
            yield row


async def merchant_events(hub: Hub, merchant_id: str, after: int) -> AsyncIterator[Row]:
    """The merchant's events with a sequence number larger than `after`, then each new one."""

    async def read(sequence: int) -> list[Row]:
        return await _merchant_events_after(merchant_id, sequence, _BATCH)

    async for row in _follow(hub, merchant_id, after, "sequence", read):
        yield row


async def vendor_events(hub: Hub, merchant_id: str, vendor_id: str, after: int) -> AsyncIterator[Row]:
    """Those of the merchant's events that tell of the vendor."""
    async for row in merchant_events(hub, merchant_id, after):
        if row["subject_id"] == vendor_id or vendor_id in _vendors(decode_json(row["data"])):
            yield row


def _vendors(data: Mapping[str, Any]) -> Sequence[str]:
    return [*data.get("vendor_ids", ()), data.get("vendor_id", "")]


async def _follow(
    hub: Hub, topic: str, after: int, key: str, read: Callable[[int], Awaitable[list[Row]]]
) -> AsyncIterator[Row]:
    """The past and the present are the same query, so nothing can fall between them."""
    with hub.watch(topic) as watch:
        watch.seen = after
        while True:
            watch.clear()
            rows = await read(watch.seen)
            for row in rows:
                watch.seen = row[key]
                yield row
                await asyncio.sleep(0)  # a long past must not keep others waiting, nor go on for a client that is gone
            if len(rows) < _BATCH:
                await watch.wait()
