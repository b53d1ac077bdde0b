"""POST /v1/invoices/create_preview: what an invoice will be. The work is done and undone, so that it can't differ."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import customers, ids, params
from sandbox.stripe.billing import clocks, invoice_items, renewals, standing, subscription_form, subscriptions, updates
from sandbox.stripe.billing.subscription_calls import terms_of
from sandbox.stripe.endpoints import endpoint
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

DETAILS: Final[params.Shape] = {
    **dict.fromkeys(
        ("billing_schedules", "default_tax_rates", "metadata", "pause", "resume_at", "start_date"), params.not_here
    ),
    "billing_cycle_anchor": params.any_hash,
    "billing_mode": subscription_form.BILLING_MODE,
    "cancel_at": subscription_form.cancel_at,
    "cancel_at_period_end": params.boolean,
    "cancel_now": params.boolean,
    "items": params.each(params.shape(subscription_form.CHANGED_ITEM), 20),
    "proration_behavior": subscription_form.PRORATION,
    "proration_date": params.integer(0),
    "trial_end": subscription_form.trial_end,
}
EXTRA: Final[params.Shape] = {
    **dict.fromkeys(
        (
            "discountable",
            "discounts",
            "invoiceitem",
            "metadata",
            "period",
            "price",
            "price_data",
            "quantity",
            "quantity_decimal",
            "tax_behavior",
            "tax_code",
            "tax_rates",
            "unit_amount",
            "unit_amount_decimal",
        ),
        params.not_here,
    ),
    "amount*": params.integer(),
    "currency*": params.currency,
    "description": params.text(),
}
CREATE: Final[params.Shape] = {
    **dict.fromkeys(
        (
            "automatic_tax",
            "customer_account",
            "customer_details",
            "discounts",
            "issuer",
            "on_behalf_of",
            "schedule",
            "schedule_details",
        ),
        params.not_here,
    ),
    "currency": params.currency,
    "customer": params.text(),
    "invoice_items": params.each(params.shape(EXTRA), 250),
    "preview_mode": params.choice("next"),
    "subscription": params.text(),
    "subscription_details": params.shape(DETAILS),
}
CHANGES: Final = ("billing_cycle_anchor", "cancel_at", "cancel_at_period_end", "items", "trial_end")


class Previewed(Exception):
    """Carries the invoice out of the work that is undone."""

    def __init__(self, invoice: Json) -> None:
        super().__init__()
        self.invoice = invoice


@endpoint("POST", "/v1/invoices/create_preview", CREATE)
def create(call: Call, given: dict[str, Any]) -> Json:
    try:
        with call.store.savepoint():
            raise Previewed(_draw(call, given))
    except Previewed as done:
        return done.invoice


def _draw(call: Call, given: dict[str, Any]) -> Json:
    details = given.get("subscription_details") or {}
    subscription = _subscription(call, given, details)
    customer = customers.alive(call, subscription["customer"] if subscription else given["customer"])
    for extra in given.get("invoice_items", []):
        _add(call, customer, subscription, extra)
    if subscription is None:
        made = subscriptions.make(call, customer, terms_of(call, customer, {**details, "items": details["items"]}))
        return _shown(call.get(made["latest_invoice"], "invoice"))
    if subscription["status"] in standing.OVER:
        raise nothing_to_come(customer["id"])
    changed = any(name in details for name in CHANGES) or "cancel_now" in details
    invoice = _after_change(call, subscription, details)
    if invoice is None:
        if renewals.ends_by(subscription, subscriptions.period(subscription)[1]):
            raise nothing_to_come(customer["id"])
        invoice = renewals.preview(call, subscription)
    shown = _shown(invoice)
    if changed and shown["parent"]:
        moment = details.get("proration_date", clocks.now(call, subscription))
        shown["parent"]["subscription_details"]["subscription_proration_date"] = moment
    return shown


def _subscription(call: Call, given: dict[str, Any], details: dict[str, Any]) -> Json | None:
    """The subscription that the preview is of; None for one that is to be made."""
    if "subscription" in given:
        return call.get(given["subscription"], "subscription", "subscription")
    if "customer" not in given:
        raise InvalidParameter(
            "You must provide one of: customer, subscription.", code="parameter_missing", param="customer"
        )
    if details.get("items"):
        return None
    own = call.store.linked(call.livemode, "subscription", "customer", given["customer"])
    going_on = [each for each in own if each["status"] in standing.LIVE]
    if not going_on:
        raise nothing_to_come(given["customer"])
    return min(going_on, key=lambda each: subscriptions.period(each)[1])


def nothing_to_come(customer: str) -> InvalidRequest:
    return InvalidRequest(f"No upcoming invoices for customer: {customer}", code="invoice_upcoming_none")


def _after_change(call: Call, subscription: Json, details: dict[str, Any]) -> Json | None:
    """Applies the change; its own invoice if it has one."""
    if details.get("cancel_now"):
        prorate = details.get("proration_behavior", "create_prorations") != "none"
        asked = {**params.picked(details, "proration_date"), "prorate": prorate, "invoice_now": True}
        invoice = updates.end_now(call, subscription, asked)
        if invoice is None:
            raise nothing_to_come(subscription["customer"])
        return invoice
    asked = params.picked(details, *CHANGES, "proration_behavior", "proration_date")
    return updates.apply(call, subscription, asked) if asked else None


def _add(call: Call, customer: Json, subscription: Json | None, extra: dict[str, Any]) -> None:
    now = clocks.now(call, customer)
    invoice_items.make(
        call,
        customer,
        now=now,
        amount=extra["amount"],
        currency=extra["currency"],
        description=extra.get("description"),
        period=(now, now),
        subscription=subscription["id"] if subscription else None,
    )


def _shown(invoice: Json) -> Json:
    """As a preview: nothing has been decided yet."""
    return {
        **invoice,
        "id": ids.new("upcoming_in"),
        "amount_paid": 0,
        "amount_remaining": invoice["amount_due"],
        "attempted": False,
        "billing_reason": "upcoming",
        "effective_at": None,
        "ending_balance": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "number": None,
        "status": "draft",
        "status_transitions": dict.fromkeys(invoice["status_transitions"]),
    }
