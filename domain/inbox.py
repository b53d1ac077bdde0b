"""The inbox: a PSP's message is recorded and applied in one transaction; what cannot be applied yet is kept."""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from domain.events import Cause, CauseKind
from domain.payments.apply import Foreign, NotYetKnown
from gateways.base import EventKind, GatewayEvent
from gateways.registry import Gateways
from kit import ids
from kit.database.unit import Unit, unit_of_work
from kit.wakeups import wake
from models import InboxStatus

TOPIC = "inbox"
MAX_TRIES = 12
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=1), timedelta(hours=1)
_log = logging.getLogger(__name__)


class Handler(Protocol):
    """The domain verb that takes in the evidence of one kind of event, which is of a type of its own."""

    async def __call__(self, unit: Unit, evidence: Any, /, *, cause: Cause, now: datetime) -> object: ...


Handlers = Mapping[EventKind, Handler]


class Unreadable(Exception):
    """We listen to the message and do not understand it: keep it, for another version of ours may."""


class Receipt(StrEnum):
    """What became of a message. DUPLICATE was received before; the others are the inbox's statuses."""

    DUPLICATE = "duplicate"
    APPLIED = "applied"
    IGNORED = "ignored"
    KEPT = "kept"


async def receive(event: GatewayEvent, payload: str, *, handlers: Handlers, now: datetime) -> Receipt:
    """Records the message and applies it, both or neither. A message that was received before changes nothing.

    What cannot be applied now is kept for the worker. Raises only when nothing can be recorded at all: then the
    PSP has to send the message again.
    """
    try:
        return await unit_of_work(lambda unit: _receive(unit, event, payload, handlers, now))
    except Exception as error:
        _report(error, event.token)
        reason = error
    return await unit_of_work(lambda unit: _set_aside(unit, event, payload, reason, now))


async def _receive(unit: Unit, event: GatewayEvent, payload: str, handlers: Handlers, now: datetime) -> Receipt:
    if event.kind is EventKind.UNREADABLE:
        raise Unreadable("The message is not understood.")
    handler = handlers.get(event.kind)
    status = InboxStatus.IGNORED if handler is None or event.evidence is None else InboxStatus.APPLIED
    message_id = await _insert(unit, event, payload, status, None, now)
    if message_id is None:
        return Receipt.DUPLICATE
    if handler is not None and event.evidence is not None:
        try:
            await handler(unit, event.evidence, cause=_cause(event.token), now=now)
        except Foreign as foreign:  # raised with nothing changed: no need to begin again
            await _set_status(unit, message_id, InboxStatus.IGNORED, foreign)
            return Receipt.IGNORED
    return Receipt(status.value)


async def _set_aside(unit: Unit, event: GatewayEvent, payload: str, error: Exception, now: datetime) -> Receipt:
    if await _insert(unit, event, payload, InboxStatus.KEPT, error, now) is None:
        return Receipt.DUPLICATE
    unit.after_commit(lambda: wake(TOPIC))
    return Receipt.KEPT


async def _insert(
    unit: Unit, event: GatewayEvent, payload: str, status: InboxStatus, error: Exception | None, now: datetime
) -> str | None:
    """The message's id; None when it was received before."""
    row = await unit.fetch_one(
        """INSERT INTO webhook_events (id, gateway, event_token, type, payload, status, detail, tries, retry_at,
                                       received_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9) ON CONFLICT (gateway, event_token) DO NOTHING RETURNING id""",
        ids.new("whk", now),
        event.gateway,
        event.token,
        event.type,
        payload,
        status.value,
        _detail(error) if error else None,
        now + _FIRST_PAUSE if status is InboxStatus.KEPT else None,
        now,
    )
    return row["id"] if row else None


async def retry_next(gateways: Gateways, *, handlers: Handlers, now: datetime) -> bool:
    """Tries the next kept message that is due; False when none is. After twelve tries it is left to the operator."""
    row = await unit_of_work(lambda unit: _claim(unit, now))
    if row is None:
        return False
    try:
        await unit_of_work(lambda unit: _retry(unit, row, gateways, handlers, now))
    except Exception as error:
        _report(error, row["event_token"])
        reason = error
        await unit_of_work(lambda unit: _still_kept(unit, row, reason))
    return True


async def _claim(unit: Unit, now: datetime) -> dict[str, Any] | None:
    """The message, with its next try already set: whoever dies while trying loses nothing."""
    row = await unit.fetch_one(
        """SELECT id, gateway, event_token, payload, tries FROM webhook_events
            WHERE retry_at <= $1 ORDER BY retry_at LIMIT 1 FOR UPDATE SKIP LOCKED""",
        now,
    )
    if row:
        pause = min(_FIRST_PAUSE * 2 ** (row["tries"] + 1), _LONGEST_PAUSE)
        await unit.execute(
            "UPDATE webhook_events SET tries = tries + 1, retry_at = $2 WHERE id = $1", row["id"], now + pause
        )
    return row


async def _retry(unit: Unit, row: dict[str, Any], gateways: Gateways, handlers: Handlers, now: datetime) -> None:
    event = gateways[row["gateway"]].read_event(row["payload"])
    if event.evidence is None:
        raise Unreadable("The message is not understood.")
    await handlers[event.kind](unit, event.evidence, cause=_cause(event.token), now=now)
    await _set_status(unit, row["id"], InboxStatus.APPLIED, None)


async def _still_kept(unit: Unit, row: dict[str, Any], error: Exception) -> None:
    if isinstance(error, Foreign):
        await _set_status(unit, row["id"], InboxStatus.IGNORED, error)
    elif row["tries"] + 1 >= MAX_TRIES:
        foreign = isinstance(error, NotYetKnown) and not error.ours
        await _set_status(unit, row["id"], InboxStatus.IGNORED if foreign else InboxStatus.STUCK, error)
    else:
        await unit.execute("UPDATE webhook_events SET detail = $2 WHERE id = $1", row["id"], _detail(error))


async def _set_status(unit: Unit, message_id: str, status: InboxStatus, error: Exception | None) -> None:
    await unit.execute(
        "UPDATE webhook_events SET status = $2, detail = $3, retry_at = NULL WHERE id = $1",
        message_id,
        status.value,
        _detail(error) if error else None,
    )


def _cause(event_token: str) -> Cause:
    return Cause(CauseKind.WEBHOOK, event_token)


def _detail(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


def _report(error: Exception, event_token: str) -> None:
    if not isinstance(error, NotYetKnown | Foreign | Unreadable):
        _log.exception("A message could not be applied and is kept", extra={"event_token": event_token})
