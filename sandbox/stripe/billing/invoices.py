"""Invoices: made as drafts, finalized, and closed by payment, voiding or giving up. (Paying them: collection.py.)"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import currencies, events, ids
from sandbox.stripe.billing import balances, clocks, taxes
from sandbox.world import Call

BLANK: Final[Json] = {
    **dict.fromkeys(
        [
            "account_name",
            "account_tax_ids",
            "application",
            "automatically_finalizes_at",
            "custom_fields",
            "customer_account",
            "default_payment_method",
            "default_source",
            "due_date",
            "effective_at",
            "ending_balance",
            "footer",
            "from_invoice",
            "hosted_invoice_url",
            "invoice_pdf",
            "last_finalization_error",
            "latest_revision",
            "next_payment_attempt",
            "number",
            "on_behalf_of",
            "receipt_number",
            "rendering",
            "shipping_cost",
            "shipping_details",
            "statement_descriptor",
            "webhooks_delivered_at",
        ]
    ),
    "account_country": "US",
    "amount_overpaid": 0,
    "amount_paid": 0,
    "amount_shipping": 0,
    "attempt_count": 0,
    "attempted": False,
    "automatic_tax": {
        "disabled_reason": None,
        "enabled": False,
        "liability": None,
        "provider": None,
        "status": None,
    },
    "customer_tax_ids": [],
    "default_tax_rates": [],
    "discounts": [],
    "issuer": {"type": "self"},
    "payment_settings": {
        "default_mandate": None,
        "payment_method_options": None,
        "payment_method_types": None,
    },
    "post_payment_credit_notes_amount": 0,
    "pre_payment_credit_notes_amount": 0,
    "status": "draft",
    "status_transitions": dict.fromkeys(["finalized_at", "marked_uncollectible_at", "paid_at", "voided_at"]),
    "total_discount_amounts": [],
    "total_pretax_credit_amounts": [],
}
DRAFT_SECONDS: Final = 3600
"""How long the invoice of a renewal stays a draft, for the merchant to add to it."""


def make(
    call: Call,
    customer: Json,
    lines: list[Json],
    *,
    now: int,
    currency: str,
    reason: str,
    period: tuple[int, int],
    subscription: Json | None = None,
    identifier: str | None = None,
    **more: Any,
) -> Json:
    """A draft of these lines: invoice.created. `more` are fields of the invoice that differ from a blank one's."""
    invoice = _document(
        call,
        customer,
        lines,
        identifier or ids.new("in"),
        now=now,
        currency=currency,
        reason=reason,
        period=period,
        subscription=subscription,
        **more,
    )
    call.insert(invoice)
    events.emit(call, "invoice.created", invoice)
    return invoice


def upcoming(call: Call, customer: Json, lines: list[Json], subscription: Json | None, **facts: Any) -> Json:
    """An invoice that is only a preview: nothing of it is kept."""
    currency = lines[0]["currency"] if lines else subscription["currency"] if subscription else "usd"
    return _document(
        call,
        customer,
        lines,
        ids.new("upcoming_in"),
        currency=currency,
        reason="upcoming",
        subscription=subscription,
        **facts,
    )


def _document(
    call: Call,
    customer: Json,
    lines: list[Json],
    identifier: str,
    *,
    now: int,
    currency: str,
    reason: str,
    period: tuple[int, int],
    subscription: Json | None,
    **more: Any,
) -> Json:
    settings = subscription["invoice_settings"] if subscription else {}
    invoice: Json = {
        **BLANK,
        "id": identifier,
        "object": "invoice",
        "auto_advance": True,
        "billing_reason": reason,
        "collection_method": subscription["collection_method"] if subscription else "charge_automatically",
        "created": now,
        "currency": currency,
        "customer": customer["id"],
        **{f"customer_{name}": customer[name] for name in ("address", "email", "name", "phone", "tax_exempt")},
        "customer_shipping": customer["shipping"],
        "description": settings.get("description"),
        "footer": settings.get("footer"),
        "lines": {
            "object": "list",
            "data": [{**taxes.taxed(customer, line), "invoice": identifier} for line in lines],
            "has_more": False,
            "url": f"/v1/invoices/{identifier}/lines",
        },
        "livemode": call.livemode,
        "metadata": {},
        "parent": _parent(subscription),
        "period_end": period[1],
        "period_start": period[0],
        "test_clock": customer["test_clock"],
        **more,
        "_": {"days_until_due": subscription["days_until_due"] if subscription else None},
    }
    return invoice | totals(invoice, customer["balance"])


def _parent(subscription: Json | None) -> Json | None:
    if subscription is None:
        return None
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def subscription_of(invoice: Json) -> str | None:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    found: str | None = details.get("subscription")
    return found


def totals(invoice: Json, balance: int) -> Json:
    """The sums of the lines, and what is due of them beside the customer's balance; all minor units."""
    sums = taxes.totals(invoice["lines"]["data"])
    due = sums["total"] + balance
    if due < currencies.minimum(invoice["currency"]):
        due = 0
    return {
        "amount_due": due,
        "amount_remaining": due,
        "starting_balance": balance,
        **sums,
    }


def finalize(call: Call, invoice: Json) -> None:
    """Draft to open: it gets its number, and uses up the customer's balance. Nothing is paid yet."""
    now, customer = clocks.now(call, invoice), call.get(invoice["customer"], "customer")
    sums = totals(invoice, customer["balance"])
    after = sums["starting_balance"] + sums["total"] - sums["amount_due"]
    sequence = customer["next_invoice_sequence"]
    events.change(call, customer, next_invoice_sequence=sequence + 1)
    if after != sums["starting_balance"]:
        small = sums["total"] > 0 and not sums["amount_due"] and after > 0
        balances.post(
            call,
            customer,
            after - sums["starting_balance"],
            "invoice_too_small" if small else "applied_to_invoice",
            now=now,
            currency=invoice["currency"],
            invoice=invoice["id"],
        )
    days = invoice["_"]["days_until_due"]
    events.change(
        call,
        invoice,
        **sums,
        status="open",
        number=f"{customer['invoice_prefix']}-{sequence:04}",
        automatically_finalizes_at=None,
        due_date=now + days * 86400 if days is not None else None,
        effective_at=now,
        ending_balance=after,
        hosted_invoice_url=hosted_url(call, invoice),
        invoice_pdf=f"{hosted_url(call, invoice)}&print=1",
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )
    events.emit(call, "invoice.finalized", invoice)


def hosted_url(call: Call, invoice: Json) -> str:
    """Where the payer sees the invoice, and pays it."""
    return f"{call.base_url}/c/invoices/{invoice['id']}?key={page_key(call, invoice)}"


def page_key(call: Call, invoice: Json) -> str:
    return call.world.keyed_hash(f"page of {invoice['id']}", 24)


def close(call: Call, invoice: Json, status: str, mark: str, event: str, **changes: Any) -> None:
    """Open (or given up) to an end; `mark` is the status transition that is dated."""
    now = clocks.now(call, invoice)
    clocks.forget(call, invoice)
    events.change(
        call,
        invoice,
        "invoice.updated",
        status=status,
        auto_advance=False,
        next_payment_attempt=None,
        status_transitions={**invoice["status_transitions"], mark: now},
        **changes,
    )
    events.emit(call, event, invoice)


def give_balance_back(call: Call, invoice: Json) -> None:
    """What a voided invoice had used of the customer's balance."""
    used = invoice["starting_balance"] - (invoice["ending_balance"] or 0)
    if invoice["ending_balance"] is None or not used:
        return
    balances.post(
        call,
        call.get(invoice["customer"], "customer"),
        used,
        "unapplied_from_invoice",
        now=clocks.now(call, invoice),
        currency=invoice["currency"],
        invoice=invoice["id"],
    )
