"""A payer at a Checkout Session: one payment or one method saved, from the hosted page or from the controls."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.store import Json
from sandbox.stripe import checkout, customers, events, intent_form, payments, setups
from sandbox.stripe.billing import signup
from sandbox.world import Call


@dataclass(frozen=True)
class Payer:
    email: str | None = None
    name: str | None = None


def intent_of(call: Call, session: Json) -> Json | None:
    """The payment or setup intent of the session, if it has one yet."""
    if session["mode"] == "setup":
        return call.get(session["setup_intent"], "setup_intent")
    payment = call.find(session["_"].get("intent"), "payment_intent")
    return payment or call.find(session["_"].get("setup"), "setup_intent")


def _customer(call: Call, session: Json, payer: Payer, *, needed: bool) -> str | None:
    """The session's customer, made now if it asks for one or something is to be saved for them."""
    known: str | None = session["customer"]
    if known or not (needed or session["customer_creation"] == "always"):
        return known
    made = customers.make(call, {"email": payer.email or session["customer_email"], "name": payer.name})
    return str(made["id"])


def intent_for(call: Call, session: Json, payer: Payer, *, fresh: bool = False) -> Json:
    """The session's PaymentIntent, made now if this is the first try (or `fresh`: one more, for late money)."""
    known = None if fresh else call.find(session["_"].get("intent"), "payment_intent")
    if known:
        return known
    data = dict(session["_"]["intent_data"])
    intent = intent_form.make(
        call,
        session["amount_total"],
        session["currency"],
        {
            **data,
            "customer": _customer(call, session, payer, needed="setup_future_usage" in data),
            "session": session["id"],
            "allowed_payment_method_types": session["allowed_payment_method_types"],
            "excluded_payment_method_types": session["excluded_payment_method_types"] or None,
        },
    )
    session["_"]["intent"] = intent["id"]
    return intent


def may_save(session: Json) -> bool:
    """Whether the payer is asked if the method shall be kept."""
    options = session["saved_payment_method_options"] or {}
    known = session["customer"] or session["customer_creation"] == "always"
    return bool(known and options.get("payment_method_save") == "enabled")


def saved_methods(call: Call, session: Json) -> list[Json]:
    """What the session's customer has saved and may be shown again, newest first."""
    if session["mode"] == "setup" or not session["customer"]:
        return []
    options = session["saved_payment_method_options"] or {}
    wanted = options.get("allow_redisplay_filters") or ["always"]
    kept = call.store.linked(call.livemode, "payment_method", "customer", session["customer"])
    return [
        each
        for each in reversed(kept)
        if each["allow_redisplay"] in wanted and each["type"] in session["payment_method_types"]
    ]


def _begin(call: Call, session: Json, payer: Payer) -> None:
    session["_"]["attempts"] += 1
    session["_"]["payer"] = {"email": payer.email, "name": payer.name}
    call.save(session)


def _note_redisplay(call: Call, session: Json, method: Json, *, agreed: bool) -> None:
    """What a method that is being saved says of showing it again: always, if its owner agreed to that."""
    if method["customer"] is None:
        wanted = session["_"].get("redisplay") or ("always" if agreed else "limited")
        events.change(call, method, allow_redisplay=wanted)


def pay(call: Call, session: Json, method: Json, payer: Payer, *, save: bool = False) -> Json:
    """One try to pay an open session. Returns its intent; look at its status and last_payment_error."""
    _begin(call, session, payer)
    intent = intent_for(call, session, payer)
    events.change(call, session, payment_intent=intent["id"])
    if save and intent["setup_future_usage"] is None:
        events.change(call, intent, setup_future_usage="on_session")
    if intent["setup_future_usage"]:
        _note_redisplay(call, session, method, agreed=save)
    intent["_"]["return_url"] = f"{call.base_url}/c/pay/{session['id']}/return"
    payments.attempt(call, intent, method)
    return intent


def set_up(call: Call, session: Json, method: Json, payer: Payer) -> Json:
    """One try to save a method in a session of mode setup. Returns its SetupIntent."""
    _begin(call, session, payer)
    intent = call.get(session["setup_intent"], "setup_intent")
    if intent["customer"] is None:
        events.change(call, intent, customer=_customer(call, session, payer, needed=False))
    _note_redisplay(call, session, method, agreed=False)
    intent["_"]["return_url"] = f"{call.base_url}/c/pay/{session['id']}/return"
    setups.attempt(call, intent, method)
    return intent


def subscribe(call: Call, session: Json, method: Json, payer: Payer) -> Json:
    """One try to subscribe: to pay the first invoice, or to save a method where nothing is due. Returns its intent."""
    _begin(call, session, payer)
    _know_customer(call, session, payer)
    intent = signup.intent_for(call, session)
    intent["_"]["return_url"] = f"{call.base_url}/c/pay/{session['id']}/return"
    _note_redisplay(call, session, method, agreed=False)
    attempt = setups.attempt if intent["object"] == "setup_intent" else payments.attempt
    attempt(call, intent, method)
    return intent


def _know_customer(call: Call, session: Json, payer: Payer) -> None:
    events.change(call, session, customer=_customer(call, session, payer, needed=True))


def complete_free(call: Call, session: Json, payer: Payer) -> None:
    """A session with nothing to pay needs no payment method."""
    session["_"]["payer"] = {"email": payer.email, "name": payer.name}
    if session["mode"] == "subscription":
        _know_customer(call, session, payer)
        signup.begin_free(call, session, None)
    else:
        checkout.complete(call, session, None)


def attempt(call: Call, session: Json, method: Json, payer: Payer, *, save: bool = False) -> Json:
    """One try to do what the open session is for. Returns its intent; look at its status and last error."""
    if session["mode"] == "setup":
        return set_up(call, session, method, payer)
    if session["mode"] == "subscription":
        return subscribe(call, session, method, payer)
    return pay(call, session, method, payer, save=save)


def pay_late(call: Call, session: Json, method: Json, payer: Payer) -> Json:
    """Money on a session that is already complete or expired: what no PSP promises never to send.

    A new intent is paid, the session becomes (again) complete and paid by it, and all events are sent.
    """
    _begin(call, session, payer)
    intent = intent_for(call, session, payer, fresh=True)
    was = {name: session[name] for name in ("status", "payment_status", "payment_intent", "url")}
    events.change(call, session, status="open", payment_status="unpaid", payment_intent=intent["id"])
    payments.attempt(call, intent, method)
    if intent["status"] == "requires_action":
        payments.finish_action(call, intent, agreed=True)
    after = call.get(session["id"], "checkout.session")
    if after["status"] == "open":
        events.change(call, after, **was)
    return intent


def finish_action(call: Call, intent: Json, *, agreed: bool) -> None:
    """The payer answers the challenge of a payment or setup intent."""
    finish = setups.finish_action if intent["object"] == "setup_intent" else payments.finish_action
    finish(call, intent, agreed=agreed)


def last_error(intent: Json | None) -> Json | None:
    """Why the intent's last try failed."""
    if intent is None:
        return None
    error: Json | None = intent.get("last_payment_error") or intent.get("last_setup_error")
    return error


def success_url(session: Json) -> str:
    """Where the payer goes when done, with the session's id filled in."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])
