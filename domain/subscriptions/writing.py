"""A subscription under its lock, and what is written of a change: its row, and the events that tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain import events
from domain.events import Cause, NewEvent
from kit.database.reading import decode_time
from kit.database.unit import Unit
from models import SubscriptionStatus

TOPIC = "subscriptions"
_TIMES = (
    *("expires_at", "period_start", "period_end", "trial_end", "cancel_at", "paused_until", "canceled_at", "ended_at"),
    *("told_at", "trial_told_at", "inquire_at", "asked_at", "created_at"),
)
_LOCK = """
SELECT s.id, s.merchant_id, s.customer_id, s.plan_id, s.price_id, s.quantity, s.status, s.gateway, s.livemode,
       s.session_token, s.checkout_url, s.expires_at, s.token, s.item_token, s.period_start, s.period_end, s.trial_end,
       s.cancel_at_period_end, s.cancel_at, s.paused_until, s.canceled_at, s.ended_at, s.told_at, s.trial_told_at,
       s.asked_at, s.inquire_at, s.version, s.created_at,
       (SELECT v.token FROM plan_prices v WHERE v.id = s.price_id) AS price_token
  FROM subscriptions s WHERE {} FOR UPDATE
"""
_BY = {
    "id": _LOCK.format("s.id = $1"),
    "token": _LOCK.format("s.gateway = $1 AND s.token = $2"),
    "session": _LOCK.format("s.gateway = $1 AND s.session_token = $2"),
    "invoice": _LOCK.format("s.id = (SELECT subscription_id FROM invoices WHERE gateway = $1 AND token = $2)"),
}

Row = dict[str, Any]


@dataclass(slots=True)
class Writing:
    """The columns that change, and the events that tell it."""

    columns: dict[str, Any] = field(default_factory=dict)
    news: list[NewEvent] = field(default_factory=list)


async def lock(unit: Unit, by: str, *args: object) -> Row | None:
    """The subscription, locked: by its `id`, by the PSP's `token`, by the hosted page's `session` or by the
    PSP's token of an `invoice`; with the PSP's `price_token` of its version of the plan's terms.

    Nothing is joined: a row that was waited for is matched anew, with the joined rows of before, and may be lost.
    """
    row = await unit.fetch_one(_BY[by], *args)
    if row is None:
        return None
    times = {name: decode_time(row[name]) if row[name] else None for name in _TIMES}
    flags = {name: bool(row[name]) for name in ("livemode", "cancel_at_period_end")}
    return row | times | flags | {"status": SubscriptionStatus(row["status"])}


async def write(unit: Unit, row: Mapping[str, Any], writing: Writing, cause: Cause, now: datetime) -> None:
    """Under the subscription's lock."""
    columns = dict(writing.columns)
    if writing.news:
        columns |= {"version": row["version"] + len(writing.news), "updated_at": now}
    if columns:
        changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(columns, 2))
        await unit.execute(f"UPDATE subscriptions SET {changes} WHERE id = $1", row["id"], *columns.values())  # noqa: S608
    if writing.news:
        await _tell(unit, row, writing.news, cause, now)


async def _tell(unit: Unit, row: Mapping[str, Any], news: Sequence[NewEvent], cause: Cause, now: datetime) -> None:
    await events.append(
        unit,
        news,
        merchant_id=row["merchant_id"],
        subject_id=row["id"],
        version=row["version"],
        cause=cause,
        now=now,
    )
