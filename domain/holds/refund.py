"""Giving held money back to the payer: a refund that comes out of the hold, and of nothing else."""

from datetime import datetime
from typing import Any

from domain import idempotency
from domain.actions import PaymentAction, guard_payment
from domain.events import Cause
from domain.holds.locking import Locked, Which, lock, meant
from domain.payments.state import locked_state
from domain.payments.writing import Writing, write
from domain.refunds.rows import NewRefund, reserve
from domain.refusals import Findings
from domain.splits.follow import follow
from kit import ids
from kit.database.unit import Unit, unit_of_work
from models import RefundReason


async def refund(
    which: Which,
    *,
    reason: RefundReason,
    explanation: str | None,
    idempotency_key: str,
    body_digest: str,
    cause: Cause,
    now: datetime,
) -> list[str]:
    """Refunds what is held, or a part of one hold; returns the refunds' ids, one for each payment that it is of. The
    same key and body refund once. The PSP is asked behind the call.

    Raises what `release` does, but for HOLD_UNASSIGNED, and why the payment cannot be refunded.
    """
    key = idempotency.check(idempotency_key)
    said = explained(reason, explanation)
    names = {"merchant_id": which.merchant_id, "mutation": "holdRefund", "key": key, "body_digest": body_digest}

    async def work(unit: Unit) -> list[str]:
        earlier = await idempotency.claim(unit, **names, answer={}, now=now)
        if earlier is not None:
            return [refund_id for refund_id in earlier.get("refund_ids", "").split() if refund_id]
        made = await refund_now(unit, which, reason, said, cause, now)
        answer = {"refund_ids": " ".join(made)}
        await idempotency.answer_anew(
            unit, merchant_id=which.merchant_id, mutation="holdRefund", key=key, answer=answer
        )
        return made

    return await unit_of_work(work)


def explained(reason: RefundReason, explanation: str | None) -> str | None:
    """The explanation, cleaned; raises why it cannot be one."""
    findings = Findings()
    said = findings.text(explanation, "The explanation", 500, "explanation", lines=True)
    findings.unless(
        reason is not RefundReason.OTHER or bool(said),
        "REASON_NOT_EXPLAINED",
        "OTHER is no reason by itself: say which in the explanation.",
        "explanation",
    )
    findings.refuse_if_any()
    return said


async def refund_now(
    unit: Unit, which: Which, reason: RefundReason, explanation: str | None, cause: Cause, now: datetime
) -> list[str]:
    """Refunds within a transaction; the refunds' ids."""
    found = await lock(unit, which, now)
    wanted = list(meant(which, found))
    version, made = found[0].payment["order_version"], []
    for locked in found:
        parts = {hold.split_id: amount for each, hold, amount in wanted if each is locked}
        if parts:
            new = NewRefund(
                refund_id=ids.new("re", now),
                reason=reason,
                explanation=explanation,
                amount_minor=sum(parts.values()),
                parts=parts,
            )
            version += await _reserve(unit, locked, new, version, cause, now)
            made.append(new.refund_id)
    return made


async def _reserve(unit: Unit, locked: Locked, new: NewRefund, version: int, cause: Cause, now: datetime) -> int:
    """How many events told it."""
    payment: dict[str, Any] = locked.payment | {"order_version": version}
    state = await locked_state(unit, payment["merchant_id"], payment["id"], now)
    guard_payment(PaymentAction.REFUND, state)
    taken = await reserve(unit, payment, new, now)
    writing = Writing(news=taken.news, entries=taken.entries)
    await follow(unit, payment, writing, captured_by=0, now=now)
    await write(unit, payment, writing, cause, now)
    return len(writing.news)
