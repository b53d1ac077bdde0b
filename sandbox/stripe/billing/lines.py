"""The lines of an invoice: a subscription's item for a period, or an invoice item that was waiting for it."""

from __future__ import annotations

from typing import Any

from sandbox.store import Json
from sandbox.stripe import currencies, ids
from sandbox.stripe.billing import proration
from sandbox.world import Call


def price_of(item: Json) -> int:
    """What an item (price, quantity) costs for a whole period, minor units."""
    return proration.times(item["price"]["unit_amount_decimal"], item["quantity"])


def product_name(call: Call, price: Json) -> str:
    return str(call.get(price["product"], "product")["name"])


def named(call: Call, item: Json) -> str:
    """An item as proration lines name it: "Gold", or "3 × Gold"."""
    name = product_name(call, item["price"])
    return name if item["quantity"] == 1 else f"{item['quantity']} × {name}"


def pricing(price: Json) -> Json:
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def _line(call: Call, parent: Json, facts: dict[str, Any]) -> Json:
    return {
        "id": ids.new("il"),
        "object": "line_item",
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": None,
        "livemode": call.livemode,
        "parent": parent,
        "pretax_credit_amounts": [],
        "quantity_decimal": str(facts["quantity"]),
        "subtotal": facts["amount"],
        "taxes": [],
        **facts,
    }


def of_period(call: Call, subscription: Json, item: Json, start: int, end: int, amount: int) -> Json:
    """A subscription's item for a period, for `amount` minor units."""
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    free = subscription["status"] == "trialing"
    facts = {
        "amount": amount,
        "currency": subscription["currency"],
        "description": _free_trial(call, item) if free else described(call, item),
        "metadata": dict(subscription["metadata"]),
        "period": {"end": end, "start": start},
        "pricing": pricing(item["price"]),
        "quantity": item["quantity"],
        "subscription": subscription["id"],
    }
    return _line(call, _parent("subscription_item_details", details), facts)


def described(call: Call, item: Json) -> str:
    price, recurring = item["price"], item["price"]["recurring"]
    each = currencies.major(price["unit_amount"] or 0, price["currency"])
    every = recurring["interval"]
    if recurring["interval_count"] > 1:
        every = f"every {recurring['interval_count']} {every}s"
    return f"{item['quantity']} × {product_name(call, price)} (at {each} {price['currency'].upper()} / {every})"


def _free_trial(call: Call, item: Json) -> str:
    return f"Free trial for {item['quantity']} × {product_name(call, item['price'])}"


def _parent(type: str, details: Json) -> Json:
    return {"invoice_item_details": None, "subscription_item_details": None, "type": type, type: details}


def of_invoice_item(call: Call, waiting: Json) -> Json:
    """An invoice item as a line; one of a subscription's item says so."""
    made_for = (waiting["parent"] or {}).get("subscription_details") or {}
    subscription, item = made_for.get("subscription"), made_for.get("subscription_item")
    details = {
        "invoice_item": waiting["id"],
        "proration": waiting["proration"],
        "proration_details": {"credited_items": waiting["_"].get("credited")},
        "subscription": subscription,
    }
    type = "invoice_item_details"
    if item:
        type, details = "subscription_item_details", {**details, "subscription_item": item}
    names = ("amount", "currency", "description", "discountable", "period", "pricing", "quantity")
    facts = {name: waiting[name] for name in names}
    return _line(
        call,
        _parent(type, details),
        {**facts, "metadata": dict(waiting["metadata"]), "subscription": subscription},
    )
