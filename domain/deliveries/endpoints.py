"""Where a merchant wants to be told of its events: making, changing and disabling endpoints, and their secrets."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain import events, idempotency
from domain.deliveries import signing
from domain.deliveries.endpoint_input import checked
from domain.events import Cause, NewEvent
from domain.refusals import Fault, Findings, Refusal
from kit import ids
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from kit.wakeups import wake
from models import DisabledReason

TOPIC = "webhooks"
MOST_ENABLED = 20
LONGEST_OVERLAP = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Signed:
    """An endpoint, and the salt of its newest secret."""

    endpoint_id: str
    salt: str


class UnknownEndpoint(Refusal):
    def __init__(self, endpoint_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no webhook endpoint {endpoint_id!r}.", ("endpoint_id",)))


class TooManyEndpoints(Refusal):
    def __init__(self) -> None:
        super().__init__(Fault("TOO_MANY_ENDPOINTS", f"A merchant has up to {MOST_ENABLED} enabled endpoints."))


async def create(
    said: Mapping[str, Any],
    *,
    merchant_id: str,
    private_targets: bool,
    idempotency_key: str,
    body_digest: str,
    now: datetime,
) -> Signed:
    """A new endpoint, which is told of every event that is numbered from now on. The same key and body give the same
    endpoint and secret. `said` may hold what `endpoint_input.checked` takes; `private_targets` lets it be on this
    machine or its network, and without TLS."""
    key, findings = idempotency.check(idempotency_key), Findings()
    columns = checked(findings, said, private_targets=private_targets)
    findings.refuse_if_any()
    made = Signed(ids.new("whe", now), signing.new_salt())

    async def work(unit: Unit) -> Signed:
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation="webhookEndpointCreate",
            key=key,
            body_digest=body_digest,
            answer={"endpoint_id": made.endpoint_id, "salt": made.salt},
            now=now,
        )
        if earlier:
            return Signed(**earlier)
        newest = await _room_for_one(unit, merchant_id)
        row = {
            "id": made.endpoint_id,
            "merchant_id": merchant_id,
            **columns,
            "secrets": [{"salt": made.salt, "ends_at": None}],
            "told_sequence": newest,
            "busy_until": now,
            "version": 0,
            "created_at": now,
            "updated_at": now,
        }
        numbers = ", ".join(f"${number}" for number in range(1, len(row) + 1))
        await unit.execute(f"INSERT INTO webhook_endpoints ({', '.join(row)}) VALUES ({numbers})", *row.values())  # noqa: S608
        return made

    return await unit_of_work(work)


async def update(
    endpoint_id: str, said: Mapping[str, Any], *, merchant_id: str, private_targets: bool, now: datetime
) -> None:
    """Changes what was said, for events that come from now on. Whoever enables an endpoint gets all that has happened
    since it was disabled, what was pending then, and what was given up while it failed."""
    findings = Findings()
    columns = checked(findings, said, private_targets=private_targets)
    findings.refuse_if_any()
    enabling = said.get("enabled")

    async def work(unit: Unit) -> None:
        if enabling:
            await _lock_merchant(unit, merchant_id)
        row = await _lock(unit, merchant_id, endpoint_id)
        changes = dict(columns)
        if enabling is True and row["disabled_reason"] is not None:
            await _room_for_one(unit, merchant_id)
            changes |= {"disabled_reason": None, "disabled_at": None, "failing_since": None}
            changes |= {"due_at": now, "busy_until": now}
            await _send_anew(unit, endpoint_id, row["failing_since"], now)
        if enabling is False and row["disabled_reason"] is None:
            changes |= {"disabled_reason": DisabledReason.MERCHANT.value, "disabled_at": now}
        await _change(unit, endpoint_id, changes, now)
        unit.after_commit(lambda: wake(TOPIC))

    await unit_of_work(work)


async def rotate(
    endpoint_id: str,
    *,
    merchant_id: str,
    overlap: timedelta,
    idempotency_key: str,
    body_digest: str,
    now: datetime,
) -> Signed:
    """A new signing secret. Until the overlap is over, messages are signed with the older ones as well."""
    key, findings = idempotency.check(idempotency_key), Findings()
    findings.unless(
        timedelta() <= overlap <= LONGEST_OVERLAP,
        "INVALID",
        f"The overlap is 0 to {LONGEST_OVERLAP.days * 24} hours.",
        "overlap_hours",
    )
    findings.refuse_if_any()
    fresh = Signed(endpoint_id, signing.new_salt())

    async def work(unit: Unit) -> Signed:
        row = await _lock(unit, merchant_id, endpoint_id)
        earlier = await idempotency.claim(
            unit,
            merchant_id=merchant_id,
            mutation="webhookEndpointRotate",
            key=key,
            body_digest=body_digest,
            answer={"endpoint_id": endpoint_id, "salt": fresh.salt},
            now=now,
        )
        if earlier:
            return Signed(**earlier)
        known = signing.rotated(decode_json(row["secrets"]), fresh.salt, now + overlap, now)
        await _change(unit, endpoint_id, {"secrets": known}, now)
        return fresh

    return await unit_of_work(work)


async def disable(unit: Unit, row: Mapping[str, Any], reason: DisabledReason, cause: Cause, now: datetime) -> None:
    """Stops sending to the endpoint, and tells the merchant; under the endpoint's lock."""
    version = row["version"] + 1
    changes = {"disabled_reason": reason.value, "disabled_at": now, "version": version}
    await _change(unit, row["id"], changes, now)
    since = row["failing_since"]
    told = {
        "endpoint_id": row["id"],
        "url": row["url"],
        "reason": reason.value,
        "failing_since": decode_time(since).isoformat() if since else None,
    }
    await events.append(
        unit,
        [NewEvent(type="webhook_endpoint.disabled", data=told)],
        merchant_id=row["merchant_id"],
        subject_id=row["id"],
        version=row["version"],
        cause=cause,
        now=now,
    )


async def becomes_due(unit: Unit, endpoint_id: str, now: datetime) -> None:
    """The endpoint has something to do now; under its lock."""
    await unit.execute(
        "UPDATE webhook_endpoints SET due_at = $2 WHERE id = $1 AND (due_at IS NULL OR due_at > $2)", endpoint_id, now
    )
    unit.after_commit(lambda: wake(TOPIC))


async def has_news(unit: Unit, merchant_id: str, now: datetime) -> None:
    """The merchant's endpoints have something to do: in the transaction that gives events their numbers."""
    if await unit.execute(
        """UPDATE webhook_endpoints SET due_at = $2
            WHERE merchant_id = $1 AND disabled_reason IS NULL AND (due_at IS NULL OR due_at > $2)""",
        merchant_id,
        now,
    ):
        unit.after_commit(lambda: wake(TOPIC))


async def _lock_merchant(unit: Unit, merchant_id: str) -> int:
    """The number of the merchant's newest event, which stays so until the commit."""
    row = await unit.fetch_one("SELECT event_sequence FROM merchants WHERE id = $1 FOR NO KEY UPDATE", merchant_id)
    assert row is not None
    return int(row["event_sequence"])


async def _room_for_one(unit: Unit, merchant_id: str) -> int:
    """As `_lock_merchant`; raises TooManyEndpoints when the merchant has as many as may be."""
    newest = await _lock_merchant(unit, merchant_id)
    row = await unit.fetch_one(
        "SELECT count(*) AS n FROM webhook_endpoints WHERE merchant_id = $1 AND disabled_reason IS NULL", merchant_id
    )
    assert row is not None
    if row["n"] >= MOST_ENABLED:
        raise TooManyEndpoints
    return newest


async def _lock(unit: Unit, merchant_id: str, endpoint_id: str) -> dict[str, Any]:
    row = await unit.fetch_one(
        """SELECT disabled_reason, secrets, failing_since FROM webhook_endpoints
            WHERE merchant_id = $1 AND id = $2 FOR NO KEY UPDATE""",
        merchant_id,
        endpoint_id,
    )
    if row is None:
        raise UnknownEndpoint(endpoint_id)
    return row


async def _send_anew(unit: Unit, endpoint_id: str, failing_since: Any, now: datetime) -> None:
    """What is pending is due, and what was given up since the endpoint began to fail; the schedule begins anew."""
    await unit.execute(
        """UPDATE webhook_deliveries SET status = 'pending', tries = 0, due_at = $2, updated_at = $2
            WHERE endpoint_id = $1 AND (status = 'pending' OR (status = 'failed' AND attempted_at >= $3))""",
        endpoint_id,
        now,
        failing_since or now,
    )


async def _change(unit: Unit, endpoint_id: str, columns: Mapping[str, Any], now: datetime) -> None:
    told = {**columns, "updated_at": now}
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(told, 2))
    await unit.execute(f"UPDATE webhook_endpoints SET {changes} WHERE id = $1", endpoint_id, *told.values())  # noqa: S608
