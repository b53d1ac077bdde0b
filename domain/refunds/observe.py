"""Takes in what the PSP says of refunds, wherever they were made."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.events import NewEvent
from domain.refunds.rows import NewRefund, Taken, entry, reserve
from gateways.base import RefundEvidence, RefundStanding
from kit import ids
from kit.database.unit import Unit
from models import REFUND_EDGES, PostingKind, RefundReason, RefundStatus, advance

_STATUS_OF = {standing: RefundStatus(standing.value) for standing in RefundStanding}
_RANKS = {
    RefundStatus.RESERVED: 0,
    RefundStatus.PENDING: 1,
    RefundStatus.SUCCEEDED: 2,
    RefundStatus.CANCELED: 3,
    RefundStatus.FAILED: 3,
}
_GIVEN_BACK = frozenset({RefundStatus.FAILED, RefundStatus.CANCELED})


async def observe(
    unit: Unit,
    payment: Mapping[str, Any],
    found: Sequence[RefundEvidence],
    *,
    captured_minor: int,
    now: datetime,
) -> Taken | None:
    """Takes in what the PSP says of the payment's refunds, also of those made in its dashboard.

    None when they give back more than we know to be captured: the capture's own evidence has yet to come.
    """
    rows = await unit.fetch("SELECT id, status, amount_minor, token FROM refunds WHERE payment_id = $1", payment["id"])
    known = {row["id"]: row for row in rows} | {row["token"]: row for row in rows if row["token"]}
    taken = Taken()
    for evidence in found:
        row = known.get(evidence.refund_id or "") or known.get(evidence.token)
        row = row or await _adopt(unit, payment, evidence, taken, now)
        await _move(unit, payment, row, evidence, taken, now)
    return None if payment["refunded_minor"] + taken.refunded_by > captured_minor else taken


async def _adopt(
    unit: Unit, payment: Mapping[str, Any], evidence: RefundEvidence, taken: Taken, now: datetime
) -> dict[str, Any]:
    """A refund that was not made through us gets a row of its own."""
    reasons = {reason.value for reason in RefundReason}
    refund = NewRefund(
        refund_id=ids.new("re", now),
        reason=RefundReason(evidence.reason) if evidence.reason in reasons else RefundReason.OTHER,
        explanation="Made at the PSP.",
        amount_minor=evidence.amount_minor,
        token=evidence.token,
    )
    reserved = await reserve(unit, payment, refund, now)
    taken.news += reserved.news
    taken.entries += reserved.entries
    return {"id": refund.refund_id, "status": RefundStatus.RESERVED, "amount_minor": refund.amount_minor}


async def _move(
    unit: Unit,
    payment: Mapping[str, Any],
    row: Mapping[str, Any],
    evidence: RefundEvidence,
    taken: Taken,
    now: datetime,
) -> None:
    before, after = RefundStatus(row["status"]), _STATUS_OF[evidence.standing]
    if _RANKS[after] <= _RANKS[before]:
        return
    status = advance(REFUND_EDGES, before, after)
    await unit.execute(
        "UPDATE refunds SET status = $2, token = $3, failure_code = $4, ask_at = NULL, updated_at = $5 WHERE id = $1",
        row["id"],
        status.value,
        evidence.token,
        evidence.failure_code,
        now,
    )
    refunded_by, kind = _effect(before, status, row["amount_minor"])
    if kind:
        taken.entries.append(entry(kind, row["id"], payment, row["amount_minor"]))
    taken.refunded_by += refunded_by
    facts = {"refund_id": row["id"], "amount_minor": row["amount_minor"], "currency": payment["currency"]}
    told = facts | {"from": before.value, "to": status.value, "refunded_by": refunded_by}
    taken.news.append(NewEvent(type=f"refund.{status.value}", payment_id=payment["id"], data=told))


def _effect(before: RefundStatus, after: RefundStatus, amount_minor: int) -> tuple[int, PostingKind | None]:
    if after is RefundStatus.SUCCEEDED:
        return amount_minor, PostingKind.REFUND_PAID
    if after in _GIVEN_BACK and before is RefundStatus.SUCCEEDED:
        return -amount_minor, PostingKind.REFUND_REVERSED
    if after in _GIVEN_BACK:
        return 0, PostingKind.REFUND_RETURNED
    return 0, None
