"""How a payment looks to its payer: what the page that they come back to may show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from domain import actions
from domain.actions import OrderAction, OrderState
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from models import FINAL, LIVE, OrderStatus, PaymentStatus, RefundReason, RefundStatus

_LIVE = ", ".join(f"'{status.value}'" for status in sorted(LIVE))
_GIVEN_UP = frozenset({RefundStatus.FAILED, RefundStatus.CANCELED})


class State(StrEnum):
    """How a payment looks to its payer.

    DECLINED is OPEN after a try that failed. PAID_OTHERWISE: another payment paid the order. ORDER_CANCELED: it wants
    no money any more. REFUND_FAILED: money that nobody wanted could not be given back. REVIEW: the PSP's word is not
    the order's.
    """

    PAID = "paid"
    PAID_OTHERWISE = "paid_otherwise"
    AUTHORIZED = "authorized"
    PROCESSING = "processing"
    OPEN = "open"
    DECLINED = "declined"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELED = "canceled"
    ORDER_CANCELED = "order_canceled"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    REVIEW = "review"
    UNKNOWN = "unknown"


class RefundCause(StrEnum):
    """Why the money goes back."""

    ORDER_PAID = "order_paid"
    ORDER_CANCELED = "order_canceled"
    SUPERSEDED = "superseded"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Item:
    name: str
    quantity: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Returned:
    """What has gone back or is going, in minor units; `done`: the PSP has sent it."""

    amount_minor: int
    cause: RefundCause
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the page tells the payer; amounts in minor units of `currency`.

    `amount_minor` is what was taken, else what is to be paid; `total_minor` is the order's, which may take several
    payments. `version` is the order's when it was read. `settled`: it will not change by itself. `checkout_url` is
    where the payer goes on paying; `psp_url` is the same, wherever it leads by now. `may_start_again`: a new hosted
    page may be opened. `decline` is the PSP's code of the last try that failed. `underway`: another payment of the
    order is being processed.
    """

    state: State
    settled: bool
    version: int
    livemode: bool
    merchant_id: str
    merchant_name: str
    order_id: str
    reference: str | None
    amount_minor: int
    total_minor: int
    currency: str
    items: Sequence[Item]
    method: Mapping[str, Any] | None
    paid_at: datetime | None
    returned: Returned | None
    decline: str | None
    checkout_url: str | None
    psp_url: str | None
    may_start_again: bool
    underway: bool


_FACTS = f"""
SELECT p.status, p.livemode, p.checkout_url, p.expires_at, p.amount_minor, p.currency, p.captured_minor, p.method,
       p.last_error, p.superseded_at, p.created_at, p.merchant_id, o.id AS order_id, o.status AS order_status,
       o.version, o.reference, o.paid_at, o.total_minor, m.name AS merchant_name,
       (SELECT l.status FROM payments l WHERE l.order_id = o.id AND l.status IN ({_LIVE})) AS live_status,
       (SELECT count(*) FROM payments c WHERE c.order_id = o.id AND c.status = 'conflicted') AS conflicted
  FROM payments p JOIN orders o ON o.id = p.order_id JOIN merchants m ON m.id = p.merchant_id
 WHERE p.id = $1
"""  # noqa: S608 - only names of ours


async def look(payment_id: str, now: datetime) -> Shown:
    """What is known now."""
    row = await reading.fetch_one(_FACTS, payment_id)
    assert row is not None
    refunds = await reading.fetch(
        "SELECT status, reason, amount_minor FROM refunds WHERE payment_id = $1 ORDER BY id", payment_id
    )
    items = await reading.fetch(
        "SELECT name, quantity, amount_minor FROM line_items WHERE order_id = $1 ORDER BY position", row["order_id"]
    )
    returned = _returned(row, refunds)
    state = _state(row, refunds, returned)
    going_on = state in {State.OPEN, State.DECLINED} and row["expires_at"] and decode_time(row["expires_at"]) > now
    own_is_live = row["status"] in LIVE
    return Shown(
        state=state,
        settled=_settled(row, state, returned),
        version=row["version"],
        livemode=bool(row["livemode"]),
        merchant_id=row["merchant_id"],
        merchant_name=row["merchant_name"],
        order_id=row["order_id"],
        reference=row["reference"],
        amount_minor=row["captured_minor"] or row["amount_minor"],
        total_minor=row["total_minor"],
        currency=row["currency"],
        items=[Item(item["name"], item["quantity"], item["amount_minor"]) for item in items],
        method=decode_json(row["method"]),
        paid_at=decode_time(row["paid_at"]) if row["paid_at"] and state is State.PAID else None,
        returned=returned,
        decline=_decline(row, state),
        checkout_url=row["checkout_url"] if going_on else None,
        psp_url=row["checkout_url"],
        may_start_again=not going_on and state in _ENDED_WITHOUT_MONEY and _takes_payment(row),
        underway=not own_is_live and row["live_status"] in _UNDERWAY,
    )


_STATES = {
    PaymentStatus.CAPTURED: State.PAID,
    PaymentStatus.AUTHORIZED: State.AUTHORIZED,
    PaymentStatus.PROCESSING: State.PROCESSING,
    PaymentStatus.FAILED: State.FAILED,
    PaymentStatus.EXPIRED: State.EXPIRED,
    PaymentStatus.CANCELED: State.CANCELED,
    PaymentStatus.OPEN: State.OPEN,
    PaymentStatus.CONFLICTED: State.REVIEW,
    PaymentStatus.REQUIRES_ACTION: State.UNKNOWN,
    PaymentStatus.CREATED: State.UNKNOWN,
    PaymentStatus.UNKNOWN: State.UNKNOWN,
}
_ENDED_WITHOUT_MONEY = frozenset({State.OPEN, State.DECLINED, State.FAILED, State.EXPIRED, State.CANCELED})
_ENDED = frozenset({PaymentStatus.FAILED, PaymentStatus.EXPIRED, PaymentStatus.CANCELED})
_SETTLED = frozenset(
    {State.PAID, State.FAILED, State.EXPIRED, State.CANCELED, State.ORDER_CANCELED, State.REFUND_FAILED}
)
_UNDERWAY = frozenset({PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING, PaymentStatus.AUTHORIZED})


def _state(row: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]], returned: Returned | None) -> State:
    status = PaymentStatus(row["status"])
    if status is PaymentStatus.CAPTURED:
        if returned and returned.amount_minor >= row["captured_minor"]:
            return State.REFUNDED
        failed = any(r["reason"] == RefundReason.DUPLICATE and r["status"] in _GIVEN_UP for r in refunds)
        return State.REFUND_FAILED if failed else State.PAID
    if row["order_status"] == OrderStatus.PAID and status is not PaymentStatus.CONFLICTED:
        return State.PAID_OTHERWISE
    if row["order_status"] == OrderStatus.CANCELED and status in _ENDED:
        return State.ORDER_CANCELED
    if status is PaymentStatus.OPEN and row["last_error"] is not None:
        return State.DECLINED
    return _STATES[status]


def _settled(row: Mapping[str, Any], state: State, returned: Returned | None) -> bool:
    if state is State.REFUNDED:
        return returned is not None and returned.done
    if state is State.PAID_OTHERWISE:
        return row["status"] in FINAL
    return state in _SETTLED


def _returned(row: Mapping[str, Any], refunds: Sequence[Mapping[str, Any]]) -> Returned | None:
    going = [refund for refund in refunds if refund["status"] not in _GIVEN_UP]
    if not going:
        return None
    duplicate = any(refund["reason"] == RefundReason.DUPLICATE for refund in going)
    return Returned(
        sum(refund["amount_minor"] for refund in going),
        _refund_cause(row) if duplicate else RefundCause.OTHER,
        all(refund["status"] == RefundStatus.SUCCEEDED for refund in going),
    )


def _refund_cause(row: Mapping[str, Any]) -> RefundCause:
    if row["order_status"] == OrderStatus.PAID:
        return RefundCause.ORDER_PAID
    return RefundCause.ORDER_CANCELED if row["order_status"] == OrderStatus.CANCELED else RefundCause.SUPERSEDED


def _decline(row: Mapping[str, Any], state: State) -> str | None:
    """The PSP's more telling code; None where the last try is not what matters."""
    error = decode_json(row["last_error"])
    return (error["decline_code"] or error["code"]) if error and state in {State.DECLINED, State.FAILED} else None


def _takes_payment(row: Mapping[str, Any]) -> bool:
    live = PaymentStatus(row["live_status"]) if row["live_status"] else None
    state = OrderState(
        row["order_id"], OrderStatus(row["order_status"]), live, conflicted=row["conflicted"] > 0, of_link=False
    )
    return actions.refusal(OrderAction.CHECKOUT, state) is None
