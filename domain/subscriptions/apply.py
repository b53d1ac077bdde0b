"""The one door for what a PSP says of a subscription: webhooks, inquiries and our own calls all bring it here."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.events import Cause, NewEvent
from domain.payments.apply import Foreign, NotYetKnown
from domain.subscriptions import cadence
from domain.subscriptions.entitle import entitle
from domain.subscriptions.fold import Change, fold
from domain.subscriptions.writing import TOPIC, Row, Writing, lock, write
from gateways.billing import SubscriptionEvidence
from kit.database.unit import Unit
from kit.wakeups import wake
from models import ENTITLED, SUBSCRIPTION_EDGES, SubscriptionStatus, advance

_log = logging.getLogger(__name__)
_SCHEDULE = ("cancel_at_period_end", "cancel_at")
_SILENT = {"told_at", "item_token", "token", "session_token", "checkout_url", "expires_at", "inquire_at"}
"""Columns that are no news by themselves."""


async def apply(unit: Unit, evidence: SubscriptionEvidence, *, cause: Cause, now: datetime) -> None:
    """Takes the evidence in: moves the subscription, grants and revokes, and appends the events.

    Applying it again changes nothing. Where it cannot be told whether it is old, the PSP is asked soon, by the worker.
    Raises NotYetKnown or Foreign, with nothing changed.
    """
    await _apply(unit, await _locked(unit, evidence), evidence, cause, now)


async def apply_answer(
    unit: Unit, evidence: SubscriptionEvidence, *, told_before: datetime | None, cause: Cause, now: datetime
) -> None:
    """As `apply`, for what the PSP has answered: it is the present, unless something was heard since it was asked.
    `told_before` is the row's `told_at` of then."""
    row = await _locked(unit, evidence)
    await _apply(unit, row, evidence, cause, now, present=row["told_at"] == told_before)


async def _apply(
    unit: Unit, row: Row, evidence: SubscriptionEvidence, cause: Cause, now: datetime, *, present: bool = False
) -> None:
    if evidence.livemode != row["livemode"] or evidence.account is not None:
        _log.error("The PSP tells of a subscription in another mode or account", extra={"subscription_id": row["id"]})
        return
    change = fold(row, evidence, present=present)
    writing = Writing(columns=change.columns)
    await _take_price(unit, row, change)
    _tell(row, change, evidence.occurred_at, writing)
    if change.trial_ending:
        writing.columns["trial_told_at"] = now
        ends = evidence.terms.trial_end if evidence.terms else None
        writing.news.append(_news("trial_ending", evidence.occurred_at, trial_end=_text(ends)))
    if change.doubtful:
        writing.columns["inquire_at"] = cadence.at_once(now)
        unit.after_commit(lambda: wake(TOPIC))
    elif writing.columns and not cadence.is_settling(row["inquire_at"], now):
        writing.columns["inquire_at"] = _next_inquiry(row | writing.columns, now)
    await finish(unit, row, writing, cause, now)


async def finish(unit: Unit, row: Row, writing: Writing, cause: Cause, now: datetime) -> None:
    """Writes the change, and what the customer may use because of it."""
    after = row | writing.columns
    if _gives(row) != _gives(after):
        columns, writing.columns = writing.columns, {}
        await write(unit, row, Writing(columns=columns), cause, now)
        writing.news += await entitle(unit, row["merchant_id"], row["customer_id"], now)
    await write(unit, row, writing, cause, now)


def _gives(row: Mapping[str, Any]) -> tuple[bool, str, int]:
    entitled = row["status"] in ENTITLED
    return entitled, row["price_id"] if entitled else "", row["quantity"] if entitled else 0


async def end_unbegun(unit: Unit, subscription_id: str, error: Mapping[str, str], cause: Cause, now: datetime) -> None:
    """The PSP has nothing of it, and will not have."""
    row = await lock(unit, "id", subscription_id)
    assert row is not None
    if row["status"] is not SubscriptionStatus.INCOMPLETE or row["token"] or row["session_token"]:
        return
    status = advance(SUBSCRIPTION_EDGES, row["status"], SubscriptionStatus.INCOMPLETE_EXPIRED)
    change = Change({"status": status, "ended_at": now})
    writing = Writing(columns={**change.columns, "last_error": dict(error), "inquire_at": None, "asked_at": None})
    _tell(row, change, None, writing)
    await write(unit, row, writing, cause, now)


async def _locked(unit: Unit, evidence: SubscriptionEvidence) -> Row:
    for by, args in (
        ("id", (evidence.subscription_id,)),
        ("token", (evidence.gateway, evidence.token)),
        ("session", (evidence.gateway, evidence.session_token)),
    ):
        if args[-1] is not None and (row := await lock(unit, by, *args)):
            return row
    if evidence.subscription_id is not None:
        raise NotYetKnown("The subscription is not recorded yet.")
    raise Foreign("No subscription of ours has these tokens.")


async def _take_price(unit: Unit, row: Row, change: Change) -> None:
    """The version of the terms that the PSP names. One that is none of ours, set at the PSP itself, is left."""
    token = change.columns.pop("price_token", None)
    if token is None:
        return
    price = await unit.fetch_one("SELECT id, plan_id FROM plan_prices WHERE token = $1", token)
    if price is None:
        _log.error("The PSP names a price that is none of ours", extra={"subscription_id": row["id"]})
    else:
        change.columns |= {"price_id": price["id"], "plan_id": price["plan_id"]}


def _tell(row: Row, change: Change, occurred_at: datetime | None, writing: Writing) -> None:
    """What changed, an event for each sort of change."""
    columns = change.columns
    after = row | columns
    if "status" in columns:
        facts = {"from": row["status"].value, "to": after["status"].value, "plan_id": after["plan_id"]}
        writing.news.append(_news(after["status"].value, occurred_at, **facts, customer_id=row["customer_id"]))
    begun = row["status"] is not SubscriptionStatus.INCOMPLETE
    if begun and columns.keys() & {"price_id", "quantity"}:
        facts = {f"from_{name}": row[name] for name in ("plan_id", "price_id", "quantity")}
        facts |= {name: after[name] for name in ("plan_id", "price_id", "quantity")}
        writing.news.append(_news("changed", occurred_at, **facts))
    if begun and "period_start" in columns:
        writing.news.append(_news("renewed", occurred_at, **_period(after)))
    if begun and columns.keys() & set(_SCHEDULE) and "ended_at" not in columns:
        kind = "cancel_scheduled" if is_ending(after) else "cancel_withdrawn"
        writing.news.append(_news(kind, occurred_at, cancel_at=_text(after["cancel_at"] or after["period_end"])))
    if begun and not writing.news and columns.keys() - _SILENT:
        writing.news.append(_news("updated", occurred_at, **_period(after), paused_until=_text(after["paused_until"])))


def is_ending(row: Mapping[str, Any]) -> bool:
    """Whether it is to be canceled at a time that is set."""
    return bool(row["cancel_at_period_end"] or row["cancel_at"])


def _period(row: Mapping[str, Any]) -> dict[str, str | None]:
    return {name: _text(row[name]) for name in ("period_start", "period_end")}


def _news(kind: str, occurred_at: datetime | None, **facts: Any) -> NewEvent:
    return NewEvent(type=f"subscription.{kind}", data=facts, occurred_at=occurred_at)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _next_inquiry(row: Mapping[str, Any], now: datetime) -> datetime | None:
    """An end is asked about once more: its last invoice may come after it."""
    again = cadence.next_inquiry(
        row["status"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        period_end=row["period_end"],
        now=now,
    )
    return again or (now + cadence.SETTLING if row["token"] else None)
