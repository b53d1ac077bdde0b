"""Turns: one process at a time has an endpoint to itself, and sends what is due there, a few messages at once.

An endpoint is taken with a lease. Whoever dies leaves it to the next one, who sends what was not recorded again, with
the same id and the same bytes. An endpoint that goes on having something to do goes behind the others, so none waits
for another's backlog.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.deliveries import connectors, message, signing
from domain.tokens import Tokens
from kit import ids
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work

AT_ONCE = 4
"""Messages on their way to one endpoint."""

LEASE = timedelta(seconds=60)
"""Longer than a turn and the slowest answer together."""

_NEWS = 100


@dataclass(frozen=True, slots=True)
class Taken:
    """An endpoint whose turn it is, and whose it is."""

    endpoint_id: str
    merchant_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One attempt to make: what is posted where."""

    delivery_id: str
    url: str
    headers: Mapping[str, str]
    body: bytes


async def take(*, lagging: bool, crowded: Sequence[str], now: datetime) -> Taken | None:
    """An endpoint that has something to do, ours alone for the lease: one that failed or was slow last time, or one
    that was not. Merchants who are `crowded` have enough endpoints served already."""
    return await unit_of_work(lambda unit: _take(unit, lagging, crowded, now))


async def _take(unit: Unit, lagging: bool, crowded: Sequence[str], now: datetime) -> Taken | None:
    row = await unit.fetch_one(
        f"""SELECT id, merchant_id FROM webhook_endpoints
             WHERE due_at <= $1 AND busy_until <= $1 AND disabled_reason IS NULL
               AND {"" if lagging else "NOT"} (slow OR failing_since IS NOT NULL) AND NOT (merchant_id = ANY($2))
             ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED""",  # noqa: S608
        now,
        list(crowded),
    )
    if row is None:
        return None
    await unit.execute("UPDATE webhook_endpoints SET busy_until = $2 WHERE id = $1", row["id"], now + LEASE)
    return Taken(row["id"], row["merchant_id"])


async def next_few(tokens: Tokens, endpoint_id: str, *, now: datetime) -> list[Sending]:
    """What is to be sent to an endpoint that was taken, empty when nothing is due. New events get their deliveries
    here, each in the transaction that moves the endpoint's place among the events, so each gets one."""
    while True:
        few, news = await unit_of_work(lambda unit: _look(unit, tokens, endpoint_id, now))
        if few or not news:
            return few


async def _look(unit: Unit, tokens: Tokens, endpoint_id: str, now: datetime) -> tuple[list[Sending], int]:
    endpoint = await unit.fetch_one(
        """SELECT id, merchant_id, url, event_types, conditions, mapping, secrets, told_sequence, disabled_reason
             FROM webhook_endpoints WHERE id = $1 FOR NO KEY UPDATE""",
        endpoint_id,
    )
    assert endpoint is not None
    if endpoint["disabled_reason"] is not None:
        return [], 0
    due, news = await _due(unit, endpoint_id, now), 0
    if len(due) < AT_ONCE:
        news = await _write_down(unit, endpoint, now)
        due = await _due(unit, endpoint_id, now) if news else due
    secrets = decode_json(endpoint["secrets"])
    return [_sending(tokens, endpoint["url"], secrets, row, now) for row in due], news


async def _due(unit: Unit, endpoint_id: str, now: datetime) -> list[dict[str, Any]]:
    return await unit.fetch(
        f"""SELECT id, event_id, body FROM webhook_deliveries
             WHERE endpoint_id = $1 AND due_at <= $2 ORDER BY due_at, sequence LIMIT {AT_ONCE}""",  # noqa: S608
        endpoint_id,
        now,
    )


def _sending(tokens: Tokens, url: str, secrets: signing.Secrets, row: Mapping[str, Any], now: datetime) -> Sending:
    body = row["body"].encode()
    headers = {
        "content-type": "application/json",
        "user-agent": "Paygraph-Webhooks/1",
        **signing.headers(tokens, secrets, row["event_id"], body, now),
    }
    return Sending(delivery_id=row["id"], url=url, headers=headers, body=body)


async def _write_down(unit: Unit, endpoint: Mapping[str, Any], now: datetime) -> int:
    """A delivery for each of the next events that the endpoint wants; how many events were looked at."""
    merchant_id = endpoint["merchant_id"]
    events = await unit.fetch(
        f"""SELECT id, subject_id, payment_id, sequence, type, data, occurred_at, recorded_at FROM events
             WHERE merchant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT {_NEWS}""",  # noqa: S608
        merchant_id,
        endpoint["told_sequence"],
    )
    if not events:
        return 0
    types, conditions = decode_json(endpoint["event_types"]), decode_json(endpoint["conditions"])
    wanted = [event for event in events if connectors.wants(types, event["type"])]
    told = await message.tell(unit.fetch, merchant_id, wanted) if wanted else []
    passing = [each for each in told if connectors.passes(conditions, each)]
    await _insert(unit, endpoint, passing, now)
    await unit.execute(
        "UPDATE webhook_endpoints SET told_sequence = $2 WHERE id = $1", endpoint["id"], events[-1]["sequence"]
    )
    return len(events)


async def _insert(
    unit: Unit, endpoint: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    mapping, rows, values = decode_json(endpoint["mapping"]), list[str](), list[object]()
    for each in messages:
        body = message.encode(connectors.shaped(mapping, each))
        values += (ids.new("whd", now), each["id"], each["type"], each["sequence"], body)
        first = len(values) - 1
        rows.append(
            f"(${first}, $1, $2, {', '.join(f'${first + n}' for n in range(1, 5))}, 'pending', 0, 0, $3, $3, $3)"
        )
    if rows:
        await unit.execute(
            f"""INSERT INTO webhook_deliveries (id, merchant_id, endpoint_id, event_id, event_type, sequence, body,
                                                status, attempts, tries, due_at, created_at, updated_at)
                VALUES {", ".join(rows)}""",  # noqa: S608
            endpoint["merchant_id"],
            endpoint["id"],
            now,
            *values,
        )


async def give_back(endpoint_id: str, *, rest: timedelta, now: datetime) -> None:
    """Ends the turn: the endpoint is due again when its next message is, behind all that waited meanwhile, and not
    before it has rested."""
    await unit_of_work(lambda unit: _give_back(unit, endpoint_id, rest, now))


async def _give_back(unit: Unit, endpoint_id: str, rest: timedelta, now: datetime) -> None:
    # Under the lock, so that a number that is given meanwhile is either seen here or makes the endpoint due later.
    row = await unit.fetch_one(
        "SELECT merchant_id, told_sequence FROM webhook_endpoints WHERE id = $1 FOR NO KEY UPDATE", endpoint_id
    )
    assert row is not None
    news = await unit.fetch_one(
        "SELECT 1 FROM merchants WHERE id = $1 AND event_sequence > $2", row["merchant_id"], row["told_sequence"]
    )
    waiting = await unit.fetch_one(
        """SELECT due_at FROM webhook_deliveries WHERE endpoint_id = $1 AND due_at IS NOT NULL
            ORDER BY due_at LIMIT 1""",
        endpoint_id,
    )
    due_at = now if news else max(decode_time(waiting["due_at"]), now) if waiting else None
    await unit.execute(
        "UPDATE webhook_endpoints SET due_at = $2, busy_until = $3 WHERE id = $1", endpoint_id, due_at, now + rest
    )
