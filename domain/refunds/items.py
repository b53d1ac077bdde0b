"""Refunds that name line items: what is left of each."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.actions import PaymentState
from domain.catalog import Amount
from domain.payments.operations import AmountTooLarge
from domain.refusals import Fault, Findings, Refusal
from domain.splits import rows
from domain.splits.follow import OWN, by_split
from kit.database.reading import decode_json
from kit.database.unit import Unit

MAX_ITEMS = 100
Named = Amount | None
"""How much of a line item is to go back; None is what was not given back of it by name before."""


def checked(given: Sequence[tuple[str, Named]], *, with_amount: bool) -> dict[str, Named]:
    """The items as `Wanted` takes them; raises INVALID_ITEMS or INVALID."""
    findings = Findings()
    findings.unless(
        1 <= len(given) <= MAX_ITEMS, "INVALID_ITEMS", f"A refund names 1 to {MAX_ITEMS} line items.", "lineItems"
    )
    found = dict(given)
    findings.unless(len(found) == len(given), "INVALID_ITEMS", "Each line item is named once.", "lineItems")
    findings.unless(not with_amount, "INVALID", "Give an amount or line items, not both.", "amount")
    findings.refuse_if_any()
    return found


async def named(unit: Unit, state: PaymentState, wanted: Mapping[str, Named], now: datetime) -> dict[str, int]:
    """How much of each item goes back, in minor units. The payment is locked. Raises NOT_FOUND, INVALID_AMOUNT,
    CURRENCY_MISMATCH or AMOUNT_EXCEEDS_REFUNDABLE."""
    currency = state.currency
    payment = await unit.fetch_one(
        "SELECT p.order_id, o.is_split FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id = $1",
        state.payment_id,
    )
    assert payment is not None
    left, found = await _left(unit, payment["order_id"]), {}
    for number, (item_id, amount) in enumerate(wanted.items()):
        path = ("lineItems", str(number))
        if item_id not in left:
            raise Refusal(Fault("NOT_FOUND", f"The order has no line item {item_id[:60]!r}.", (*path, "lineItemId")))
        if amount is not None and amount.currency != currency:
            raise Refusal(Fault("CURRENCY_MISMATCH", f"The payment is in {currency}.", (*path, "amount", "currency")))
        amount_minor = left[item_id] if amount is None else amount.amount_minor
        if amount_minor < 1:
            raise Refusal(Fault("INVALID_AMOUNT", "Nothing of this line item is left to give back.", path))
        if amount_minor > left[item_id]:
            raise AmountTooLarge("AMOUNT_EXCEEDS_REFUNDABLE", amount_minor, left[item_id])
        found[item_id] = amount_minor
    if payment["is_split"]:
        await _check_splits(unit, payment["order_id"], state, found, now)
    return found


async def _left(unit: Unit, order_id: str) -> Counter[str]:
    """What refunds by name have left of each item of the order."""
    items = await unit.fetch("SELECT id, amount_minor FROM line_items WHERE order_id = $1", order_id)
    left = Counter({row["id"]: row["amount_minor"] for row in items})
    earlier = await unit.fetch(
        """SELECT r.items FROM refunds r JOIN payments p ON p.id = r.payment_id
            WHERE p.order_id = $1 AND r.items IS NOT NULL AND r.status NOT IN ('failed', 'canceled')""",
        order_id,
    )
    for row in earlier:
        left.subtract(decode_json(row["items"]))
    return left


async def _check_splits(
    unit: Unit, order_id: str, state: PaymentState, amounts: Mapping[str, int], now: datetime
) -> None:
    """Each party's part goes back as far as it is there, also the merchant's own: refunds without names may have taken
    of it, and the payment may be for a part of the order only."""
    holds = await rows.of_payment(unit, order_id, state.payment_id, now)
    kept = {held.split_id: held.totals.kept_minor for held in holds}
    kept[OWN] = state.refundable_minor - sum(kept.values())
    for split_id, amount in by_split(amounts, holds).items():
        if amount > kept[split_id]:
            raise AmountTooLarge("AMOUNT_EXCEEDS_REFUNDABLE", amount, kept[split_id])
