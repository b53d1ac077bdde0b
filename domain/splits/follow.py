"""Lets the shares of a sale follow its money: what is captured, given back, taken by a bank, released. Whatever came
first, the shares are a pure function of the totals, and the ledger is posted the difference."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain import ledger
from domain.events import NewEvent
from domain.ledger import Entry
from domain.payments.writing import Writing
from domain.splits import rows
from domain.splits.division import covered, divided
from domain.splits.rows import Held
from domain.splits.standing import Standing, standing
from kit.database.reading import decode_json
from kit.database.unit import Unit
from models import FeeBearer, PostingKind

OWN = ""
"""In the place of a split: what no rule covers."""

Row = Mapping[str, Any]


@dataclass(slots=True)
class Moved:
    """What a change of holds comes to: the postings, and by how much each vendor is owed more."""

    entries: list[Entry] = field(default_factory=list)
    owed: Counter[str] = field(default_factory=Counter)


async def follow(unit: Unit, payment: Row, writing: Writing, *, captured_by: int, now: datetime) -> None:
    """Adds to `writing` what has become of the payment's shares. The order is locked, and the rows of refunds and
    disputes are as they will be. `captured_by` is new money, in minor units, that is for the order.

    `payment` names id, merchant_id, order_id, currency, captured_minor, fee_minor, fee_currency, order_total_minor as
    they were; what `writing` changes of them counts.
    """
    now_known = {**payment, **writing.payment_columns}
    holds = await rows.of_payment(unit, payment["order_id"], payment["id"], now)
    if not captured_by and all(held.is_new for held in holds):
        return
    captured = await _captured(unit, now_known, holds, captured_by)
    returned = await _returned(unit, now_known, holds, captured)
    fees = _fees(now_known, holds, captured)
    after = [_after(held, captured, returned, fees, now_known) for held in holds]
    await move(unit, payment, writing, list(zip(holds, after, strict=True)), now)


async def move(unit: Unit, payment: Row, writing: Writing, changes: Sequence[tuple[Held, Held]], now: datetime) -> None:
    """Writes the holds that differ, and adds to `writing` the postings and the event that tell it."""
    changed = [(before, after) for before, after in changes if before.totals != after.totals]
    moved = Moved()
    for before, after in changed:
        _post(moved, payment, after, standing(before.totals), standing(after.totals))
    if not changed:
        return
    await rows.save(unit, payment, [after for _, after in changed], now)
    await rows.owe(unit, payment, moved.owed, now)
    writing.entries += moved.entries
    told = [_told(before, after) for before, after in changed]
    vendors = sorted({entry.vendor_id for entry in moved.entries if entry.vendor_id})
    data = {"holds": told, "vendor_ids": vendors, "currency": payment["currency"]}
    writing.news.append(NewEvent(type="payment.split", payment_id=payment["id"], data=data))


def _told(before: Held, after: Held) -> dict[str, Any]:
    was, totals = before.totals, after.totals
    return {
        "hold_id": after.hold_id,
        "captured_by": totals.captured_minor - was.captured_minor,
        "returned_by": totals.returned_minor - was.returned_minor,
        "released_by": totals.released_minor - was.released_minor,
        "held_minor": totals.held_minor,
    }


async def _captured(unit: Unit, payment: Row, holds: Sequence[Held], captured_by: int) -> dict[str, int]:
    """What the payment has captured of each split and of what no rule covers, so far. New money fills them in
    proportion to what the order is made of, so that the whole order fills each exactly, however many payments it takes.
    """
    found = {held.split_id: held.totals.captured_minor for held in holds}
    if captured_by:
        total = payment["order_total_minor"]
        others = await unit.fetch_one(
            """SELECT CAST(COALESCE(SUM(captured_minor), 0) AS BIGINT) AS n FROM payments
                WHERE order_id = $1 AND id <> $2 AND superseded_at IS NULL""",
            payment["order_id"],
            payment["id"],
        )
        assert others is not None
        collected = int(others["n"]) + payment["captured_minor"]
        buckets = {held.split_id: held.split_amount_minor for held in holds}
        buckets[OWN] = total - sum(buckets.values())
        step = holds[0].totals.step
        before, after = (divided(min(n, total), buckets, step, OWN) for n in (collected - captured_by, collected))
        found = {split_id: amount + after[split_id] - before[split_id] for split_id, amount in found.items()}
    return {**found, OWN: payment["captured_minor"] - sum(found.values())}


def _fees(payment: Row, holds: Sequence[Held], captured: Mapping[str, int]) -> dict[str, int]:
    """The PSP's fee by what it was taken for; nothing while it is not known, or in another currency."""
    if not payment["fee_minor"] or payment["fee_currency"] != payment["currency"] or not any(captured.values()):
        return {}
    fees = divided(payment["fee_minor"], captured, 1, OWN)
    return {held.split_id: fees[held.split_id] for held in holds if held.fee_bearer is FeeBearer.VENDORS}


def _after(
    held: Held, captured: Mapping[str, int], returned: Mapping[str, int], fees: Mapping[str, int], payment: Row
) -> Held:
    now_captured, released = captured[held.split_id], held.totals.released_minor
    if held.terms is None and not held.awaits_fee(payment["fee_minor"]):
        released = now_captured
    return held.to(
        captured_minor=now_captured,
        returned_minor=returned.get(held.split_id, 0),
        released_minor=released,
        fee_minor=fees.get(held.split_id, 0),
    )


# -- what goes back --------------------------------------------------------------------


async def _returned(unit: Unit, payment: Row, holds: Sequence[Held], captured: Mapping[str, int]) -> dict[str, int]:
    """What has been given back, or is being, or was taken by the payer's bank, of each split."""
    sources = await _sources(unit, payment["id"])
    kept = take(captured, sources, holds)
    for source in sources:
        if source["is_new"]:
            await unit.execute(
                f"UPDATE {source['kind']} SET parts = $2 WHERE id = $1",  # noqa: S608 - one of two of our own tables
                source["id"],
                source["parts"],
            )
    return {split_id: captured[split_id] - kept[split_id] for split_id in captured}


def take(captured: Mapping[str, int], sources: Sequence[dict[str, Any]], holds: Sequence[Held]) -> dict[str, int]:
    """What is kept of each split, and of what no rule covers; settles the `parts` of a source that has none. Where more
    went back than there was, the others bear it: once all has gone back, nothing is kept of any. Pure."""
    step, kept = holds[0].totals.step, Counter(captured)
    for source in sources:
        if source["parts"] is None:
            source["parts"] = _parts(source, covered(kept, step, OWN), holds)
        whole = {**source["parts"], OWN: source["amount_minor"] - sum(source["parts"].values())}
        kept.subtract(divided(source["gone_minor"], whole, step, OWN))
    return covered(kept, step, OWN)


async def _sources(unit: Unit, payment_id: str) -> list[dict[str, Any]]:
    """Refunds and disputes, oldest first; `gone_minor` is what is gone of their amount now. `is_new`: out of which
    splits it is has not been settled."""
    rows = await unit.fetch(
        """SELECT 'refunds' AS kind, id, amount_minor, items, parts, created_at,
                  CASE WHEN status IN ('failed', 'canceled') THEN 0 ELSE amount_minor END AS gone_minor
             FROM refunds WHERE payment_id = $1
            UNION ALL
           SELECT 'disputes', id, amount_minor, NULL, parts, created_at, withdrawn_minor - reinstated_minor
             FROM disputes WHERE payment_id = $1
            ORDER BY created_at, id""",
        payment_id,
    )
    decoded = [{**row, "items": decode_json(row["items"]), "parts": decode_json(row["parts"])} for row in rows]
    return [{**row, "is_new": row["parts"] is None} for row in decoded]


def _parts(source: Row, kept: Mapping[str, int], holds: Sequence[Held]) -> dict[str, int]:
    """Out of which splits the amount comes: those of the items that the merchant named, or all in proportion."""
    if source["items"]:
        return {split_id: n for split_id, n in by_split(source["items"], holds).items() if split_id != OWN}
    left = {split_id: max(0, amount) for split_id, amount in kept.items()}
    parts = divided(min(source["amount_minor"], sum(left.values())), left, holds[0].totals.step, OWN)
    return {split_id: amount for split_id, amount in parts.items() if amount and split_id != OWN}


def by_split(items: Mapping[str, int], holds: Sequence[Held]) -> Counter[str]:
    """Amounts by line item as amounts by split: an item's own, or the order's, which is for all the others."""
    own = {held.line_item_id: held.split_id for held in holds if held.line_item_id}
    rest = next((held.split_id for held in holds if held.line_item_id is None), OWN)
    found = Counter[str]()
    for item_id, amount_minor in items.items():
        found[own.get(item_id, rest)] += amount_minor
    return found


# -- the books -------------------------------------------------------------------------


def _post(moved: Moved, payment: Row, hold: Held, before: Standing, after: Standing) -> None:
    """The postings of a hold's change, each kind with one line for each vendor; what comes into `held` before what
    leaves it."""
    _add(
        moved,
        payment,
        hold,
        {None: after.commission_minor - before.commission_minor},
        (PostingKind.COMMISSION, PostingKind.COMMISSION_RETURNED),
    )
    vendors = sorted({*before.held, *before.payable, *after.held, *after.payable})
    paid = {vendor: after.payable[vendor] - before.payable[vendor] for vendor in vendors}
    held = {vendor: after.held[vendor] - before.held[vendor] for vendor in vendors}
    shared = {vendor: held[vendor] + paid[vendor] for vendor in vendors}
    reclaimed = {vendor: min(0, amount) for vendor, amount in paid.items()}
    released = {vendor: max(0, amount) for vendor, amount in paid.items()}
    _add(moved, payment, hold, reclaimed, (PostingKind.SHARE_RELEASED, PostingKind.SHARE_RECLAIMED))
    _add(moved, payment, hold, shared, (PostingKind.SHARE_HELD, PostingKind.SHARE_RETURNED))
    _add(moved, payment, hold, released, (PostingKind.SHARE_RELEASED, PostingKind.SHARE_RECLAIMED))
    moved.owed.update(paid)


def _add(
    moved: Moved, payment: Row, hold: Held, amounts: Mapping[Any, int], kinds: tuple[PostingKind, PostingKind]
) -> None:
    for line, (vendor_id, amount) in enumerate(amounts.items(), 1):
        if amount:
            moved.entries.append(
                ledger.sharing(
                    kinds[amount < 0],
                    hold.hold_id,
                    payment["currency"],
                    abs(amount),
                    vendor_id=vendor_id,
                    payment_id=payment["id"],
                    step=str(hold.version),
                    line=line,
                )
            )
