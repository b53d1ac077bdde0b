"""Asks the PSP how a subscription stands, with all of its invoices: what webhooks did not tell is learned here."""

import contextlib
from datetime import datetime, timedelta
from typing import Any

from domain.billing import ask
from domain.billing.record import record
from domain.events import Cause
from domain.payments.ask import GatewayUnavailable, NothingMade
from domain.payments.cadence import pause
from domain.subscriptions import cadence
from gateways.base import GatewayError
from gateways.registry import Gateways
from kit.database import due, reading
from kit.database.reading import decode_time
from kit.database.unit import run_to_end
from models import SubscriptionStatus

_LEASE = timedelta(seconds=60)
_AFTER_END = timedelta(days=1)


async def inquire(gateways: Gateways, subscription_id: str, *, cause: Cause, now: datetime) -> None:
    """Brings the subscription and its invoices to the PSP's truth, and sets when to ask again.

    One that the PSP may never have heard of is begun again with its stored key; a page past its time is closed.
    Raises GatewayUnavailable or GatewayRefused.
    """
    row = await _row(subscription_id)
    try:
        await _inquire(gateways, row, cause, now)
    except GatewayUnavailable:
        await _plan(subscription_id, now + pause(now - decode_time(row["created_at"])), now)
        raise
    await _plan(subscription_id, await _next(subscription_id, now), now)


async def _inquire(gateways: Gateways, row: dict[str, Any], cause: Cause, now: datetime) -> None:
    if row["token"] is None and row["session_token"] is None:
        if row["status"] == SubscriptionStatus.INCOMPLETE:
            with contextlib.suppress(NothingMade):
                await ask.settle(gateways, row["id"], cause=cause, now=now)
        return
    await run_to_end(_hear(gateways, row, cause, now))


async def _hear(gateways: Gateways, row: dict[str, Any], cause: Cause, now: datetime) -> None:
    billing, token, session_token = gateways[row["gateway"]].billing, row["token"], row["session_token"]
    past = row["expires_at"] is not None and decode_time(row["expires_at"]) <= now
    try:
        if token is None and past and row["status"] == SubscriptionStatus.INCOMPLETE:
            report = await billing.expire_page(session_token)
        else:
            report = await billing.inquire(token=token, session_token=session_token)
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    told_before = decode_time(row["told_at"]) if row["told_at"] else None
    await record(report, told_before=told_before, cause=cause, now=now)


async def _next(subscription_id: str, now: datetime) -> datetime | None:
    row = await _row(subscription_id)
    again = cadence.next_inquiry(
        SubscriptionStatus(row["status"]),
        created_at=decode_time(row["created_at"]),
        expires_at=decode_time(row["expires_at"]) if row["expires_at"] else None,
        period_end=decode_time(row["period_end"]) if row["period_end"] else None,
        now=now,
    )
    return again or (now + _AFTER_END if row["owes"] else None)


async def _plan(subscription_id: str, at: datetime | None, now: datetime) -> None:
    """What became doubtful meanwhile is due already, and stays so."""
    await reading.execute(
        "UPDATE subscriptions SET inquire_at = $2 WHERE id = $1 AND (inquire_at IS NULL OR inquire_at > $3)",
        subscription_id,
        at,
        now,
    )


async def claim_due(now: datetime, limit: int) -> list[str]:
    """Subscriptions that the PSP is to be asked about, ours alone for a minute."""
    return await due.claim("subscriptions", "inquire_at", now=now, lease=_LEASE, limit=limit)


async def _row(subscription_id: str) -> dict[str, Any]:
    row = await reading.fetch_one(
        """SELECT id, gateway, status, token, session_token, expires_at, period_end, told_at, created_at,
                  EXISTS (SELECT 1 FROM invoices i WHERE i.subscription_id = s.id AND i.status = 'open') AS owes
             FROM subscriptions s WHERE id = $1""",
        subscription_id,
    )
    assert row is not None
    return row
