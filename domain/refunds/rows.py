"""A refund's row, and what its steps bring about on its payment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from domain import ledger
from domain.events import NewEvent
from domain.ledger import Entry
from kit.database.unit import Unit
from kit.wakeups import wake
from models import PostingKind, RefundReason, RefundStatus

TOPIC = "refunds"
LEASE = timedelta(seconds=90)
"""How long whoever asks the PSP for a refund has it to itself; longer than all the SDK's tries together."""


@dataclass(slots=True)
class Taken:
    """What refunds bring about on their payment: `refunded_by` may be negative, when one failed after it succeeded."""

    refunded_by: int = 0
    news: list[NewEvent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRefund:
    """A refund to reserve; `token` is the PSP's where it was made there. `asked_by_caller`: whoever reserves it asks
    the PSP next, and the worker only when the lease is over. `items`: how much of which line item, in minor units,
    where they are named; `parts`: out of which splits it comes, where that is settled."""

    refund_id: str
    reason: RefundReason
    explanation: str | None
    amount_minor: int
    token: str | None = None
    asked_by_caller: bool = False
    items: Mapping[str, int] | None = None
    parts: Mapping[str, int] | None = None


async def reserve(unit: Unit, payment: Mapping[str, Any], refund: NewRefund, now: datetime) -> Taken:
    """Sets the money aside. Without a token the PSP is asked after the commit: by the caller, or by the worker."""
    await unit.execute(
        """INSERT INTO refunds (id, merchant_id, payment_id, gateway, status, reason, explanation, currency,
                                amount_minor, token, items, parts, asks, ask_at, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14, $14)""",
        refund.refund_id,
        payment["merchant_id"],
        payment["id"],
        payment["gateway"],
        RefundStatus.RESERVED.value,
        refund.reason.value,
        refund.explanation,
        payment["currency"],
        refund.amount_minor,
        refund.token,
        dict(refund.items) if refund.items else None,
        dict(refund.parts) if refund.parts else None,
        None if refund.token else now + LEASE if refund.asked_by_caller else now,
        now,
    )
    if refund.token is None and not refund.asked_by_caller:
        unit.after_commit(lambda: wake(TOPIC))
    told = {
        "refund_id": refund.refund_id,
        "amount_minor": refund.amount_minor,
        "currency": payment["currency"],
        "reason": refund.reason.value,
        "explanation": refund.explanation,
        "refunded_by": 0,
    }
    return Taken(
        news=[NewEvent(type="refund.reserved", payment_id=payment["id"], data=told)],
        entries=[entry(PostingKind.REFUND_RESERVED, refund.refund_id, payment, refund.amount_minor)],
    )


async def refundable(unit: Unit, payment_id: str, captured_minor: int, refunded_minor: int) -> int:
    """What may still be given back of the payment: captured, less refunded, less refunds on their way."""
    row = await unit.fetch_one(
        """SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) AS n FROM refunds
            WHERE payment_id = $1 AND status IN ('reserved', 'pending')""",
        payment_id,
    )
    assert row is not None
    return captured_minor - refunded_minor - int(row["n"])


def entry(kind: PostingKind, refund_id: str, payment: Mapping[str, Any], amount_minor: int) -> Entry:
    return ledger.refund(kind, refund_id, payment["id"], payment["currency"], amount_minor)
