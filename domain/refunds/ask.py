"""Asks the PSP for reserved refunds: reserve came before, with its key; record goes through the one door."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Any

from domain.events import Cause
from domain.payments.apply import apply
from domain.psp_keys import ask_once
from domain.refunds.rows import LEASE
from gateways.base import Evidence, GatewayError, RefundEvidence, RefundRequest, RefundStanding
from gateways.registry import Gateways
from kit.database import reading
from kit.database.reading import decode_time
from kit.database.unit import Unit, run_to_end, unit_of_work

_LOOKS, _PAUSE = 100, 0.1
_COLUMNS = """r.id, r.payment_id, r.gateway, r.reason, r.currency, r.amount_minor, r.ask_at, r.created_at,
              p.intent_token FROM refunds r JOIN payments p ON p.id = r.payment_id"""


async def ask_next(gateways: Gateways, *, cause: Cause, now: datetime) -> bool:
    """Asks for the next refund that is due; False when none is. An unclear answer is asked for again, with its key."""
    row = await unit_of_work(lambda unit: _claim_due(unit, now))
    if row is None:
        return False
    await run_to_end(_ask(gateways, row, cause, now))
    return True


async def ask_first(gateways: Gateways, refund_id: str, *, cause: Cause, now: datetime) -> None:
    """Asks for a refund that the caller has just reserved with the lease. Raises GatewayError when the PSP does not
    answer clearly; then the worker, or the same call made again, asks with the same key."""
    row = await unit_of_work(lambda unit: unit.fetch_one(f"SELECT {_COLUMNS} WHERE r.id = $1", refund_id))
    assert row is not None
    await run_to_end(_ask_or_release(gateways, row, cause, now))


async def ask_again(gateways: Gateways, refund_id: str, *, cause: Cause, now: datetime) -> None:
    """Goes on with a refund that an earlier call reserved: asks if nobody does, else waits for whoever asks."""
    row = await unit_of_work(lambda unit: _claim(unit, refund_id, now))
    if row is not None:
        await run_to_end(_ask_or_release(gateways, row, cause, now))
        return
    for _ in range(_LOOKS):
        waiting = await reading.fetch_one(
            "SELECT id FROM refunds WHERE id = $1 AND ask_at IS NOT NULL AND ask_at > $2", refund_id, now
        )
        if waiting is None:
            return
        await asyncio.sleep(_PAUSE)


async def _ask_or_release(gateways: Gateways, row: dict[str, Any], cause: Cause, now: datetime) -> None:
    try:
        await _ask(gateways, row, cause, now)
    except GatewayError:
        await reading.execute("UPDATE refunds SET ask_at = $2 WHERE id = $1 AND ask_at IS NOT NULL", row["id"], now)
        raise


async def _claim_due(unit: Unit, now: datetime) -> dict[str, Any] | None:
    row = await unit.fetch_one(
        f"SELECT {_COLUMNS} WHERE r.ask_at <= $1 ORDER BY r.ask_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED",
        now,
    )
    return await _leased(unit, row, now)


async def _claim(unit: Unit, refund_id: str, now: datetime) -> dict[str, Any] | None:
    row = await unit.fetch_one(
        f"SELECT {_COLUMNS} WHERE r.id = $1 AND r.ask_at <= $2 FOR UPDATE OF r",
        refund_id,
        now,
    )
    return await _leased(unit, row, now)


async def _leased(unit: Unit, row: dict[str, Any] | None, now: datetime) -> dict[str, Any] | None:
    """The refund, ours alone for the lease; whoever dies while asking leaves it to the worker."""
    if row:
        await unit.execute("UPDATE refunds SET ask_at = $2, asks = asks + 1 WHERE id = $1", row["id"], now + LEASE)
    return row


async def _ask(gateways: Gateways, row: dict[str, Any], cause: Cause, now: datetime) -> None:
    gateway = gateways[row["gateway"]]
    request = RefundRequest(
        refund_id=row["id"],
        payment_id=row["payment_id"],
        intent_token=row["intent_token"],
        currency=row["currency"],
        amount_minor=row["amount_minor"],
        reason=row["reason"],
    )
    try:
        ask, find = partial(gateway.refund, request), partial(gateway.find_refund, request)
        evidence = await ask_once(ask, find, since=decode_time(row["created_at"]), now=now)
    except GatewayError as error:
        if error.retry_is_safe:
            raise
        evidence = _refused(row, error, gateway.livemode)
    await unit_of_work(lambda unit: apply(unit, evidence, cause=cause, now=now))


def _refused(row: dict[str, Any], error: GatewayError, livemode: bool) -> Evidence:
    """The PSP will not give this money back: the refund has failed, and the merchant still has it."""
    refund = RefundEvidence(
        token=f"refused:{row['id']}",
        refund_id=row["id"],
        standing=RefundStanding.FAILED,
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        reason=None,
        failure_code=(error.code or "refused")[:100],
    )
    return Evidence(
        gateway=row["gateway"], livemode=livemode, payment_id=row["payment_id"], refunds=(refund,), incomplete=True
    )
