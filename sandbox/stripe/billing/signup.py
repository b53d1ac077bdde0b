"""How a subscription begins: by the API, or at a Checkout Session."""

from __future__ import annotations

from typing import Any

from sandbox.store import Json
from sandbox.stripe import checkout, events, params, payments, setups
from sandbox.stripe.billing import clocks, collection, renewals, standing, subscriptions, terms
from sandbox.stripe.billing.terms import Terms
from sandbox.stripe.errors import CardError, InvalidRequest
from sandbox.stripe.following import follow
from sandbox.world import Call, public


def begin(call: Call, customer: Json, wanted: Terms, behavior: str, *, off_session: bool) -> Json:
    """A new subscription, its first invoice charged unless `behavior` leaves that to the payer.

    Raises CardError, with nothing made, where an unpaid beginning is not wanted.
    """
    subscription = _make(call, customer, wanted)
    invoice = call.get(subscription["latest_invoice"], "invoice")
    if subscription["status"] == "trialing" and behavior == "default_incomplete":
        return _ask_for_method(call, subscription)
    if subscription["status"] != "incomplete":
        return subscription
    method = collection.method_for(call, invoice)
    if behavior == "default_incomplete":
        return _prepare(call, subscription, invoice, method)
    if method is None:
        raise no_method()
    intent = collection.charge(call, invoice, method, off_session=off_session)
    if behavior == "error_if_incomplete" and intent:
        require_paid(intent)
    return call.get(subscription["id"], "subscription")


def _make(call: Call, customer: Json, wanted: Terms) -> Json:
    subscription = subscriptions.make(call, customer, wanted)
    renewals.plan(call, subscription)
    return subscription


def no_method() -> InvalidRequest:
    return InvalidRequest(
        "This customer has no attached payment source or default payment method. Please consider adding a default "
        "payment method. For more information, visit https://stripe.com/docs/billing/subscriptions/payment-methods-"
        "setting.",
        code="resource_missing",
    )


def require_paid(intent: Json) -> None:
    """Raises CardError, which undoes the call's work, unless the intent is paid or on its way to be."""
    if intent["status"] in ("succeeded", "processing"):
        return
    try:
        payments.raise_failure(intent)
        raise CardError(
            "This payment requires additional user action before it can be completed successfully.",
            code="invoice_payment_intent_requires_action",
            payment_intent=public(intent),
        )
    except CardError as error:
        error.keeps = False
        raise


def _prepare(call: Call, subscription: Json, invoice: Json, method: Json | None) -> Json:
    """The payer will confirm; with a method that is known already there is only that left to do."""
    intent = collection.intent_of(call, invoice)
    if intent and method:
        events.change(call, intent, payment_method=method["id"], status="requires_confirmation")
    return subscription


def _ask_for_method(call: Call, subscription: Json) -> Json:
    """Nothing is due in a trial, but something to charge later is wanted: a pending setup intent."""
    customer = call.get(subscription["customer"], "customer")
    if subscription["default_payment_method"] or customer["invoice_settings"]["default_payment_method"]:
        return subscription
    types = setups.offered(subscription["currency"], None, [])
    setup = setups.make(call, {"customer": customer["id"], "subscription": subscription["id"]}, types)
    events.change(call, subscription, pending_setup_intent=setup["id"])
    return subscription


# -- at a Checkout Session ---------------------------------------------------------------


def terms_of(call: Call, session: Json, method: str | None = None) -> Terms:
    """What the session was made for."""
    asked: dict[str, Any] = session["_"]["subscription_data"]
    items = [
        terms.Wanted(call.get(each["price"]["id"], "price"), each["quantity"], each["metadata"])
        for each in checkout.line_items(session)
    ]
    return Terms(
        items=[each for each in items if each.price["recurring"]],
        extras=[each for each in items if not each.price["recurring"]],
        trial_end=asked["trial_end"] or _days(call, session, asked),
        trial_end_behavior=terms.trial_end_behavior(asked),
        anchor=asked.get("billing_cycle_anchor"),
        proration_behavior=asked.get("proration_behavior", "create_prorations"),
        billing_mode=(asked.get("billing_mode") or {}).get("type", "flexible"),
        default_payment_method=method,
        save_default="on_subscription",
        description=asked.get("description"),
        invoice_settings=asked.get("invoice_settings") or {},
        metadata=asked.get("metadata"),
        session=session["id"],
    )


def _days(call: Call, session: Json, asked: dict[str, Any]) -> int | None:
    """A trial of so many days begins when the payer signs up, not when the page was made."""
    customer = call.get(session["customer"], "customer")
    return terms.trial_end(params.picked(asked, "trial_period_days"), clocks.now(call, customer))


def has_trial(session: Json) -> bool:
    """Whether nothing recurring is due at the session."""
    asked = session["_"]["subscription_data"]
    return bool(asked["trial_end"] or asked.get("trial_period_days"))


def intent_for(call: Call, session: Json) -> Json:
    """What the payer confirms: the first invoice's intent, or a setup intent where nothing is due.

    It is made at the first try, with the session's customer, who must be known by now.
    """
    if session["amount_total"]:
        return _payment_of(call, session)
    known = call.find(session["_"].get("setup"), "setup_intent")
    if known:
        return known
    wanted = {"customer": session["customer"], "session": session["id"]}
    setup = setups.make(call, wanted, session["payment_method_types"])
    session["_"]["setup"] = setup["id"]
    call.save(session)
    return setup


def _payment_of(call: Call, session: Json) -> Json:
    known = call.find(session["_"].get("intent"), "payment_intent")
    if known:
        return known
    subscription = _make(call, call.get(session["customer"], "customer"), terms_of(call, session))
    invoice = call.get(subscription["latest_invoice"], "invoice")
    intent = call.get(invoice["_"]["intent"], "payment_intent")
    intent["_"]["session"] = session["id"]
    call.save(intent)
    session["_"] |= {"subscription": subscription["id"], "intent": intent["id"]}
    call.save(session)
    return intent


@follow
def setup_moved(call: Call, intent: Json) -> None:
    """A method was saved for a subscription that nothing is due of yet."""
    if intent["object"] != "setup_intent" or intent["status"] != "succeeded":
        return
    session = call.find(intent["_"].get("session"), "checkout.session")
    if session and session["mode"] == "subscription" and session["status"] == "open":
        begin_free(call, session, intent["payment_method"])
    waiting = call.find(intent["_"].get("subscription"), "subscription")
    if waiting and waiting["pending_setup_intent"] == intent["id"]:
        standing.put(call, waiting, pending_setup_intent=None, default_payment_method=intent["payment_method"])


def begin_free(call: Call, session: Json, method: str | None) -> None:
    """Nothing is due at the session: the subscription begins, and with it the session is complete."""
    _make(call, call.get(session["customer"], "customer"), terms_of(call, session, method))


def abandon(call: Call, session: Json) -> None:
    """The session has ended without payment: what was begun in it ends, too."""
    subscription = call.find(session["_"].get("subscription"), "subscription")
    if subscription:
        subscriptions.expire_incomplete(call, subscription)
