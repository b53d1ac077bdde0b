"""Writes what a change comes to: the payment, its order, the events that tell it, and the books, each once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain import events, ledger
from domain.events import Cause, NewEvent
from domain.ledger import Entry
from kit.database.unit import Unit


@dataclass(slots=True)
class Writing:
    """The columns that change, the events that tell it, the postings it makes."""

    payment_columns: dict[str, Any] = field(default_factory=dict)
    order_columns: dict[str, Any] = field(default_factory=dict)
    news: list[NewEvent] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


async def write(unit: Unit, payment: Mapping[str, Any], writing: Writing, cause: Cause, now: datetime) -> None:
    """Under the order's lock. `payment` names id, order_id, merchant_id and order_version."""
    if writing.payment_columns:
        await _update(unit, "payments", payment["id"], writing.payment_columns | {"updated_at": now})
    if writing.news:
        version = payment["order_version"] + len(writing.news)
        columns = writing.order_columns | {"version": version, "updated_at": now}
        await _update(unit, "orders", payment["order_id"], columns)
        await events.append(
            unit,
            writing.news,
            merchant_id=payment["merchant_id"],
            subject_id=payment["order_id"],
            version=payment["order_version"],
            cause=cause,
            now=now,
        )
    await ledger.post(unit, writing.entries, merchant_id=payment["merchant_id"], now=now)


async def _update(unit: Unit, table: str, row_id: str, columns: dict[str, Any]) -> None:
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, 2))
    await unit.execute(f"UPDATE {table} SET {changes} WHERE id = $1", row_id, *columns.values())  # noqa: S608
