"""Taxes on invoices: what a merchant's settings at Stripe come to, here one rate for a customer, set at the desk."""

from __future__ import annotations

from sandbox.store import Json
from sandbox.stripe import currencies
from sandbox.stripe.billing import proration

PARTS_PER_PERCENT = 10_000


def taxed(customer: Json, line: Json) -> Json:
    """The line with the customer's tax on it; a credit has its tax credited."""
    rate = customer["_"].get("tax")
    if rate is None:
        return line
    behavior = "inclusive" if rate["inclusive"] else "exclusive"
    whole = 100 * PARTS_PER_PERCENT + (rate["parts"] if rate["inclusive"] else 0)
    step = currencies.step(line["currency"])
    amount = step * proration.rounded(line["amount"] * rate["parts"], whole * step)
    tax = {
        "amount": amount,
        "tax_behavior": behavior,
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "standard_rated",
        "taxable_amount": line["amount"] - (amount if rate["inclusive"] else 0),
        "type": "tax_rate_details",
    }
    return {**line, "taxes": [tax]}


def totals(lines: list[Json]) -> Json:
    """Of an invoice's lines: what they come to with their taxes and without, in minor units."""
    taxes = [tax for line in lines for tax in line["taxes"]]
    subtotal = sum(line["amount"] for line in lines)
    within = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    beside = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    return {
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - within,
        "total": subtotal + beside,
        "total_excluding_tax": subtotal - within,
        "total_taxes": [_summed(taxes)] if taxes else [],
    }


def _summed(taxes: list[Json]) -> Json:
    return {**taxes[0]} | {name: sum(tax[name] for tax in taxes) for name in ("amount", "taxable_amount")}
