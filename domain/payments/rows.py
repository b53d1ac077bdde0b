"""New payments: one try at collecting an order's amount."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.events import NewEvent
from models import CaptureMethod, PaymentStatus, Recurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPayment:
    """See Payment. `asked_at`: whoever makes it asks the PSP next. `intent_token`: the PSP made it, and we follow."""

    payment_id: str
    merchant_id: str
    order_id: str
    gateway: str
    livemode: bool
    recurrence: Recurrence
    capture_method: CaptureMethod
    currency: str
    amount_minor: int
    request: Mapping[str, Any]
    inquire_at: datetime
    intent_token: str | None = None
    saves_method: bool | None = None
    asked_at: datetime | None = None


_UNTOLD = (
    *("session_token", "checkout_url", "expires_at", "capture_before", "next_action", "method", "last_error"),
    *("risk_level", "conflict", "fee_minor", "fee_currency", "superseded_at", "charge_token"),
)
_TOTALS = ("authorized_minor", "captured_minor", "refunded_minor", "disputed_minor")


def row_of(payment: NewPayment, now: datetime) -> dict[str, Any]:
    """All columns of the row, of which nothing has been told yet."""
    return {
        "id": payment.payment_id,
        "merchant_id": payment.merchant_id,
        "order_id": payment.order_id,
        "gateway": payment.gateway,
        "livemode": payment.livemode,
        "status": PaymentStatus.CREATED,
        "recurrence": payment.recurrence,
        "capture_method": payment.capture_method,
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        **dict.fromkeys(_TOTALS, 0),
        "idempotency_key": payment.payment_id,
        "request": dict(payment.request),
        "saves_method": payment.saves_method,
        "intent_token": payment.intent_token,
        "asked_at": payment.asked_at,
        "inquire_at": payment.inquire_at,
        "inquiries": 0,
        **dict.fromkeys(_UNTOLD),
        "created_at": now,
        "updated_at": now,
    }


def beside(order: Mapping[str, Any]) -> dict[str, Any]:
    """What the door reads of the order together with the payment."""
    told = {f"order_{name}": order[name] for name in ("status", "version", "total_minor")}
    return told | {name: order[name] for name in ("customer_id", "is_split")}


def created(payment: NewPayment) -> NewEvent:
    """The event that tells of the row."""
    facts = {"amount_minor": payment.amount_minor, "currency": payment.currency, "gateway": payment.gateway}
    return NewEvent(type="payment.created", payment_id=payment.payment_id, data=facts)
