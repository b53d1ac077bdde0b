"""How a subscription stands, by what became of its newest invoice; and how it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import checkout, events
from sandbox.stripe.billing import clocks, invoices
from sandbox.world import Call

LIVE: Final = ("active", "past_due", "trialing", "unpaid", "paused")
OVER: Final = ("canceled", "incomplete_expired")
UNPAID: Final = ("incomplete", "past_due", "unpaid")


Closed = Callable[[Call, Json, Json], None]
CLOSED: list[Closed] = []


def when_closed(run: Closed) -> Closed:
    """Registers run(call, subscription, invoice), for invoices that ask for nothing any more."""
    CLOSED.append(run)
    return run


def of(call: Call, invoice: Json) -> Json | None:
    return call.find(invoices.subscription_of(invoice), "subscription")


def put(call: Call, subscription: Json, **changes: Any) -> None:
    """Saves the changes: customer.subscription.updated."""
    events.change(call, subscription, "customer.subscription.updated", **changes)


def invoice_closed(call: Call, invoice: Json, method: str | None = None) -> None:
    """The invoice is paid, void or forgiven: if it is the newest, the subscription is in good standing again.

    `method` paid it; a subscription that keeps the method of its first payment has it from now on.
    """
    subscription = of(call, invoice)
    if subscription is None or subscription["status"] in OVER:
        return
    changes: dict[str, Any] = {}
    if subscription["status"] in UNPAID and subscription["latest_invoice"] == invoice["id"]:
        changes["status"] = "trialing" if in_trial(call, subscription) else "active"
    if method and keeps_methods(subscription):
        changes["default_payment_method"] = method
    put(call, subscription, **changes)
    for run in CLOSED:
        run(call, subscription, invoice)
    tell_session(call, subscription, invoice)


def keeps_methods(subscription: Json) -> bool:
    """Whether what pays it once is charged from then on."""
    settings = subscription["payment_settings"] or {}
    return settings.get("save_default_payment_method") == "on_subscription"


def in_trial(call: Call, subscription: Json) -> bool:
    return bool((subscription["trial_end"] or 0) > clocks.now(call, subscription))


def invoice_failed(call: Call, invoice: Json) -> None:
    subscription = of(call, invoice)
    if subscription and subscription["status"] == "active" and not subscription["pending_update"]:
        put(call, subscription, status="past_due")


def invoice_under_way(call: Call, invoice: Json) -> None:
    """The money of a slow method is on its way, which is good enough to begin."""
    subscription = of(call, invoice)
    if subscription and subscription["status"] == "incomplete":
        put(call, subscription, status="active")
        tell_session(call, subscription, invoice)


def tell_session(call: Call, subscription: Json, invoice: Json) -> None:
    """The Checkout Session that the subscription began in is complete with it, or learns of its money."""
    session = call.find(subscription["_"].get("session"), "checkout.session")
    intent = call.find(invoice["_"].get("intent"), "payment_intent")
    if session is None or (invoice["billing_reason"] != "subscription_create"):
        return
    if session["status"] == "open":
        checkout.complete(call, session, intent, subscription=subscription["id"], invoice=invoice["id"])
    elif session["payment_status"] == "unpaid" and intent:
        checkout.settle(call, session, intent)


def end(call: Call, subscription: Json, reason: str, **details: Any) -> None:
    """Cancels it now: nothing more is asked for by itself. What is owed stays owed."""
    now = clocks.now(call, subscription)
    clocks.forget(call, subscription)
    for invoice in newest_invoices(call, subscription):
        if invoice["status"] in ("draft", "open"):
            clocks.forget(call, invoice)
            events.change(call, invoice, "invoice.updated", auto_advance=False, next_payment_attempt=None)
    told = subscription["cancellation_details"]
    events.change(
        call,
        subscription,
        status="canceled",
        canceled_at=subscription["canceled_at"] or now,
        ended_at=now,
        pending_update=None,
        cancellation_details={**told, "reason": told["reason"] or reason, **details},
    )
    events.emit(call, "customer.subscription.deleted", subscription)


def newest_invoices(call: Call, subscription: Json) -> list[Json]:
    """The subscription's last dozen, newest first."""
    link = "json_extract(body, '$.parent.subscription_details.subscription') = ?"
    return call.store.select(call.livemode, "invoice", [(link, subscription["id"])], limit=12)
