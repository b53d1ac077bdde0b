"""The holds of an order under its lock, and why nothing may be done with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.refusals import Fault, Refusal
from domain.splits import rows
from domain.splits.rows import Held
from kit.database.unit import Unit
from models import CONTESTING


class HoldNotFound(Refusal):
    def __init__(self, hold_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no hold {hold_id[:60]!r}.", ("holdId",)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Which:
    """One hold, or (`hold_id` None) all of an order's. `amount_minor` None is all that is held; a part can only be
    named of one hold."""

    merchant_id: str
    hold_id: str | None
    order_id: str | None
    amount_minor: int | None = None
    currency: str | None = None


@dataclass(slots=True)
class Locked:
    """The holds of one payment that are meant; `payment` names what `write` and `follow` want."""

    payment: dict[str, Any]
    holds: list[Held]


async def lock(unit: Unit, which: Which, now: datetime) -> list[Locked]:
    """The order's payments that have such holds, in order; the order is locked. Raises NOT_FOUND or ORDER_NOT_PAID."""
    order_id = await _order_of(unit, which)
    order = await unit.fetch_one(
        "SELECT id FROM orders WHERE id = $1 AND merchant_id = $2 FOR UPDATE", order_id, which.merchant_id
    )
    if order is None:
        raise Refusal(Fault("NOT_FOUND", f"There is no order {order_id[:60]!r}.", ("orderId",)))
    payments = await unit.fetch(
        """SELECT p.id, p.merchant_id, p.order_id, p.gateway, p.currency, p.captured_minor, p.fee_minor, p.fee_currency,
                  o.version AS order_version, o.total_minor AS order_total_minor,
                  EXISTS (SELECT 1 FROM disputes d WHERE d.payment_id = p.id AND d.status = ANY($2)) AS contested
             FROM payments p JOIN orders o ON o.id = p.order_id
            WHERE p.order_id = $1 AND EXISTS (SELECT 1 FROM holds h WHERE h.payment_id = p.id) ORDER BY p.id""",
        order_id,
        sorted(CONTESTING),
    )
    found = [Locked(payment, await _holds(unit, which, payment, now)) for payment in payments]
    if not any(locked.holds for locked in found):
        message = "No money of it is held: it is not paid, or was not sold under a rule."
        raise Refusal(Fault("ORDER_NOT_PAID", message, ("orderId",)))
    return [locked for locked in found if locked.holds]


async def _order_of(unit: Unit, which: Which) -> str:
    if which.hold_id is None:
        assert which.order_id is not None
        return which.order_id
    row = await unit.fetch_one(
        "SELECT order_id FROM holds WHERE id = $1 AND merchant_id = $2", which.hold_id, which.merchant_id
    )
    if row is None:
        raise HoldNotFound(which.hold_id)
    return str(row["order_id"])


async def _holds(unit: Unit, which: Which, payment: dict[str, Any], now: datetime) -> list[Held]:
    holds = await rows.of_payment(unit, payment["order_id"], payment["id"], now)
    return [held for held in holds if not held.is_new and which.hold_id in (None, held.hold_id)]


def meant(which: Which, found: Sequence[Locked]) -> Iterator[tuple[Locked, Held, int]]:
    """The holds that still hold something, each with how much of it is meant. Raises why there is nothing, or not so
    much."""
    held = [(locked, hold) for locked in found for hold in locked.holds if hold.totals.held_minor]
    if not held:
        released = any(hold.totals.payable_minor for locked in found for hold in locked.holds)
        raise _gone(released, which)
    for locked, hold in held:
        if locked.payment["contested"]:
            message = "The payer's bank contests the money: wait for the end of the dispute."
            raise Refusal(Fault("PAYMENT_DISPUTED", message, _path(which), retryable=True))
        yield locked, hold, _amount(which, locked, hold)


def _gone(released: bool, which: Which) -> Refusal:
    if released:
        return Refusal(Fault("HOLD_RELEASED", "All of it was released.", _path(which)))
    return Refusal(
        Fault("HOLD_REFUNDED", "All that was held went back, or was taken by the payer's bank.", _path(which))
    )


def _amount(which: Which, locked: Locked, hold: Held) -> int:
    most, currency = hold.totals.held_minor, locked.payment["currency"]
    if which.amount_minor is None:
        return most
    if which.currency != currency:
        raise Refusal(Fault("CURRENCY_MISMATCH", f"The hold is in {currency}.", ("amount", "currency")))
    if which.amount_minor < 1 or which.amount_minor % hold.totals.step:
        message = f"The amount must be 1 or more, in steps of {hold.totals.step} minor units."
        raise Refusal(Fault("INVALID_AMOUNT", message, ("amount", "amountMinor")))
    if which.amount_minor > most:
        message = f"At most {most} minor units are held, not {which.amount_minor}."
        raise Refusal(Fault("AMOUNT_EXCEEDS_HELD", message, ("amount",)))
    return which.amount_minor


def _path(which: Which) -> tuple[str, ...]:
    return ("holdId",) if which.hold_id else ("orderId",)
