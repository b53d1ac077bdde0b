"""The one door: webhook, return page, inquiry and our own calls all bring their evidence here."""

import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import ledger
from domain.disputes import observe as disputes
from domain.disputes import warnings
from domain.events import Cause, NewEvent
from domain.payments import cadence
from domain.payments.fold import Change, State, error_facts, fold
from domain.payments.instruments import remember
from domain.payments.writing import Writing, write
from domain.refunds.observe import observe
from domain.refunds.rows import NewRefund, Taken, refundable, reserve
from domain.splits.follow import follow
from gateways.base import Evidence, RefundStanding
from kit import ids
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit
from models import ORDER_EDGES, OrderStatus, PaymentStatus, RefundReason, advance

_log = logging.getLogger(__name__)


class NotYetKnown(Exception):
    """The evidence is about something that we have not recorded yet: keep it and try again. `ours` False: it may also
    be about a payment that is none of ours."""

    def __init__(self, message: str, *, ours: bool = True) -> None:
        super().__init__(message)
        self.ours = ours


class Foreign(Exception):
    """The evidence is about a payment that is none of ours."""


@dataclass(frozen=True, slots=True)
class Applied:
    """`changed` is False when the evidence told nothing new."""

    payment_id: str
    changed: bool


@dataclass(slots=True)
class _Settlement:
    """One piece of evidence on its way into a payment: what is known, what changes, and what is written of it."""

    payment: dict[str, Any]
    change: Change
    writing: Writing


_LOCK = """
SELECT p.id, p.merchant_id, p.order_id, p.gateway, p.status, p.livemode, p.currency, p.amount_minor,
       p.authorized_minor, p.captured_minor, p.refunded_minor, p.disputed_minor, p.fee_minor, p.fee_currency,
       p.session_token, p.intent_token, p.charge_token, p.checkout_url, p.expires_at, p.capture_before, p.next_action,
       p.method, p.last_error, p.risk_level, p.conflict, p.saves_method, p.superseded_at, p.inquire_at, p.created_at,
       o.status AS order_status, o.customer_id, o.version AS order_version, o.total_minor AS order_total_minor,
       o.is_split
  FROM payments p JOIN orders o ON o.id = p.order_id WHERE {} FOR UPDATE OF o, p
"""
_LOCK_BY_ID = _LOCK.format("p.id = $1")
_LOCK_BY_SESSION = _LOCK.format("p.gateway = $1 AND p.session_token = $2")
_LOCK_BY_INTENT = _LOCK.format("p.gateway = $1 AND p.intent_token = $2")


async def apply(unit: Unit, evidence: Evidence, *, cause: Cause, now: datetime) -> Applied:
    """Takes the evidence in: folds it, settles the order, posts to the ledger, appends the events.

    Applying it again changes nothing. Raises NotYetKnown or Foreign, with nothing changed.
    """
    payment = await _locked(unit, evidence)
    writing = await settle(unit, payment, evidence, now)
    if not writing.payment_columns and not writing.news:
        return Applied(payment["id"], changed=False)
    await write(unit, payment, writing, cause, now)
    return Applied(payment["id"], changed=True)


async def settle(unit: Unit, payment: dict[str, Any], evidence: Evidence, now: datetime) -> Writing:
    """What the evidence comes to, to be written under the order's lock; refunds and disputes are written already.

    `payment` is as `_LOCK` reads it. Raises NotYetKnown.
    """
    change = fold(_state(payment), evidence)
    settlement = _Settlement(payment, change, Writing(payment_columns=dict(change.columns)))
    writing = settlement.writing
    _tell_the_payment(settlement, evidence)
    await _tell_declines(unit, settlement)
    _book(settlement)
    await _settle_order(unit, settlement, now)
    await _take_refunds(unit, settlement, evidence, now)
    await _take_disputes(unit, settlement, evidence, now)
    if payment["is_split"] and writing.entries:
        wanted = 0 if _unwanted(payment) else change.captured_by
        await follow(unit, payment, writing, captured_by=wanted, now=now)
    if payment["saves_method"] and evidence.method_token and evidence.method and writing.payment_columns:
        await remember(unit, payment, evidence.method_token, evidence.method, now)
    if evidence.incomplete:
        writing.payment_columns["inquire_at"] = now
    elif writing.payment_columns or writing.news:
        writing.payment_columns["inquire_at"] = _next_inquiry(settlement, evidence, now)
    return writing


async def _locked(unit: Unit, evidence: Evidence) -> dict[str, Any]:
    """The payment with its order, both locked, in the order that everything locks them."""
    for statement, args in (
        (_LOCK_BY_ID, (evidence.payment_id,)),
        (_LOCK_BY_SESSION, (evidence.gateway, evidence.session_token)),
        (_LOCK_BY_INTENT, (evidence.gateway, evidence.intent_token)),
    ):
        if args[-1] is not None and (row := await unit.fetch_one(statement, *args)):
            return row
    if evidence.payment_id is not None:
        raise NotYetKnown("The payment is not recorded yet.")
    if evidence.refunds or evidence.disputes or evidence.warning:
        raise NotYetKnown("No payment of ours has this token yet.", ours=False)
    raise Foreign("No payment of ours has these tokens.")


def _state(payment: dict[str, Any]) -> State:
    return State(
        status=PaymentStatus(payment["status"]),
        livemode=bool(payment["livemode"]),
        currency=payment["currency"],
        amount_minor=payment["amount_minor"],
        authorized_minor=payment["authorized_minor"],
        captured_minor=payment["captured_minor"],
        fee_minor=payment["fee_minor"],
        session_token=payment["session_token"],
        intent_token=payment["intent_token"],
        charge_token=payment["charge_token"],
        checkout_url=payment["checkout_url"],
        expires_at=decode_time(payment["expires_at"]) if payment["expires_at"] else None,
        capture_before=decode_time(payment["capture_before"]) if payment["capture_before"] else None,
        next_action=decode_json(payment["next_action"]),
        method=decode_json(payment["method"]),
        last_error=decode_json(payment["last_error"]),
        risk_level=payment["risk_level"],
        conflict=payment["conflict"],
    )


def _tell_the_payment(settlement: _Settlement, evidence: Evidence) -> None:
    """One event tells the status and the totals; the fold of these events is the payment's row."""
    payment, change = settlement.payment, settlement.change
    moved = change.status != payment["status"]
    if change.conflict:
        _log.error("The PSP contradicts our books", extra={"payment_id": payment["id"], "conflict": change.conflict})
    if not moved and not change.authorized_by and not change.captured_by and not change.fee_by:
        if change.conflict:
            settlement.writing.news.append(
                _news(settlement, "payment.conflicted", evidence, {"conflict": change.conflict})
            )
        return
    kind = change.status.value if moved else "fee_known" if change.fee_by else "updated"
    data = {
        "from": payment["status"],
        "to": change.status.value,
        "authorized_by": change.authorized_by,
        "captured_by": change.captured_by,
        "currency": payment["currency"],
    }
    if change.fee_by:
        data |= {"fee_by": change.fee_by, "fee_currency": evidence.fee_currency}
    if change.conflict:
        data["conflict"] = change.conflict
    if change.failure and change.status is PaymentStatus.FAILED:
        data |= {"code": change.failure.code, "message": change.failure.message}
    settlement.writing.news.append(_news(settlement, f"payment.{kind}", evidence, data))


async def _tell_declines(unit: Unit, settlement: _Settlement) -> None:
    """Every try is kept: a decline is told once, also when two messages report the same one."""
    failure = settlement.change.failure
    if failure is None or failure.token is None:
        return
    rows = await unit.fetch(
        "SELECT data FROM events WHERE payment_id = $1 AND type = 'payment.declined'", settlement.payment["id"]
    )
    if all(decode_json(row["data"])["token"] != failure.token for row in rows):
        settlement.writing.news.append(
            NewEvent(
                type="payment.declined",
                payment_id=settlement.payment["id"],
                data=error_facts(failure),
                occurred_at=failure.occurred_at,
            )
        )


def _book(settlement: _Settlement) -> None:
    payment, change, columns = settlement.payment, settlement.change, settlement.change.columns
    if change.captured_by:
        settlement.writing.entries.append(
            ledger.capture(payment["id"], payment["currency"], change.captured_by, columns["captured_minor"])
        )
    if change.fee_by > 0:
        settlement.writing.entries.append(
            ledger.fee(payment["id"], columns["fee_currency"], change.fee_by, columns["fee_minor"])
        )


async def _settle_order(unit: Unit, settlement: _Settlement, now: datetime) -> None:
    """New money pays the order once; money it has no use for goes back."""
    payment, change = settlement.payment, settlement.change
    if not change.captured_by:
        return
    if explanation := _unwanted(payment):
        captured, refunded = change.columns["captured_minor"], payment["refunded_minor"]
        amount = await refundable(unit, payment["id"], captured, refunded)
        if amount > 0:
            refund = NewRefund(
                refund_id=ids.new("re", now),
                reason=RefundReason.DUPLICATE,
                explanation=explanation,
                amount_minor=amount,
            )
            _add(settlement, await reserve(unit, payment, refund, now))
        return
    if await _collected(unit, payment, change.columns["captured_minor"]) >= payment["order_total_minor"]:
        status = advance(ORDER_EDGES, OrderStatus(payment["order_status"]), OrderStatus.PAID)
        settlement.writing.order_columns |= {"status": status, "paid_at": now}
        settlement.writing.news.append(
            NewEvent(
                type="order.paid",
                payment_id=payment["id"],
                data={"total_minor": payment["order_total_minor"], "currency": payment["currency"]},
            )
        )


async def _collected(unit: Unit, payment: dict[str, Any], captured_minor: int) -> int:
    """What the order's payments have captured together; most orders are paid by one."""
    if captured_minor >= payment["order_total_minor"]:
        return captured_minor
    row = await unit.fetch_one(
        """SELECT CAST(COALESCE(SUM(captured_minor), 0) AS BIGINT) AS n FROM payments
            WHERE order_id = $1 AND id <> $2 AND superseded_at IS NULL""",
        payment["order_id"],
        payment["id"],
    )
    assert row is not None
    return captured_minor + int(row["n"])


def _unwanted(payment: dict[str, Any]) -> str | None:
    if payment["superseded_at"] is not None:
        return "The money came on a session that another had taken the place of."
    if payment["order_status"] == OrderStatus.PAID:
        return "The order was paid already."
    if payment["order_status"] == OrderStatus.CANCELED:
        return "The order was canceled."
    return None


async def _take_refunds(unit: Unit, settlement: _Settlement, evidence: Evidence, now: datetime) -> None:
    payment, columns = settlement.payment, settlement.writing.payment_columns
    captured = columns.get("captured_minor", payment["captured_minor"])
    if not evidence.refunds:
        return
    taken = await observe(unit, payment, evidence.refunds, captured_minor=captured, now=now)
    if taken is None:
        raise NotYetKnown("The refund is known before its capture.")
    if taken.refunded_by:
        columns["refunded_minor"] = payment["refunded_minor"] + taken.refunded_by
    _add(settlement, taken)


async def _take_disputes(unit: Unit, settlement: _Settlement, evidence: Evidence, now: datetime) -> None:
    payment, writing = settlement.payment, settlement.writing
    if evidence.disputes and not await disputes.observe(unit, payment, evidence.disputes, writing, now):
        raise NotYetKnown("The dispute is known before its capture.")
    if evidence.warning:
        await warnings.observe(unit, payment, evidence.warning, writing, now)
    if settlement.change.captured_by and payment["status"] == PaymentStatus.AUTHORIZED:
        await warnings.capture(unit, payment, writing, now)


def _add(settlement: _Settlement, taken: Taken) -> None:
    settlement.writing.news += taken.news
    settlement.writing.entries += taken.entries


def _next_inquiry(settlement: _Settlement, evidence: Evidence, now: datetime) -> datetime | None:
    """When to ask again: no later than was planned, for only an inquiry sees that nothing is left to learn."""
    payment, columns = settlement.payment, settlement.writing.payment_columns
    refunding = any(refund.standing is RefundStanding.PENDING for refund in evidence.refunds) or bool(evidence.disputes)
    planned = decode_time(payment["inquire_at"]) if payment["inquire_at"] else None
    again = cadence.next_inquiry(
        settlement.change.status,
        all_known=columns.get("fee_minor", payment["fee_minor"]) is not None and not refunding,
        created_at=decode_time(payment["created_at"]),
        expires_at=columns.get("expires_at") or _state(payment).expires_at,
        now=now,
        settling=bool(settlement.change.captured_by),
    )
    return min((time for time in (planned, again) if time), default=None)


def _news(settlement: _Settlement, kind: str, evidence: Evidence, data: dict[str, Any]) -> NewEvent:
    return NewEvent(type=kind, payment_id=settlement.payment["id"], data=data, occurred_at=evidence.occurred_at)
