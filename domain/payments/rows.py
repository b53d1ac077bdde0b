"""New payments: one try at collecting an order's amount."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.events import NewEvent
from kit.database.unit import Unit
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


async def insert(unit: Unit, payment: NewPayment, now: datetime) -> NewEvent:
    """The row, under its order's lock; returns the event that tells of it."""
    await unit.execute(
        """INSERT INTO payments (id, merchant_id, order_id, gateway, livemode, status, recurrence, capture_method,
                                 currency, amount_minor, authorized_minor, captured_minor, refunded_minor,
                                 disputed_minor, idempotency_key, request, saves_method, intent_token, asked_at,
                                 inquire_at, inquiries, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, 0, 0, 0, $1, $11, $12, $13, $14, $15, 0, $16, $16)""",
        payment.payment_id,
        payment.merchant_id,
        payment.order_id,
        payment.gateway,
        payment.livemode,
        PaymentStatus.CREATED.value,
        payment.recurrence.value,
        payment.capture_method.value,
        payment.currency,
        payment.amount_minor,
        dict(payment.request),
        payment.saves_method,
        payment.intent_token,
        payment.asked_at,
        payment.inquire_at,
        now,
    )
    facts = {"amount_minor": payment.amount_minor, "currency": payment.currency, "gateway": payment.gateway}
    return NewEvent(type="payment.created", payment_id=payment.payment_id, data=facts)
