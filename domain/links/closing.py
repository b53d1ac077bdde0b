"""Closes the pages that are open at links that have ended, so that nobody pays there any more."""

import asyncio
from datetime import datetime, timedelta

from domain.events import Cause
from domain.payments import inquire
from gateways.registry import Gateways
from kit.database import reading
from kit.database.unit import Unit, unit_of_work

TOPIC = "links"
_LEASE = timedelta(minutes=1)
_AT_ONCE = 8


async def close_next(gateways: Gateways, *, cause: Cause, now: datetime) -> bool:
    """Closes the open pages of the link that ended first; False when there is none. A PSP that cannot be asked is asked
    again in a minute: raises GatewayUnavailable."""
    until = now + _LEASE
    link_id = await unit_of_work(lambda unit: _claim(unit, now, until))
    if link_id is None:
        return False
    last = ""
    while pages := await _open_pages(link_id, last):
        await asyncio.gather(*(inquire.close(gateways, page, cause=cause, now=now) for page in pages))
        last = pages[-1]
    await reading.execute(
        "UPDATE payment_links SET closes_at = NULL WHERE id = $1 AND closes_at = $2", link_id, until
    )  # unless it was given another end meanwhile
    return True


async def _claim(unit: Unit, now: datetime, until: datetime) -> str | None:
    row = await unit.fetch_one(
        """UPDATE payment_links SET closes_at = $2 WHERE id = (
             SELECT id FROM payment_links WHERE closes_at <= $1 ORDER BY closes_at LIMIT 1 FOR UPDATE SKIP LOCKED
           ) RETURNING id""",
        now,
        until,
    )
    return row["id"] if row else None


async def _open_pages(link_id: str, after: str) -> list[str]:
    """The next few, so that each is closed once, whatever the PSP says of it."""
    rows = await reading.fetch(
        """SELECT p.id FROM orders o JOIN payments p ON p.order_id = o.id
            WHERE o.payment_link_id = $1 AND p.status = 'open' AND p.id > $2 ORDER BY p.id LIMIT $3""",
        link_id,
        after,
        _AT_ONCE,
    )
    return [row["id"] for row in rows]
