"""/v1/invoices and /v1/invoice_payments"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import customers, events, ids, params, payments
from sandbox.stripe.billing import clocks, collection, invoice_items, invoices, standing
from sandbox.stripe.billing.signup import no_method
from sandbox.stripe.endpoints import endpoint, page, slice_of
from sandbox.stripe.errors import CardError, InvalidParameter, InvalidRequest
from sandbox.world import Call, public

SUBSCRIPTION: Final = "parent.subscription_details.subscription"
UNSUPPORTED: Final = (
    "account_tax_ids",
    "application_fee_amount",
    "automatic_tax",
    "automatically_finalizes_at",
    "custom_fields",
    "default_source",
    "default_tax_rates",
    "discounts",
    "due_date",
    "effective_at",
    "issuer",
    "number",
    "on_behalf_of",
    "payment_settings",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "transfer_data",
)
COMMON: Final[params.Shape] = {
    **dict.fromkeys(UNSUPPORTED, params.not_here),
    "auto_advance": params.boolean,
    "collection_method": params.choice("charge_automatically", "send_invoice"),
    "days_until_due": params.integer(0, 10_000),
    "default_payment_method": params.text(),
    "description": params.text(1500),
    "footer": params.text(),
    "metadata": params.metadata,
}


@endpoint(
    "POST",
    "/v1/invoices",
    {
        **COMMON,
        "currency": params.currency,
        "customer*": params.text(),
        "customer_account": params.not_here,
        "from_invoice": params.not_here,
        "pending_invoice_items_behavior": params.choice("exclude", "include"),
        "subscription": params.text(),
    },
)
def create(call: Call, given: dict[str, Any]) -> Json:
    customer = customers.alive(call, given["customer"])
    now, identifier = clocks.now(call, customer), ids.new("in")
    subscription = call.get(given["subscription"], "subscription") if "subscription" in given else None
    currency = given.get("currency") or (subscription["currency"] if subscription else "usd")
    found: list[Json] = []
    if given.get("pending_invoice_items_behavior") == "include" or subscription:
        found = invoice_items.waiting_for(call, customer["id"], given.get("subscription"), currency)
    invoice = invoices.make(
        call,
        customer,
        invoice_items.take(call, found, identifier),
        now=now,
        currency=currency,
        reason="manual",
        period=(now, now),
        subscription=subscription,
        identifier=identifier,
        **params.picked(given, "collection_method", "default_payment_method", "description", "footer"),
        auto_advance=given.get("auto_advance", False),
        metadata=params.merged({}, given.get("metadata")),
    )
    if "days_until_due" in given:
        invoice["_"]["days_until_due"] = given["days_until_due"]
    _plan(call, invoice)
    call.save(invoice)
    return invoice


def _plan(call: Call, invoice: Json) -> None:
    """A draft that advances by itself is final in an hour."""
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        moment = clocks.now(call, invoice) + invoices.DRAFT_SECONDS
        invoice["automatically_finalizes_at"] = moment
        clocks.schedule(call, collection.finalize_invoice, invoice, moment)


@endpoint(
    "GET",
    "/v1/invoices",
    {
        **params.PAGE,
        "collection_method": params.choice("charge_automatically", "send_invoice"),
        "created": params.moment,
        "customer": params.text(),
        "customer_account": params.not_here,
        "due_date": params.not_here,
        "status": params.choice("draft", "open", "paid", "uncollectible", "void"),
        "subscription": params.text(),
    },
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = [(equals("customer"), given["customer"])] if "customer" in given else []
    if "subscription" in given:
        where.append((equals(SUBSCRIPTION), given["subscription"]))
    for name in ("collection_method", "status"):
        if name in given:
            where.append((f"json_extract(body, '$.{name}') = ?", given[name]))
    return page(call, "invoice", given, "/v1/invoices", where)


@endpoint("GET", "/v1/invoices/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "invoice")


@endpoint("GET", "/v1/invoices/{id}/lines", params.PAGE)
def list_lines(call: Call, given: dict[str, Any], identifier: str) -> Json:
    lines = call.get(identifier, "invoice")["lines"]
    return slice_of(lines["data"], given, lines["url"])


@endpoint("POST", "/v1/invoices/{id}", COMMON)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    invoice = call.get(identifier, "invoice")
    if invoice["status"] not in ("draft", "open") and not given.keys() <= {"metadata", "expand"}:
        raise InvalidRequest("Finalized invoices can't be updated in this way", code="invoice_not_editable")
    changes = params.picked(
        given, "auto_advance", "collection_method", "default_payment_method", "description", "footer"
    )
    if "metadata" in given:
        changes["metadata"] = params.merged(invoice["metadata"], given["metadata"])
    if "days_until_due" in given:
        invoice["_"]["days_until_due"] = given["days_until_due"]
    events.change(call, invoice, "invoice.updated", **changes)
    if "auto_advance" in given and invoice["automatically_finalizes_at"] is None:
        _plan(call, invoice)
        call.save(invoice)
    return invoice


@endpoint("DELETE", "/v1/invoices/{id}")
def delete(call: Call, given: dict[str, Any], identifier: str) -> Json:
    invoice = _in_state(call, identifier, ("draft",), "deleted")
    if invoices.subscription_of(invoice):
        raise InvalidRequest("You can't delete invoices created by subscriptions.")
    clocks.forget(call, invoice)
    events.emit(call, "invoice.deleted", invoice)
    call.store.run("DELETE FROM objects WHERE livemode = ? AND id = ?", call.livemode, identifier)
    return {"id": identifier, "object": "invoice", "deleted": True}


@endpoint("POST", "/v1/invoices/{id}/finalize", {"auto_advance": params.boolean})
def finalize(call: Call, given: dict[str, Any], identifier: str) -> Json:
    invoice = _in_state(call, identifier, ("draft",), "finalized")
    if "auto_advance" in given:
        events.change(call, invoice, auto_advance=given["auto_advance"])
    clocks.forget(call, invoice)
    collection.finalize(call, invoice)
    if invoice["auto_advance"]:
        collection.advance(call, call.get(identifier, "invoice"))
    return call.get(identifier, "invoice")


@endpoint(
    "POST",
    "/v1/invoices/{id}/pay",
    {
        "forgive": params.boolean,
        "mandate": params.not_here,
        "off_session": params.boolean,
        "paid_out_of_band": params.boolean,
        "payment_method": params.text(),
        "source": params.not_here,
    },
)
def pay(call: Call, given: dict[str, Any], identifier: str) -> Json:
    invoice = _in_state(call, identifier, ("draft", "open", "uncollectible"), "paid")
    if invoice["status"] == "draft":
        collection.finalize(call, invoice)
        invoice = call.get(identifier, "invoice")
    if invoice["status"] == "paid":
        return invoice
    if given.get("paid_out_of_band"):
        collection.give_up_intent(call, invoice, "automatic")
        collection.settle(call, invoice, counts=False)
        return call.get(identifier, "invoice")
    method = collection.method_for(call, invoice)
    if "payment_method" in given:
        method = call.get(given["payment_method"], "payment_method", "payment_method")
    if method is None:
        raise no_method()
    intent = collection.pay(call, invoice, method, off_session=given.get("off_session", True))
    if intent:
        _require_no_failure(intent)
    return call.get(identifier, "invoice")


def _require_no_failure(intent: Json) -> None:
    """Raises CardError for a decline, and where the payer has to do something first. The attempt stays on record."""
    payments.raise_failure(intent)
    if intent["status"] == "requires_action":
        raise CardError(
            "This payment requires additional user action before it can be completed successfully. Payment can be "
            "completed using the PaymentIntent associated with the invoice.",
            code="invoice_payment_intent_requires_action",
            payment_intent=public(intent),
        )


@endpoint("POST", "/v1/invoices/{id}/void")
def void(call: Call, given: dict[str, Any], identifier: str) -> Json:
    collection.void(call, _in_state(call, identifier, ("open", "uncollectible"), "voided"))
    return call.get(identifier, "invoice")


@endpoint("POST", "/v1/invoices/{id}/mark_uncollectible")
def mark_uncollectible(call: Call, given: dict[str, Any], identifier: str) -> Json:
    collection.mark_uncollectible(call, _in_state(call, identifier, ("open",), "marked uncollectible"))
    return call.get(identifier, "invoice")


@endpoint("POST", "/v1/invoices/{id}/send")
def send(call: Call, given: dict[str, Any], identifier: str) -> Json:
    """Mails it to its customer, which the sandbox only tells of."""
    invoice = _in_state(call, identifier, ("draft", "open"), "sent")
    if invoice["collection_method"] != "send_invoice":
        raise InvalidRequest("You can only manually send an invoice with collection_method=send_invoice.")
    if invoice["status"] == "draft":
        clocks.forget(call, invoice)
        collection.finalize(call, invoice)
        invoice = call.get(identifier, "invoice")
    events.emit(call, "invoice.sent", invoice)
    return invoice


def _in_state(call: Call, identifier: str, states: tuple[str, ...], past: str) -> Json:
    invoice = call.get(identifier, "invoice")
    if invoice["status"] not in states:
        raise InvalidRequest(
            f"This invoice is {invoice['status']}: only an invoice that is {' or '.join(states)} can be {past}.",
            code="invoice_not_editable",
        )
    subscription = standing.of(call, invoice)
    if subscription and subscription["status"] == "incomplete_expired":
        raise InvalidRequest("This invoice's subscription has expired.", code="invoice_not_editable")
    return invoice


# -- what pays them ----------------------------------------------------------------------


@endpoint(
    "GET",
    "/v1/invoice_payments",
    {
        **params.PAGE,
        "created": params.moment,
        "invoice": params.text(),
        "payment": params.shape(
            {
                "payment_intent": params.text(),
                "payment_record": params.not_here,
                "type*": params.choice("payment_intent", "payment_record"),
            }
        ),
        "status": params.choice("canceled", "open", "paid"),
    },
)
def list_payments(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = [(equals("invoice"), given["invoice"])] if "invoice" in given else []
    if payment := given.get("payment"):
        if "payment_intent" not in payment:
            raise InvalidParameter(
                "Missing required param: payment[payment_intent].",
                code="parameter_missing",
                param="payment[payment_intent]",
            )
        where.append((equals("payment.payment_intent"), payment["payment_intent"]))
    if "status" in given:
        where.append(("json_extract(body, '$.status') = ?", given["status"]))
    return page(call, "invoice_payment", given, "/v1/invoice_payments", where)


@endpoint("GET", "/v1/invoice_payments/{id}")
def retrieve_payment(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "invoice_payment")
