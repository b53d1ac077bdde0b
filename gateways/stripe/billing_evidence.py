"""Turns Stripe's subscriptions and invoices into evidence. Objects are plain dicts, as webhooks carry them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateways.billing import (
    ChangePreview,
    InvoiceEvidence,
    InvoiceLine,
    InvoicePayment,
    InvoicePaymentEvidence,
    InvoiceStanding,
    SubscriptionEvidence,
    SubscriptionStanding,
    Terms,
)
from gateways.stripe.currencies import from_wire

NAME = "stripe"
SUBSCRIPTION_KEY = "paygraph_subscription"
_LONGEST_TOKEN = 255
_REASONS = {"subscription_create": "start", "subscription_cycle": "renewal", "subscription_update": "change"}
_CHARGED = {SubscriptionStanding.TRIALING, SubscriptionStanding.ACTIVE, SubscriptionStanding.PAST_DUE}

Object = Mapping[str, Any]


def of_subscription(subscription: Object, told_at: datetime, **more: Any) -> SubscriptionEvidence:
    """What a Subscription says, as of `told_at`."""
    return SubscriptionEvidence(
        gateway=NAME,
        livemode=subscription["livemode"],
        subscription_id=_ours(subscription),
        token=_token(subscription["id"]),
        terms=_terms(subscription, told_at),
        **more,
    )


def _terms(subscription: Object, told_at: datetime) -> Terms:
    items = subscription["items"]["data"]
    item: Object = items[0] if items else {}
    pause = subscription.get("pause_collection") or {}
    return Terms(
        token=subscription["id"],
        standing=_standing(subscription),
        item_token=item.get("id"),
        price_token=item["price"]["id"] if item else None,
        quantity=item.get("quantity") or 1,
        period_start=moment(item.get("current_period_start")),
        period_end=moment(item.get("current_period_end")),
        trial_end=moment(subscription.get("trial_end")),
        cancel_at_period_end=bool(subscription.get("cancel_at_period_end")),
        cancel_at=moment(subscription.get("cancel_at")),
        paused_until=moment(pause.get("resumes_at")),
        canceled_at=moment(subscription.get("canceled_at")),
        ended_at=moment(subscription.get("ended_at")),
        told_at=told_at,
    )


def _standing(subscription: Object) -> SubscriptionStanding:
    """Stripe leaves the status alone while nothing is collected: we call that paused."""
    standing = SubscriptionStanding(subscription["status"])
    return SubscriptionStanding.PAUSED if subscription.get("pause_collection") and standing in _CHARGED else standing


def of_page(session: Object, **more: Any) -> SubscriptionEvidence:
    """What a Checkout Session of mode subscription says. The subscription itself is asked about."""
    return SubscriptionEvidence(
        gateway=NAME,
        livemode=session["livemode"],
        subscription_id=_ours(session),
        session_token=_token(session["id"]),
        token=_token(session.get("subscription")),
        checkout_url=session.get("url"),
        expires_at=moment(session.get("expires_at")),
        page_expired=session["status"] == "expired",
        incomplete=session["status"] == "complete",
        **more,
    )


def of_invoice(invoice: Object, **more: Any) -> InvoiceEvidence | None:
    """What an Invoice of a subscription says; None for a draft, and for one of anything else."""
    details = (invoice.get("parent") or {}).get("subscription_details")
    if invoice["status"] in (None, "draft") or not details:
        return None
    currency, lines, recurring = invoice["currency"], lines_of(invoice), _recurring(invoice)
    period_start, period_end = _period(recurring or {"start": invoice["period_start"], "end": invoice["period_end"]})
    transitions = invoice["status_transitions"]
    return InvoiceEvidence(
        **{
            "gateway": NAME,
            "livemode": invoice["livemode"],
            "token": _token(invoice["id"]),
            "subscription_token": _token(id_of(details["subscription"])),
            "subscription_id": _ours(details),
            "number": invoice["number"],
            "standing": InvoiceStanding(invoice["status"]),
            "reason": _REASONS.get(invoice["billing_reason"] or "", "other") if recurring else "change",
            "currency": currency.upper(),
            **_amounts(invoice),
            "balance_after_minor": signed(invoice["ending_balance"] or 0, currency),
            "paid_minor": signed(invoice["amount_paid"], currency),
            "balance_before_minor": signed(invoice["starting_balance"] or 0, currency),
            "lines": lines,
            "whole": not invoice["lines"]["has_more"],
            "period_start": period_start,
            "period_end": period_end,
            "attempts": invoice["attempt_count"],
            "next_attempt_at": moment(invoice["next_payment_attempt"]),
            "requires_action": False,
            "payment_url": invoice.get("hosted_invoice_url"),
            "issued_at": moment(transitions["finalized_at"] or invoice["created"]),
            "paid_at": moment(transitions["paid_at"]),
            "payments": _payments(invoice),
            **more,
        }
    )


def _amounts(invoice: Object) -> dict[str, int]:
    currency = invoice["currency"]
    return {
        "subtotal_minor": signed(invoice["subtotal"], currency),
        "tax_minor": sum(signed(tax["amount"], currency) for tax in invoice.get("total_taxes") or ()),
        "total_minor": signed(invoice["total"], currency),
        "due_minor": signed(invoice["amount_due"], currency),
    }


def preview_of(invoice: Object) -> ChangePreview:
    """What an invoice that is only computed says."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return ChangePreview(
        currency=invoice["currency"].upper(),
        lines=lines_of(invoice),
        at=moment(details.get("subscription_proration_date")),
        **_amounts(invoice),
    )


def lines_of(invoice: Object) -> tuple[InvoiceLine, ...]:
    return tuple(_line(line) for line in invoice["lines"]["data"])


def _line(line: Object) -> InvoiceLine:
    start, end = moment(line["period"]["start"]), moment(line["period"]["end"])
    assert start is not None
    assert end is not None
    return InvoiceLine(
        description=line["description"] or "",
        quantity=line["quantity"],
        amount_minor=signed(line["amount"], line["currency"]),
        period_start=start,
        period_end=end,
        proration=_is_proration(line),
    )


def _is_proration(line: Object) -> bool:
    parent = line.get("parent") or {}
    details = parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}
    return bool(details.get("proration"))


def _recurring(invoice: Object) -> Object | None:
    """The period that it is for; the invoice's own tells when its items were gathered. None: it is for no period, and
    only settles changes, as the one does that comes when a subscription ends."""
    found = (
        line["period"]
        for line in invoice["lines"]["data"]
        if (line.get("parent") or {}).get("type") == "subscription_item_details" and not _is_proration(line)
    )
    return next(found, None)


def _period(told: Object) -> tuple[datetime, datetime]:
    return datetime.fromtimestamp(told["start"], UTC), datetime.fromtimestamp(told["end"], UTC)


def _payments(invoice: Object) -> tuple[InvoicePayment, ...] | None:
    if "payments" not in invoice:
        return None
    found = (payment_of(payment) for payment in invoice["payments"]["data"] if payment["status"] == "paid")
    return tuple(payment for payment in found if payment)


def payment_of(payment: Object) -> InvoicePayment | None:
    """None for money that came past the PSP."""
    intent = payment["payment"].get("payment_intent")
    if intent is None:
        return None
    amount = payment["amount_paid"] or 0
    return InvoicePayment(intent_token=_token(id_of(intent)) or "", amount_minor=signed(amount, payment["currency"]))


def of_invoice_payment(payment: Object, **more: Any) -> InvoicePaymentEvidence | None:
    """What an InvoicePayment says; None for money that came past the PSP."""
    found = payment_of(payment)
    if found is None:
        return None
    return InvoicePaymentEvidence(
        gateway=NAME,
        livemode=payment["livemode"],
        invoice_token=_token(id_of(payment["invoice"])) or "",
        currency=payment["currency"].upper(),
        payment=found,
        **more,
    )


def signed(amount: int, currency: str) -> int:
    return from_wire(abs(amount), currency) * (1 if amount > 0 else -1)


def moment(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _ours(described: Object) -> str | None:
    return (described.get("metadata") or {}).get(SUBSCRIPTION_KEY)


def id_of(reference: Any) -> str:
    return str(reference["id"] if isinstance(reference, Mapping) else reference)


def _token(token: str | None) -> str | None:
    if token is not None and len(token) > _LONGEST_TOKEN:
        raise ValueError("a token that is longer than any of Stripe's")
    return token
