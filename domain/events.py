"""The events: appended with the change they tell, numbered per merchant by the relay, followed by whoever listens."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

from kit import ids
from kit.database import reading
from kit.database.unit import Unit, unit_of_work
from kit.wakeups import wake

RELAY_TOPIC = "relay"
_BATCH = 500


class CauseKind(StrEnum):
    """Who or what brought a change about."""

    API = "api"
    WEBHOOK = "webhook"
    RETURN_PAGE = "return_page"
    LINK = "link"
    SWEEP = "sweep"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Cause:
    """`ref` names it: the key that called, the PSP's event, the payment link, the job."""

    kind: CauseKind
    ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    type: str
    data: Mapping[str, Any]
    payment_id: str | None = None
    occurred_at: datetime | None = None


_COLUMNS = "id, merchant_id, subject_id, payment_id, version, type, cause, data, occurred_at, recorded_at"


@cache
def _insert(rows: int) -> str:
    row = [f"({', '.join(f'${n * 10 + i + 1}' for i in range(10))})" for n in range(rows)]
    return f"INSERT INTO events ({_COLUMNS}) VALUES {', '.join(row)}"  # noqa: S608 - only placeholders vary


async def append(
    unit: Unit,
    events: Sequence[NewEvent],
    *,
    merchant_id: str,
    subject_id: str,
    version: int,
    cause: Cause,
    now: datetime,
) -> None:
    """Appends the events with the versions after `version`, under the subject's lock, and wakes who follows it."""
    values: list[object] = []
    told = {"kind": cause.kind.value, "ref": cause.ref}
    for number, event in enumerate(events, version + 1):
        values += (
            ids.new("evt", now),
            merchant_id,
            subject_id,
            event.payment_id,
            number,
            event.type,
            told,
            dict(event.data),
            event.occurred_at,
            now,
        )
    await unit.execute(_insert(len(events)), *values)
    unit.after_commit(lambda: wake(subject_id))
    unit.after_commit(lambda: wake(RELAY_TOPIC))


Numbered = Callable[[Unit, str], Awaitable[None]]
"""What else is done in the transaction that numbers a merchant's events, given the merchant's id."""


async def relay(numbered: Numbered) -> int:
    """Gives every event that has none its number in its merchant's sequence; how many were numbered."""
    rows = await reading.fetch("SELECT DISTINCT merchant_id FROM events WHERE sequence IS NULL")
    return sum([await _relay_merchant(row["merchant_id"], numbered) for row in rows])


async def _relay_merchant(merchant_id: str, numbered: Numbered) -> int:
    total, batch = 0, _BATCH
    while batch == _BATCH:
        batch = await unit_of_work(lambda unit: _number(unit, merchant_id, numbered))
        total += batch
    return total


async def _number(unit: Unit, merchant_id: str, numbered: Numbered) -> int:
    # The lock lets one relay at a time number a merchant's events; an order's events commit in the order of
    # their positions, because each is inserted under the order's lock.
    merchant = await unit.fetch_one("SELECT event_sequence FROM merchants WHERE id = $1 FOR NO KEY UPDATE", merchant_id)
    assert merchant is not None
    count = await unit.execute(
        """UPDATE events SET sequence = $2 + batch.n FROM (
             SELECT position, row_number() OVER (ORDER BY position) AS n FROM (
               SELECT position FROM events WHERE merchant_id = $1 AND sequence IS NULL ORDER BY position LIMIT $3
             ) AS waiting
           ) AS batch WHERE events.position = batch.position""",
        merchant_id,
        merchant["event_sequence"],
        _BATCH,
    )
    if count:
        await unit.execute(
            "UPDATE merchants SET event_sequence = event_sequence + $2 WHERE id = $1", merchant_id, count
        )
        await numbered(unit, merchant_id)
        unit.after_commit(lambda: wake(merchant_id))
    return count


async def newest(topics: set[str]) -> dict[str, int]:
    """The newest version of each order and subscription, and the newest sequence of each merchant, among the topics."""
    known = sorted(topics)
    orders = await reading.fetch("SELECT id, version AS n FROM orders WHERE id = ANY($1)", known)
    subscriptions = await reading.fetch("SELECT id, version AS n FROM subscriptions WHERE id = ANY($1)", known)
    merchants = await reading.fetch("SELECT id, event_sequence AS n FROM merchants WHERE id = ANY($1)", known)
    found = {row["id"]: int(row["n"]) for row in (*orders, *subscriptions, *merchants)}
    if RELAY_TOPIC in topics:
        waiting = await reading.fetch_one("SELECT 1 FROM events WHERE sequence IS NULL LIMIT 1")
        found[RELAY_TOPIC] = 1 if waiting else 0
    return found
