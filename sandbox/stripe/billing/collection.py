"""Paying an invoice: its payment intent, each attempt on it, and what the invoice becomes by that."""

from __future__ import annotations

from typing import Any

from sandbox.store import Json
from sandbox.stripe import customers, events, ids, intent_form, payments, tender
from sandbox.stripe.billing import clocks, dunning, invoices, standing
from sandbox.stripe.following import follow
from sandbox.world import Call


def finalize(call: Call, invoice: Json, *, keep_method: bool = False) -> None:
    """Finalizes a draft. One that nothing is due of is paid by that; another has an intent to pay it by.

    `keep_method`: what pays it first is saved to its customer.
    """
    invoices.finalize(call, invoice)
    if not invoice["amount_due"]:
        _paid(call, invoice, None)
        return
    intent = _make_intent(call, invoice, keep_method=keep_method)
    invoice["_"]["intent"] = intent["id"]
    call.save(invoice)


def _make_intent(call: Call, invoice: Json, *, keep_method: bool) -> Json:
    what = {"subscription_create": "Subscription creation", "subscription_cycle": "Subscription update"}
    intent = intent_form.make(
        call,
        invoice["amount_due"],
        invoice["currency"],
        {
            "customer": invoice["customer"],
            "description": what.get(invoice["billing_reason"], f"Payment for Invoice {invoice['number']}"),
            "setup_future_usage": "off_session" if keep_method else None,
            "invoice": invoice["id"],
        },
    )
    call.insert(
        {
            "id": ids.new("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": clocks.now(call, invoice),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": call.livemode,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )
    return intent


def payments_of(call: Call, invoice: str) -> list[Json]:
    """Its InvoicePayments, oldest first."""
    return call.store.linked(call.livemode, "invoice_payment", "invoice", invoice)


def intent_of(call: Call, invoice: Json) -> Json | None:
    return call.find(invoice["_"].get("intent"), "payment_intent")


def method_for(call: Call, invoice: Json) -> Json | None:
    """What an automatic attempt charges: the invoice's own method, the subscription's, or the customer's. One that was
    detached meanwhile is nobody's."""
    subscription, customer = standing.of(call, invoice), call.get(invoice["customer"], "customer")
    named: tuple[str | None, ...] = (
        invoice["default_payment_method"],
        subscription["default_payment_method"] if subscription else None,
        customer["invoice_settings"]["default_payment_method"],
    )
    found = (call.find(each, "payment_method") for each in named)
    return next((method for method in found if method and method["customer"] == customer["id"]), None)


# -- attempts --------------------------------------------------------------------------


def charge(call: Call, invoice: Json, method: Json | None = None, *, off_session: bool = True) -> Json | None:
    """One automatic attempt on an open invoice; returns its intent, None where no method was to be found."""
    invoice["_"]["automatic"] = True
    call.save(invoice)
    return pay(call, invoice, method or method_for(call, invoice), off_session=off_session)


def pay(call: Call, invoice: Json, method: Json | None, *, off_session: bool) -> Json | None:
    """One attempt with this method. The invoice learns by `intent_moved` what it came to."""
    intent = intent_of(call, invoice)
    if method is None or intent is None:
        _failed(call, invoice, None)
        return None
    customers.require_own(method, invoice["customer"], "invoice")
    payments.attempt(call, intent, method, off_session=off_session, patient=True)
    return intent


@clocks.job
def finalize_invoice(call: Call, invoice: Json) -> None:
    """A renewal's draft is over: it is finalized and charged."""
    if invoice["status"] == "draft" and invoice["auto_advance"]:
        finalize(call, invoice)
        advance(call, invoice)


def advance(call: Call, invoice: Json) -> None:
    """Charges an open invoice, unless its customer is to pay it by themselves."""
    if invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        charge(call, invoice)


@clocks.job
def retry_invoice(call: Call, invoice: Json) -> None:
    """An attempt that dunning has planned. After a hard decline it waits for another method."""
    if invoice["status"] != "open" or not invoice["auto_advance"]:
        return
    intent, method = intent_of(call, invoice), method_for(call, invoice)
    if intent and intent["status"] == "processing":
        return
    if method and invoice["_"].get("refused") == method["id"]:
        invoice["_"]["automatic"] = True
        _failed(call, invoice, None)
    else:
        charge(call, invoice, method)


# -- what became of it -----------------------------------------------------------------


@follow
def intent_moved(call: Call, intent: Json) -> None:
    """The intent's invoice, if it has one, learns what the intent came to."""
    invoice = call.find(intent["_"].get("invoice"), "invoice")
    if invoice is None or invoice["status"] not in ("open", "uncollectible"):
        return
    if intent["status"] == "succeeded":
        _paid(call, invoice, intent)
    elif intent["status"] == "processing":
        _attempted(call, invoice)
        standing.invoice_under_way(call, invoice)
    elif intent["status"] == "requires_action" or intent["status"] == "requires_payment_method":
        _failed(call, invoice, intent)


def _attempted(call: Call, invoice: Json, **changes: Any) -> bool:
    """Notes an attempt; whether it counts: the first one does, and after it those that dunning makes."""
    counts = bool(invoice["_"].pop("automatic", False)) or not invoice["attempt_count"]
    count = invoice["attempt_count"] + counts
    events.change(call, invoice, "invoice.updated", attempted=True, attempt_count=count, **changes)
    return counts


def _failed(call: Call, invoice: Json, intent: Json | None) -> None:
    """Declined, or nothing to charge, or the bank wants to see the payer first."""
    waits = intent is not None and intent["status"] == "requires_action"
    if waits and not invoice["_"].get("automatic"):
        # the payer is there, and on the way to their bank: nothing has failed yet
        events.emit(call, "invoice.payment_action_required", invoice)
        return
    if intent and not waits:
        error = intent["last_payment_error"]
        invoice["_"]["refused"] = error["payment_method"]["id"] if dunning.is_hard(error) else None
    planned, counts = _plan(call, invoice)
    _attempted(call, invoice, next_payment_attempt=planned)
    if waits:
        events.emit(call, "invoice.payment_action_required", invoice)
    events.emit(call, "invoice.payment_failed", invoice)
    _mark_delinquent(call, invoice, delinquent=True)
    standing.invoice_failed(call, invoice)
    if counts and planned is None:
        dunning.give_up(call, invoice)


def _plan(call: Call, invoice: Json) -> tuple[int | None, bool]:
    """(when the invoice is tried again, whether this attempt moved that plan)"""
    subscription = standing.of(call, invoice)
    counts = invoice["_"].get("automatic", False) or not invoice["attempt_count"]
    if not invoice["auto_advance"] or (subscription and subscription["status"] in ("incomplete", *standing.OVER)):
        return None, False
    if not counts:
        return invoice["next_payment_attempt"], False
    now = clocks.now(call, invoice)
    planned = dunning.next_attempt(call.world.settings, invoice["attempt_count"] + 1, now)
    if planned is not None:
        clocks.schedule(call, retry_invoice, invoice, planned)
    return planned, True


def _paid(call: Call, invoice: Json, intent: Json | None) -> None:
    """Open to paid, by this intent; or by nothing, where nothing was due."""
    now, method = clocks.now(call, invoice), None
    _mark_delinquent(call, invoice, delinquent=False)
    if intent:
        method = intent["payment_method"]
        for payment in payments_of(call, invoice["id"]):
            settled = {**payment["status_transitions"], "paid_at": now}
            amount = intent["amount_received"]
            events.change(call, payment, status="paid", amount_paid=amount, status_transitions=settled)
            events.emit(call, "invoice_payment.paid", payment)
    settle(call, invoice, counts=intent is not None, method=method)


def settle(call: Call, invoice: Json, *, counts: bool, method: str | None = None) -> None:
    """The invoice is paid: invoice.paid, and its subscription stands well again."""
    automatic = bool(invoice["_"].pop("automatic", False))
    tried = counts and (automatic or not invoice["attempt_count"])
    invoices.close(
        call,
        invoice,
        "paid",
        "paid_at",
        "invoice.paid",
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempted=True,
        attempt_count=invoice["attempt_count"] + tried,
    )
    events.emit(call, "invoice.payment_succeeded", invoice)
    _keep(call, invoice, method)
    standing.invoice_closed(call, invoice, method)


def _keep(call: Call, invoice: Json, method: str | None) -> None:
    """What paid is its customer's from now on, if the subscription keeps it."""
    paid_by, subscription = call.find(method, "payment_method"), standing.of(call, invoice)
    if paid_by and subscription and standing.keeps_methods(subscription) and paid_by["customer"] is None:
        paid_by["_"]["spent"] = False
        tender.set_up(call, paid_by)
        customers.attach(call, paid_by, invoice["customer"])


def _mark_delinquent(call: Call, invoice: Json, *, delinquent: bool) -> None:
    customer = call.get(invoice["customer"], "customer")
    if not customer.get("deleted"):
        events.change(call, customer, "customer.updated", delinquent=delinquent)


# -- ends without payment --------------------------------------------------------------


def give_up_intent(call: Call, invoice: Json, reason: str) -> None:
    """Cancels what could still pay the invoice."""
    intent = intent_of(call, invoice)
    if intent and intent["status"] in payments.CANCELABLE:
        payments.cancel(call, intent, reason)
    now = clocks.now(call, invoice)
    for payment in payments_of(call, invoice["id"]):
        ended = {**payment["status_transitions"], "canceled_at": now}
        events.change(call, payment, status="canceled", status_transitions=ended)


def void(call: Call, invoice: Json) -> None:
    """Open or uncollectible to void: it was never owed."""
    give_up_intent(call, invoice, "void_invoice")
    invoices.give_balance_back(call, invoice)
    invoices.close(call, invoice, "void", "voided_at", "invoice.voided")
    standing.invoice_closed(call, invoice)


def mark_uncollectible(call: Call, invoice: Json) -> None:
    """Open to uncollectible: it is owed, and nobody expects it any more. It can still be paid."""
    invoices.close(call, invoice, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")
    standing.invoice_closed(call, invoice)
