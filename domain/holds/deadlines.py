"""What happens to holds by themselves: released on their date, told of before the PSP's limit, ended when it comes."""

from dataclasses import replace
from datetime import datetime, timedelta

from domain.events import Cause, NewEvent
from domain.holds.locking import Locked, Which, lock
from domain.holds.refund import refund_now
from domain.holds.release import release_now
from domain.payments.writing import Writing, write
from domain.refusals import Fault, Refusal
from domain.splits import rows
from domain.splits.rows import Held
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from models import DeadlinePolicy, RefundReason

_LEASE = timedelta(minutes=1)
_OBSTACLE = timedelta(days=1)
_EXPLANATION = "The money was held for as long as the PSP lets it be."


async def mind_next(*, cause: Cause, now: datetime) -> bool:
    """Does what is due with the hold that is due first; False when there is none. Where it cannot be done (a dispute, a
    vendor who is missing, a refund that failed), it is tried again a day later."""
    row = await unit_of_work(
        lambda unit: unit.fetch_one(
            """UPDATE holds SET due_at = $2 WHERE id = (
                 SELECT id FROM holds WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED
               ) RETURNING id, merchant_id""",
            now,
            now + _LEASE,
        )
    )
    if row is None:
        return False
    which = Which(merchant_id=row["merchant_id"], hold_id=row["id"], order_id=None)
    try:
        await unit_of_work(lambda unit: _mind(unit, which, cause, now))
    except Refusal:
        await reading.execute("UPDATE holds SET due_at = $2 WHERE id = $1", row["id"], now + _OBSTACLE)
    return True


async def _mind(unit: Unit, which: Which, cause: Cause, now: datetime) -> None:
    (locked,) = await lock(unit, which, now)
    (hold,) = locked.holds
    if hold.due_at is None or hold.due_at > now:
        await rows.save(unit, locked.payment, [hold], now)
    elif hold.release_at is not None and hold.release_at <= now and not hold.unassigned:
        await release_now(unit, which, cause, now)
    elif hold.release_by <= now:
        await _end(unit, which, locked, hold, cause, now)
    else:
        await _alert(unit, locked, hold, cause, now)


async def _end(unit: Unit, which: Which, locked: Locked, hold: Held, cause: Cause, now: datetime) -> None:
    """The PSP's limit has come. What is for nobody goes back."""
    assert hold.terms is not None
    if hold.terms.on_deadline is DeadlinePolicy.RELEASE and not hold.unassigned:
        await release_now(unit, which, cause, now)
    else:
        await _check_refunds(unit, locked, now)
        await refund_now(unit, which, RefundReason.OTHER, _EXPLANATION, cause, now)


async def _check_refunds(unit: Unit, locked: Locked, now: datetime) -> None:
    """Where a refund has just failed, another one at once would fail, too."""
    failed = await unit.fetch_one(
        "SELECT id FROM refunds WHERE payment_id = $1 AND status IN ('failed', 'canceled') AND updated_at > $2 LIMIT 1",
        locked.payment["id"],
        now - _OBSTACLE,
    )
    if failed:
        raise Refusal(Fault("GATEWAY_REFUSED", "A refund of the payment has just failed.", ("holdId",)))


async def _alert(unit: Unit, locked: Locked, hold: Held, cause: Cause, now: datetime) -> None:
    """Told once."""
    told = {
        "hold_id": hold.hold_id,
        "amount_minor": hold.totals.held_minor,
        "currency": locked.payment["currency"],
        "due_by": hold.release_by.isoformat(),
    }
    news = NewEvent(type="hold.due_soon", payment_id=locked.payment["id"], data=told)
    await rows.save(unit, locked.payment, [replace(hold, alerted_at=now)], now)
    await write(unit, locked.payment, Writing(news=[news]), cause, now)
