"""Takes in what the PSP says of a payment's disputes, and books what the bank takes and gives back."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain import ledger
from domain.events import NewEvent
from domain.ledger import Entry
from domain.payments.writing import Writing
from gateways.base import DisputeEvidence, DisputeStanding
from kit import ids
from kit.database.unit import Unit
from models import DISPUTE_EDGES, DisputeStatus, PostingKind, advance

_STATUS_OF = {standing: DisputeStatus(standing.value) for standing in DisputeStanding}
_RANKS = {
    DisputeStatus.WARNING_NEEDS_RESPONSE: 0,
    DisputeStatus.WARNING_UNDER_REVIEW: 1,
    DisputeStatus.WARNING_CLOSED: 2,
    DisputeStatus.NEEDS_RESPONSE: 3,
    DisputeStatus.UNDER_REVIEW: 4,
    DisputeStatus.PREVENTED: 5,
    DisputeStatus.WON: 5,
    DisputeStatus.LOST: 5,
}
_INQUIRY = frozenset(
    {DisputeStatus.WARNING_NEEDS_RESPONSE, DisputeStatus.WARNING_UNDER_REVIEW, DisputeStatus.WARNING_CLOSED}
)
_TOTALS = ("withdrawn_minor", "reinstated_minor", "fee_minor", "fee_returned_minor")


async def observe(
    unit: Unit, payment: Mapping[str, Any], found: Sequence[DisputeEvidence], writing: Writing, now: datetime
) -> bool:
    """Adds to `writing` what the disputes bring about on their locked payment.

    False when the bank took more than we know to be captured: the capture's own evidence has yet to come.
    """
    rows = await unit.fetch(
        """SELECT id, token, status, withdrawn_minor, reinstated_minor, fee_minor, fee_returned_minor, due_by,
                  evidence_submitted_at
             FROM disputes WHERE payment_id = $1""",
        payment["id"],
    )
    known = {row["token"]: row for row in rows}
    disputed = payment["disputed_minor"]
    for evidence in found:
        disputed += await _take(unit, payment, known.get(evidence.token), evidence, writing, now)
    if disputed != payment["disputed_minor"]:
        writing.payment_columns["disputed_minor"] = disputed
    captured = writing.payment_columns.get("captured_minor", payment["captured_minor"])
    return bool(disputed <= captured)


async def _take(
    unit: Unit,
    payment: Mapping[str, Any],
    row: Mapping[str, Any] | None,
    evidence: DisputeEvidence,
    writing: Writing,
    now: datetime,
) -> int:
    """By how much the bank holds more than before, in minor units."""
    fresh = row is None
    row = row or await _insert(unit, payment, evidence, now)
    before = DisputeStatus(row["status"])
    after = _STATUS_OF[evidence.standing]
    status = advance(DISPUTE_EDGES, before, after) if _RANKS[after] > _RANKS[before] else before
    grown: dict[str, int] = {name: max(0, getattr(evidence, name) - row[name]) for name in _TOTALS}
    answered = evidence.submitted and _RANKS[after] >= _RANKS[before]
    if not fresh and status is before and not any(grown.values()) and (row["evidence_submitted_at"] or not answered):
        return 0
    if before in _INQUIRY and status not in _INQUIRY:
        await _reopen(unit, row["id"])
    await _update(unit, row, status, grown, evidence, answered, now)
    lost = status is DisputeStatus.LOST and (fresh or before is not status)
    writing.entries += _entries(payment, row, evidence, grown, lost=lost)
    held = grown["withdrawn_minor"] - grown["reinstated_minor"]
    told = {
        "dispute_id": row["id"],
        "from": None if fresh else before.value,
        "to": status.value,
        "reason": evidence.reason,
        "amount_minor": evidence.amount_minor,
        "currency": evidence.currency,
        "disputed_by": held,
    }
    writing.news.append(NewEvent(type=f"dispute.{status.value}", payment_id=payment["id"], data=told))
    return held


async def _reopen(unit: Unit, dispute_id: str) -> None:
    """A dispute that an inquiry has become wants an answer of its own, and has a deadline of its own."""
    await unit.execute(
        "UPDATE disputes SET evidence_submitted_at = NULL, alerted_at = NULL, due_by = NULL WHERE id = $1", dispute_id
    )


def _entries(
    payment: Mapping[str, Any],
    row: Mapping[str, Any],
    evidence: DisputeEvidence,
    grown: Mapping[str, int],
    *,
    lost: bool,
) -> list[Entry]:
    moves = [
        (PostingKind.DISPUTE_WITHDRAWN, grown["withdrawn_minor"], str(evidence.withdrawn_minor)),
        (PostingKind.DISPUTE_REINSTATED, grown["reinstated_minor"], str(evidence.reinstated_minor)),
        (PostingKind.DISPUTE_FEE, grown["fee_minor"], str(evidence.fee_minor)),
        (PostingKind.DISPUTE_FEE_RETURNED, grown["fee_returned_minor"], str(evidence.fee_returned_minor)),
    ]
    if lost:
        totals = {name: row[name] + grown[name] for name in _TOTALS}
        moves.append((PostingKind.DISPUTE_LOST, totals["withdrawn_minor"] - totals["reinstated_minor"], "once"))
    return [
        ledger.dispute(kind, row["id"], payment["id"], evidence.currency, amount, step)
        for kind, amount, step in moves
        if amount > 0
    ]


async def _insert(unit: Unit, payment: Mapping[str, Any], evidence: DisputeEvidence, now: datetime) -> dict[str, Any]:
    dispute_id, status = ids.new("dp", now), _STATUS_OF[evidence.standing]
    await unit.execute(
        """INSERT INTO disputes (id, merchant_id, payment_id, gateway, token, status, reason, currency, amount_minor,
                                 withdrawn_minor, reinstated_minor, fee_minor, due_by, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0, 0, $10, $11, $11)""",
        dispute_id,
        payment["merchant_id"],
        payment["id"],
        payment["gateway"],
        evidence.token,
        status.value,
        evidence.reason,
        evidence.currency,
        evidence.amount_minor,
        evidence.due_by,
        now,
    )
    return {"id": dispute_id, "status": status, "evidence_submitted_at": None} | dict.fromkeys(_TOTALS, 0)


async def _update(
    unit: Unit,
    row: Mapping[str, Any],
    status: DisputeStatus,
    grown: Mapping[str, int],
    evidence: DisputeEvidence,
    answered: bool,
    now: datetime,
) -> None:
    await unit.execute(
        """UPDATE disputes SET status = $2, withdrawn_minor = withdrawn_minor + $3,
                  reinstated_minor = reinstated_minor + $4, fee_minor = fee_minor + $5,
                  fee_returned_minor = fee_returned_minor + $6, due_by = COALESCE($7, due_by),
                  evidence_submitted_at = COALESCE(evidence_submitted_at, $8), updated_at = $9 WHERE id = $1""",
        row["id"],
        status.value,
        grown["withdrawn_minor"],
        grown["reinstated_minor"],
        grown["fee_minor"],
        grown["fee_returned_minor"],
        evidence.due_by,
        now if answered else None,
        now,
    )
