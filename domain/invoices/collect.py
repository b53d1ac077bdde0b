"""Money that came for an invoice is a payment of an order, and goes through the door of all payments.

A period of a subscription has one order, whatever the PSP invoices for it: money that comes for it once more is money
for an order that was paid, and goes back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain import events
from domain.events import Cause, NewEvent
from domain.invoices import rows
from domain.payments import cadence
from domain.payments.apply import apply
from domain.payments.rows import NewPayment
from domain.payments.rows import insert as insert_payment
from gateways.base import Evidence, Standing
from gateways.billing import InvoicePayment
from kit import ids
from kit.database.unit import Unit
from models import CaptureMethod, InvoiceReason, LineItem, OrderStatus, Recurrence

Row = dict[str, Any]
_PERIODS = frozenset({InvoiceReason.START, InvoiceReason.RENEWAL})


async def collect(
    unit: Unit, subscription: Mapping[str, Any], invoice: Row, payment: InvoicePayment, *, cause: Cause, now: datetime
) -> None:
    """Records the payment, once, under the subscription's lock; `invoice` learns its order."""
    billed_for = invoice["period_start"].isoformat() if invoice["reason"] in _PERIODS else invoice["id"]
    found = await _found(unit, subscription, billed_for, payment)
    if found["known"] or payment.amount_minor <= 0:
        return
    payment_id = ids.new("pay", now)
    if found["order_id"]:
        order_id, version, news = found["order_id"], await _lock(unit, found["order_id"]), list[NewEvent]()
    else:
        version, total = 0, max(invoice["due_minor"], payment.amount_minor)
        order_id, news = await _new_order(unit, subscription, invoice, billed_for, total, now)
    news.append(
        await insert_payment(
            unit,
            NewPayment(
                payment_id=payment_id,
                merchant_id=subscription["merchant_id"],
                order_id=order_id,
                gateway=subscription["gateway"],
                livemode=subscription["livemode"],
                recurrence=Recurrence.RECC,
                capture_method=CaptureMethod.AUTOMATIC,
                currency=invoice["currency"],
                amount_minor=payment.amount_minor,
                request={"invoice_id": invoice["id"]},
                intent_token=payment.intent_token,
                inquire_at=now + cadence.FEE_SOON,
            ),
            now,
        )
    )
    await events.append(
        unit,
        news,
        merchant_id=subscription["merchant_id"],
        subject_id=order_id,
        version=version,
        cause=cause,
        now=now,
    )
    await apply(unit, _evidence(subscription, invoice, payment, payment_id), cause=cause, now=now)
    if invoice["order_id"] is None:
        invoice["order_id"] = order_id
        await rows.update(unit, invoice["id"], {"order_id": order_id}, now)


def _evidence(
    subscription: Mapping[str, Any], invoice: Mapping[str, Any], payment: InvoicePayment, payment_id: str
) -> Evidence:
    return Evidence(
        gateway=subscription["gateway"],
        livemode=subscription["livemode"],
        payment_id=payment_id,
        intent_token=payment.intent_token,
        standing=Standing.CAPTURED,
        currency=invoice["currency"],
        amount_minor=payment.amount_minor,
        captured_minor=payment.amount_minor,
        occurred_at=invoice["paid_at"],
    )


async def _found(
    unit: Unit, subscription: Mapping[str, Any], billed_for: str, payment: InvoicePayment
) -> dict[str, Any]:
    """Whether the payment is known, and the order of what it pays, if there is one."""
    row = await unit.fetch_one(
        """SELECT EXISTS (SELECT 1 FROM payments WHERE gateway = $1 AND intent_token = $2) AS known,
                  (SELECT id FROM orders WHERE subscription_id = $3 AND billed_for = $4) AS order_id""",
        subscription["gateway"],
        payment.intent_token,
        subscription["id"],
        billed_for,
    )
    assert row is not None
    return row


async def _lock(unit: Unit, order_id: str) -> int:
    """The order's version, which the new payment's event moves on."""
    row = await unit.fetch_one("SELECT version FROM orders WHERE id = $1 FOR UPDATE", order_id)
    assert row is not None
    await unit.execute("UPDATE orders SET version = version + 1 WHERE id = $1", order_id)
    return int(row["version"])


async def _new_order(
    unit: Unit, subscription: Mapping[str, Any], invoice: Mapping[str, Any], billed_for: str, total: int, now: datetime
) -> tuple[str, list[NewEvent]]:
    """The order of the invoice's period, or of the invoice; its version counts the payment's event, too."""
    order_id = ids.new("ord", now)
    await unit.execute(
        """INSERT INTO orders (id, merchant_id, customer_id, status, currency, total_minor, version, reference,
                               metadata, subscription_id, billed_for, created_at, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, 2, $7, $8, $9, $10, $11, $11)""",
        order_id,
        subscription["merchant_id"],
        subscription["customer_id"],
        OrderStatus.OPEN.value,
        invoice["currency"],
        total,
        invoice["number"],
        {},
        subscription["id"],
        billed_for,
        now,
    )
    await LineItem.bulk_create(
        [
            LineItem(id=ids.new("li", now), order_id=order_id, position=position, **item)
            for position, item in enumerate(_items(invoice, total), 1)
        ]
    )
    facts = {"total_minor": total, "currency": invoice["currency"], "subscription_id": subscription["id"]}
    return order_id, [NewEvent(type="order.created", data={**facts, "invoice_id": invoice["id"]})]


def _items(invoice: Mapping[str, Any], total_minor: int) -> Sequence[dict[str, Any]]:
    """The invoice's rows where they make up what was collected; with credits, taxes or a balance it is one row."""
    lines = [line for line in invoice["lines"] if line["amount_minor"]]
    if min((line["amount_minor"] for line in lines), default=0) > 0 and _sum(lines) == total_minor:
        return [_item(line["description"], line["amount_minor"], line["quantity"] or 1) for line in lines]
    return [_item(f"Invoice {invoice['number'] or invoice['id']}", total_minor, 1)]


def _sum(lines: Sequence[Mapping[str, Any]]) -> int:
    return sum(line["amount_minor"] for line in lines)


def _item(name: str, amount_minor: int, quantity: int) -> dict[str, Any]:
    of_one, rest = divmod(amount_minor, quantity)
    if rest:
        of_one, quantity = amount_minor, 1
    return {
        "name": name[:200] or "Subscription",
        "unit_amount_minor": of_one,
        "quantity": quantity,
        "amount_minor": amount_minor,
    }
