"""Invoice items: amounts that wait for the customer's next invoice; prorations are made of them."""

from __future__ import annotations

from sandbox.store import Json
from sandbox.stripe import events, ids
from sandbox.stripe.billing import lines
from sandbox.world import Call


def make(
    call: Call,
    customer: Json,
    *,
    now: int,
    amount: int,
    currency: str,
    description: str | None,
    period: tuple[int, int],
    price: Json | None = None,
    quantity: int = 1,
    subscription: str | None = None,
    item: str | None = None,
    proration: bool = False,
    credited: Json | None = None,
    metadata: dict[str, str] | None = None,
    invoice: str | None = None,
) -> Json:
    """An amount (minor units; negative is a credit) for a period: invoiceitem.created.

    `credited` names the invoice and its lines that a proration gives money back of.
    """
    waiting: Json = {
        "id": ids.new("ii"),
        "object": "invoiceitem",
        "amount": amount,
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "date": now,
        "description": description,
        "discountable": not proration,
        "discounts": [],
        "invoice": invoice,
        "livemode": call.livemode,
        "metadata": dict(metadata or {}),
        "net_amount": amount,
        "parent": _parent(subscription, item),
        "period": {"end": period[1], "start": period[0]},
        "pricing": lines.pricing(price) if price else None,
        "proration": proration,
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "tax_rates": [],
        "test_clock": customer["test_clock"],
        "_": {"credited": credited, "created": now},
    }
    call.insert(waiting)
    events.emit(call, "invoiceitem.created", waiting)
    return waiting


def _parent(subscription: str | None, item: str | None) -> Json | None:
    if subscription is None:
        return None
    details = {"subscription": subscription, **({"subscription_item": item} if item else {})}
    return {"subscription_details": details, "type": "subscription_details"}


def waiting_for(call: Call, customer: str, subscription: str | None, currency: str) -> list[Json]:
    """What the next invoice of the subscription takes along (None: of the customer), oldest first."""
    found = call.store.linked(call.livemode, "invoiceitem", "customer", customer)
    return [
        each
        for each in found
        if each["invoice"] is None
        and not each.get("deleted")
        and each["currency"] == currency
        and subscription_of(each) in (None, subscription)
    ]


def subscription_of(waiting: Json) -> str | None:
    details = (waiting["parent"] or {}).get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found


def delete(call: Call, waiting: Json) -> Json:
    events.emit(call, "invoiceitem.deleted", waiting)
    call.store.run("DELETE FROM objects WHERE livemode = ? AND id = ?", call.livemode, waiting["id"])
    return {"id": waiting["id"], "object": "invoiceitem", "deleted": True}


def take(call: Call, waiting: list[Json], invoice: str) -> list[Json]:
    """The waiting items as lines of that invoice."""
    for each in waiting:
        events.change(call, each, invoice=invoice)
    return [lines.of_invoice_item(call, each) for each in waiting]
