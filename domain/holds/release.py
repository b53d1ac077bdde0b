"""Releasing what is held: the vendors' shares are theirs from then on, and are sent behind the call."""

from datetime import datetime
from typing import Any

from domain import idempotency
from domain.events import Cause, NewEvent
from domain.holds.locking import Which, lock, meant
from domain.payments.writing import Writing, write
from domain.refusals import Fault, Refusal
from domain.splits.follow import move
from domain.splits.rows import Held
from kit.database.unit import Unit, unit_of_work


class Unassigned(Refusal):
    """Nobody is there who could get it."""

    def __init__(self) -> None:
        super().__init__(Fault("HOLD_UNASSIGNED", "No vendor is assigned to it yet: holdAssign.", ("holdId",)))


class FeeNotKnown(Refusal):
    """The vendors bear the PSP's fee, so their shares are not known either."""

    def __init__(self) -> None:
        message = "Its vendors bear the PSP's fee, which the PSP has not told yet. Try again in a moment."
        super().__init__(Fault("FEE_NOT_KNOWN", message, ("holdId",), retryable=True))


async def release(which: Which, *, idempotency_key: str, body_digest: str, cause: Cause, now: datetime) -> None:
    """Releases a hold, a part of it, or all of an order's. The same key and body release once.

    Raises NOT_FOUND, ORDER_NOT_PAID, HOLD_RELEASED, HOLD_REFUNDED, HOLD_UNASSIGNED, PAYMENT_DISPUTED, FEE_NOT_KNOWN,
    AMOUNT_EXCEEDS_HELD, INVALID_AMOUNT or CURRENCY_MISMATCH.
    """
    key = idempotency.check(idempotency_key)
    names = {"merchant_id": which.merchant_id, "mutation": "holdRelease", "key": key, "body_digest": body_digest}

    async def work(unit: Unit) -> None:
        if await idempotency.claim(unit, **names, answer={}, now=now) is None:
            await release_now(unit, which, cause, now)

    await unit_of_work(work)


async def release_now(unit: Unit, which: Which, cause: Cause, now: datetime) -> None:
    """Releases within a transaction."""
    found = await lock(unit, which, now)
    wanted = list(meant(which, found))
    version = found[0].payment["order_version"]
    for locked in found:
        fee = locked.payment["fee_minor"]
        changes = [(hold, _released(hold, amount, fee)) for each, hold, amount in wanted if each is locked]
        if not changes:
            continue
        writing = Writing(news=[_news(locked.payment, changes)])
        await move(unit, locked.payment, writing, changes, now)
        await write(unit, locked.payment | {"order_version": version}, writing, cause, now)
        version += len(writing.news)


def _released(hold: Held, amount_minor: int, fee_minor: int | None) -> Held:
    if hold.unassigned:
        raise Unassigned
    if hold.awaits_fee(fee_minor):
        raise FeeNotKnown
    return hold.to(released_minor=hold.totals.payable_minor + amount_minor)


def _news(payment: dict[str, Any], changes: list[tuple[Held, Held]]) -> NewEvent:
    released = sum(after.totals.released_minor - before.totals.payable_minor for before, after in changes)
    told = {
        "hold_ids": [after.hold_id for _, after in changes],
        "amount_minor": released,
        "currency": payment["currency"],
    }
    return NewEvent(type="hold.released", payment_id=payment["id"], data=told)
