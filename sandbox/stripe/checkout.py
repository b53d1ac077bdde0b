"""What becomes of a Checkout Session: completed, paid later or not, expired. (sessions.py has its API calls.)"""

from __future__ import annotations

from sandbox.store import Json
from sandbox.stripe import events
from sandbox.stripe.following import follow
from sandbox.world import Call


@follow
def intent_moved(call: Call, intent: Json) -> None:
    """The intent's session, if it has one, learns what the intent came to; a subscription tells its session itself."""
    session = call.find(intent["_"].get("session"), "checkout.session")
    if session is None or session["mode"] == "subscription":
        return
    if session["status"] == "open":
        if intent["status"] in ("succeeded", "processing", "requires_capture"):
            complete(call, session, intent)
    elif session["payment_intent"] == intent["id"] and session["payment_status"] == "unpaid":
        settle(call, session, intent)


def is_free(session: Json) -> bool:
    """Whether the session sells for nothing, so that no payment method is needed."""
    if session["mode"] == "subscription" and session["payment_method_collection"] == "always":
        return False
    return session["mode"] != "setup" and not session["amount_total"]


def settle(call: Call, session: Json, intent: Json) -> None:
    """A completed session whose money was still to come."""
    delayed = session["_"].get("delayed", False)
    if intent["status"] == "succeeded":
        events.change(call, session, payment_status="paid")
        if delayed:
            events.emit(call, "checkout.session.async_payment_succeeded", session)
    elif intent["status"] == "requires_payment_method" and delayed:
        events.emit(call, "checkout.session.async_payment_failed", session)


def complete(call: Call, session: Json, intent: Json | None, **links: str) -> None:
    """The payer has done their part: status complete, paid unless the money is still to come.

    `links` are the subscription and its invoice, which then have the payment instead of the session.
    """
    payment = intent if intent and intent["object"] == "payment_intent" else None
    if payment is not None and payment["status"] != "succeeded":
        payment_status = "unpaid"
    else:
        payment_status = "paid" if payment else "no_payment_required"
    session["_"]["delayed"] = intent is not None and intent["status"] == "processing"
    details = session["_"].get("payer") or {}
    events.change(
        call,
        session,
        status="complete",
        payment_status=payment_status,
        payment_intent=payment["id"] if payment and not links else None,
        customer=session["customer"] or (intent or {}).get("customer"),
        customer_details={
            "address": details.get("address"),
            "business_name": None,
            "email": details.get("email") or session["customer_email"],
            "individual_name": None,
            "name": details.get("name"),
            "phone": None,
            "tax_exempt": "none",
            "tax_ids": [],
        },
        url=None,
        **links,
    )
    events.emit(call, "checkout.session.completed", session)


def expire(call: Call, session: Json) -> None:
    """Open to expired, and the url is gone."""
    events.change(call, session, status="expired", url=None)
    events.emit(call, "checkout.session.expired", session)


def line_items(session: Json) -> list[Json]:
    items: list[Json] = session["_"]["line_items"]
    return items
