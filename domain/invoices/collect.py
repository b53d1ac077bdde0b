"""Money that came for an invoice is a payment of an order, and goes through the door of all payments.

A period of a subscription has one order, whatever the PSP invoices for it: money that comes for it once more is money
for an order that was paid, and goes back.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from domain import events, ledger
from domain.events import Cause, NewEvent
from domain.invoices import rows
from domain.payments import cadence
from domain.payments import rows as payments
from domain.payments.apply import apply, settle
from domain.payments.rows import NewPayment
from gateways.base import Evidence, Standing
from gateways.billing import InvoicePayment
from kit import ids
from kit.database.unit import Unit
from models import CaptureMethod, InvoiceReason, OrderStatus, Recurrence

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
    new = _new_payment(subscription, invoice, payment, found["order_id"] or ids.new("ord", now), now)
    evidence = _evidence(subscription, invoice, payment, new.payment_id)
    if found["order_id"]:
        await _add(unit, new, evidence, cause, now)
    else:
        await _begin(unit, subscription, invoice | {"billed_for": billed_for}, new, evidence, cause, now)
    if invoice["order_id"] is None:
        invoice["order_id"] = new.order_id
        await rows.update(unit, invoice["id"], {"order_id": new.order_id}, now)


def _new_payment(
    subscription: Mapping[str, Any], invoice: Row, payment: InvoicePayment, order_id: str, now: datetime
) -> NewPayment:
    return NewPayment(
        payment_id=ids.new("pay", now),
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
    )


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


async def _add(unit: Unit, new: NewPayment, evidence: Evidence, cause: Cause, now: datetime) -> None:
    """One more payment of an order that is there."""
    order = await unit.fetch_one("SELECT version FROM orders WHERE id = $1 FOR UPDATE", new.order_id)
    assert order is not None
    await unit.insert("payments", payments.row_of(new, now))
    await unit.execute("UPDATE orders SET version = version + 1 WHERE id = $1", new.order_id)
    await _tell(unit, new, [payments.created(new)], order["version"], cause, now)
    await apply(unit, evidence, cause=cause, now=now)


async def _begin(
    unit: Unit,
    subscription: Mapping[str, Any],
    invoice: Row,
    new: NewPayment,
    evidence: Evidence,
    cause: Cause,
    now: datetime,
) -> None:
    """The order of the invoice's period, or of the invoice, with its payment: written once, as the door leaves it."""
    order, payment = _order(subscription, invoice, new, now), payments.row_of(new, now)
    settled = await settle(unit, payment | payments.beside(order), evidence, now)
    facts = {"total_minor": order["total_minor"], "currency": order["currency"]}
    facts |= {"subscription_id": subscription["id"], "invoice_id": invoice["id"]}
    news = [NewEvent(type="order.created", data=facts), payments.created(new), *settled.news]
    await unit.insert("orders", order | settled.order_columns | {"version": len(news)})
    await unit.insert("line_items", *_items(invoice, order, now))
    await unit.insert("payments", payment | settled.payment_columns)
    await _tell(unit, new, news, 0, cause, now)
    await ledger.post(unit, settled.entries, merchant_id=new.merchant_id, now=now)


def _order(subscription: Mapping[str, Any], invoice: Row, new: NewPayment, now: datetime) -> Row:
    return {
        "id": new.order_id,
        "merchant_id": new.merchant_id,
        "customer_id": subscription["customer_id"],
        "status": OrderStatus.OPEN,
        "currency": invoice["currency"],
        "total_minor": max(invoice["due_minor"], new.amount_minor),
        "version": 0,
        "reference": invoice["number"],
        "metadata": {},
        "subscription_id": subscription["id"],
        "billed_for": invoice["billed_for"],
        "is_split": False,
        "created_at": now,
        "updated_at": now,
    }


async def _tell(
    unit: Unit, new: NewPayment, news: Sequence[NewEvent], version: int, cause: Cause, now: datetime
) -> None:
    await events.append(
        unit,
        news,
        merchant_id=new.merchant_id,
        subject_id=new.order_id,
        version=version,
        cause=cause,
        now=now,
    )


def _items(invoice: Row, order: Row, now: datetime) -> Sequence[Row]:
    shown = _shown(invoice, order["total_minor"])
    return [
        {"id": ids.new("li", now), "order_id": order["id"], "position": position, **item}
        for position, item in enumerate(shown, 1)
    ]


def _shown(invoice: Row, total_minor: int) -> Sequence[Row]:
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
