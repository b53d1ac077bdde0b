"""Asks the PSP how a payment stands, and takes the answer in through the one door."""

import contextlib
from datetime import datetime, timedelta
from typing import Any

from domain.events import Cause
from domain.payments import cadence
from domain.payments.apply import apply
from domain.payments.ask import GatewayUnavailable, NothingMade, ask, claim
from gateways.base import Evidence, Gateway, GatewayError, PaymentTokens, Refused
from gateways.registry import Gateways
from kit.database import due, reading
from kit.database.reading import decode_time
from kit.database.unit import Unit, run_to_end, unit_of_work
from models import LIVE, OrderStatus, PaymentStatus

_LEASE = timedelta(seconds=60)
_CONFIRMATION = timedelta(hours=1)
"""How long a payer may take to answer the bank; then the payment is given up, and the order is free again."""


async def inquire(gateways: Gateways, payment_id: str, *, cause: Cause, now: datetime) -> None:
    """Brings the payment to the PSP's truth, and sets when to ask again.

    A payment that the PSP may never have heard of is registered again with its stored key. A session past its
    time, or of an order that wants no money any more, is closed. Raises GatewayUnavailable or GatewayRefused.
    """
    payment = await _payment(payment_id)
    try:
        await _inquire(gateways, payment, cause, now)
    except GatewayUnavailable:
        again = now + cadence.pause(now - decode_time(payment["created_at"]))
        await reading.execute(
            "UPDATE payments SET inquire_at = $2 WHERE id = $1 AND inquire_at IS NOT NULL", payment_id, again
        )
        raise


async def _inquire(gateways: Gateways, payment: dict[str, Any], cause: Cause, now: datetime) -> None:
    payment_id = payment["id"]
    if payment["session_token"] is None and payment["intent_token"] is None:
        if await unit_of_work(lambda unit: claim(unit, payment_id, now)):
            with contextlib.suppress(NothingMade):
                await ask(gateways, payment_id, cause=cause, now=now)
    elif _should_close(payment, now):
        await close(gateways, payment_id, cause=cause, now=now)
    else:
        await run_to_end(_hear(gateways, payment, cause, now, closing=False))


async def close(gateways: Gateways, payment_id: str, *, cause: Cause, now: datetime) -> None:
    """Closes the payment's session at the PSP, so that nobody can pay on it, and takes in how it ended."""
    await run_to_end(_hear(gateways, await _payment(payment_id), cause, now, closing=True))


async def _hear(gateways: Gateways, payment: dict[str, Any], cause: Cause, now: datetime, *, closing: bool) -> None:
    gateway = gateways[payment["gateway"]]
    session_token, intent_token = payment["session_token"], payment["intent_token"]
    tokens = PaymentTokens(session_token=session_token, intent_token=intent_token)
    try:
        if closing and session_token is None:
            evidence = await _given_up(gateway, payment)
        else:
            evidence = await (gateway.expire_session(session_token) if closing else gateway.inquire(tokens))
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
    await unit_of_work(lambda unit: _record(unit, payment["id"], evidence, cause, now))


async def _given_up(gateway: Gateway, payment: dict[str, Any]) -> Evidence:
    try:
        return await gateway.void(payment["intent_token"], idempotency_key=f"{payment['id']}:close")
    except Refused:  # it has ended before: the inquiry tells how
        return await gateway.inquire(PaymentTokens(intent_token=payment["intent_token"]))


async def _record(unit: Unit, payment_id: str, evidence: Evidence, cause: Cause, now: datetime) -> None:
    applied = await apply(unit, evidence, cause=cause, now=now)
    row = await unit.fetch_one(
        """SELECT p.status, p.fee_minor, p.created_at, p.expires_at,
                  EXISTS (SELECT 1 FROM refunds r WHERE r.payment_id = p.id AND r.status IN ('reserved', 'pending'))
                  OR EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id AND d.status NOT IN
                             ('won', 'lost', 'prevented', 'warning_closed'))
                  AS unsettled FROM payments p WHERE p.id = $1""",
        applied.payment_id,
    )
    assert row is not None
    again = cadence.next_inquiry(
        PaymentStatus(row["status"]),
        all_known=row["fee_minor"] is not None and not row["unsettled"],
        created_at=decode_time(row["created_at"]),
        expires_at=decode_time(row["expires_at"]) if row["expires_at"] else None,
        now=now,
    )
    await unit.execute(
        "UPDATE payments SET inquire_at = $2, inquiries = inquiries + 1 WHERE id = $1", applied.payment_id, again
    )


async def claim_due(now: datetime, limit: int) -> list[str]:
    """Payments that the PSP is to be asked about, ours alone for a minute."""
    return await due.claim("payments", "inquire_at", now=now, lease=_LEASE, limit=limit)


async def _payment(payment_id: str) -> dict[str, Any]:
    row = await reading.fetch_one(
        """SELECT p.id, p.gateway, p.status, p.session_token, p.intent_token, p.expires_at,
                  p.created_at, o.status AS order_status
             FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1""",
        payment_id,
    )
    assert row is not None
    return row


def _should_close(payment: dict[str, Any], now: datetime) -> bool:
    if payment["status"] not in LIVE:
        return False
    if payment["session_token"] is None:
        waited = decode_time(payment["created_at"]) + _CONFIRMATION <= now
        return payment["status"] == PaymentStatus.REQUIRES_ACTION and waited
    past = payment["expires_at"] is not None and decode_time(payment["expires_at"]) <= now
    return payment["order_status"] != OrderStatus.OPEN or (past and payment["status"] == PaymentStatus.OPEN)
