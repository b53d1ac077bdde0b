"""The rows of holds and shares: read with the terms that they were sold under, written in one statement each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from domain.splits.rule import ASSIGNEE, Hold, Rule
from domain.splits.standing import Totals
from kit import ids
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit
from kit.wakeups import wake
from models import FeeBearer

TRANSFERS = "transfers"
ALERT_BEFORE = timedelta(days=7)
"""How long before the PSP's limit the merchant is told of money that is still held."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A hold as it is, or (`is_new`) as it will be once something is captured. `split_amount_minor` is all that may
    ever come of its split, from all payments of the order."""

    hold_id: str
    split_id: str
    line_item_id: str | None
    split_amount_minor: int
    terms: Hold | None
    fee_bearer: FeeBearer
    totals: Totals
    version: int
    release_at: datetime | None
    release_by: datetime
    alerted_at: datetime | None
    is_new: bool

    def to(self, **totals: Any) -> "Held":
        """The hold after a change of its totals."""
        return replace(self, totals=replace(self.totals, **totals), version=self.version + 1)

    @property
    def due_at(self) -> datetime | None:
        """When something happens to it by itself; None when nothing is held, or nothing will."""
        if self.terms is None or not self.totals.held_minor:
            return None
        alert = self.release_by - ALERT_BEFORE if self.alerted_at is None else None
        release_at = None if self.unassigned else self.release_at
        return min(time for time in (alert, release_at, self.release_by) if time)

    def awaits_fee(self, fee_minor: int | None) -> bool:
        """Whether its shares are less a fee that the PSP has yet to tell; `fee_minor` is the payment's."""
        return self.fee_bearer is FeeBearer.VENDORS and fee_minor is None

    @property
    def unassigned(self) -> bool:
        """Whether it waits for a vendor."""
        return ASSIGNEE in self.totals.plan and self.totals.assignee is None


_HOLD_COLUMNS = """h.id, h.captured_minor, h.returned_minor, h.released_minor, h.fee_minor, h.assignee_id, h.version,
                   h.release_at, h.release_by, h.alerted_at"""


async def of_payment(unit: Unit, order_id: str, payment_id: str, now: datetime) -> list[Held]:
    """What the payment has captured, or may capture, of each of the order's splits. The order is locked."""
    rows = await unit.fetch(
        f"""SELECT s.id AS split_id, s.line_item_id, s.amount_minor, s.step, s.hold_days, s.plan, r.terms,
                   {_HOLD_COLUMNS}
              FROM splits s JOIN split_rules r ON r.id = s.rule_id
              LEFT JOIN holds h ON h.split_id = s.id AND h.payment_id = $2
             WHERE s.order_id = $1 ORDER BY s.position""",  # noqa: S608 - only our own columns
        order_id,
        payment_id,
    )
    return [_held(row, now) for row in rows]


def _held(row: Row, now: datetime) -> Held:
    rule = Rule.from_json(decode_json(row["terms"]))
    is_new = row["id"] is None
    release_at = now + timedelta(days=rule.hold.release_after_days) if _is_timed(rule) else None  # type: ignore[union-attr, arg-type]
    return Held(
        hold_id=ids.new("hold", now) if is_new else row["id"],
        split_id=row["split_id"],
        line_item_id=row["line_item_id"],
        split_amount_minor=row["amount_minor"],
        terms=rule.hold,
        fee_bearer=rule.fee_bearer,
        totals=Totals(
            plan=decode_json(row["plan"]),
            step=row["step"],
            assignee=row["assignee_id"],
            captured_minor=row["captured_minor"] or 0,
            returned_minor=row["returned_minor"] or 0,
            released_minor=row["released_minor"] or 0,
            fee_minor=row["fee_minor"] or 0,
        ),
        version=row["version"] or 0,
        release_at=release_at if is_new else _time(row["release_at"]),
        release_by=now + timedelta(days=row["hold_days"]) if is_new else decode_time(row["release_by"]),
        alerted_at=_time(row["alerted_at"]),
        is_new=is_new,
    )


def _is_timed(rule: Rule) -> bool:
    return rule.hold is not None and rule.hold.release_after_days is not None


def _time(value: Any) -> datetime | None:
    return decode_time(value) if value else None


_MOVING = (
    *("captured_minor", "returned_minor", "released_minor", "fee_minor", "assignee_id", "version"),
    *("release_by", "alerted_at", "due_at", "updated_at"),
)


@cache
def _upsert_holds(rows: int) -> str:
    row = [f"({', '.join(f'${n * 18 + i + 1}' for i in range(18))})" for n in range(rows)]
    return f"""INSERT INTO holds (id, merchant_id, order_id, payment_id, split_id, currency, captured_minor,
                                  returned_minor, released_minor, fee_minor, assignee_id, version, release_at,
                                  release_by, alerted_at, due_at, created_at, updated_at)
               VALUES {", ".join(row)} ON CONFLICT (id) DO UPDATE
                  SET {", ".join(f"{name} = excluded.{name}" for name in _MOVING)}"""  # noqa: S608


async def save(unit: Unit, payment: Row, holds: Sequence[Held], now: datetime) -> None:
    """Writes the holds, new ones too. `payment` names id, merchant_id, order_id and currency."""
    values: list[object] = []
    for held in holds:
        totals = held.totals
        values += (held.hold_id, payment["merchant_id"], payment["order_id"], payment["id"], held.split_id)
        values += (payment["currency"], totals.captured_minor, totals.returned_minor, totals.released_minor)
        values += (totals.fee_minor, totals.assignee, held.version, held.release_at, held.release_by)
        values += (held.alerted_at, held.due_at, now, now)
    if holds:
        await unit.execute(_upsert_holds(len(holds)), *values)


@cache
def _upsert_shares(rows: int) -> str:
    row = [f"({', '.join(f'${n * 8 + i + 1}' for i in range(7))}, 0, 0, 0, 0, {_again(n)})" for n in range(rows)]
    return f"""INSERT INTO shares (id, merchant_id, order_id, payment_id, vendor_id, currency, owed_minor,
                                   transferred_minor, netted_minor, withheld_minor, failures, ask_at, created_at,
                                   updated_at)
               VALUES {", ".join(row)} ON CONFLICT (payment_id, vendor_id) DO UPDATE
                  SET owed_minor = shares.owed_minor + excluded.owed_minor, failures = 0, ask_at = excluded.ask_at,
                      updated_at = excluded.updated_at"""  # noqa: S608


def _again(number: int) -> str:
    return ", ".join([f"${number * 8 + 8}"] * 3)


async def owe(unit: Unit, payment: Row, owed: Mapping[str, int], now: datetime) -> None:
    """Adds to what the vendors are to have of the payment, in minor units; whoever sends it is woken."""
    values: list[object] = []
    moved = {vendor_id: amount for vendor_id, amount in sorted(owed.items()) if amount}
    for vendor_id, amount_minor in moved.items():
        share_id = ids.new("shr", now)
        values += (share_id, payment["merchant_id"], payment["order_id"], payment["id"], vendor_id)
        values += (payment["currency"], amount_minor, now)
    if moved:
        await unit.execute(_upsert_shares(len(moved)), *values)
        unit.after_commit(lambda: wake(TRANSFERS))
