"""The events of Stripe Billing we listen to, one row each."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from gateways.base import EventKind
from gateways.billing import BillingEvidence
from gateways.stripe import billing_evidence as evidence

Object = Mapping[str, Any]
_Read = Callable[[Object, datetime, str | None], BillingEvidence | None]


def _page(session: Object, at: datetime, account: str | None) -> BillingEvidence | None:
    return evidence.of_page(session, account=account, occurred_at=at)


def _subscription(subscription: Object, at: datetime, account: str | None) -> BillingEvidence | None:
    return evidence.of_subscription(subscription, at, account=account, occurred_at=at)


def _trial_ending(subscription: Object, at: datetime, account: str | None) -> BillingEvidence | None:
    return evidence.of_subscription(subscription, at, account=account, occurred_at=at, trial_ending=True)


def _invoice(invoice: Object, at: datetime, account: str | None) -> BillingEvidence | None:
    return evidence.of_invoice(invoice, account=account, occurred_at=at)


def _action_required(invoice: Object, at: datetime, account: str | None) -> BillingEvidence | None:
    return evidence.of_invoice(invoice, account=account, occurred_at=at, requires_action=True)


def _invoice_payment(payment: Object, at: datetime, account: str | None) -> BillingEvidence | None:
    return evidence.of_invoice_payment(payment, account=account, occurred_at=at)


LISTENED: Mapping[str, tuple[EventKind, _Read]] = {
    "checkout.session.completed": (EventKind.SUBSCRIPTION, _page),
    "checkout.session.expired": (EventKind.SUBSCRIPTION, _page),
    "customer.subscription.created": (EventKind.SUBSCRIPTION, _subscription),
    "customer.subscription.updated": (EventKind.SUBSCRIPTION, _subscription),
    "customer.subscription.deleted": (EventKind.SUBSCRIPTION, _subscription),
    "customer.subscription.paused": (EventKind.SUBSCRIPTION, _subscription),
    "customer.subscription.resumed": (EventKind.SUBSCRIPTION, _subscription),
    "customer.subscription.trial_will_end": (EventKind.SUBSCRIPTION, _trial_ending),
    "invoice.paid": (EventKind.INVOICE, _invoice),
    "invoice.payment_failed": (EventKind.INVOICE, _invoice),
    "invoice.payment_action_required": (EventKind.INVOICE, _action_required),
    "invoice.voided": (EventKind.INVOICE, _invoice),
    "invoice.marked_uncollectible": (EventKind.INVOICE, _invoice),
    "invoice_payment.paid": (EventKind.INVOICE_PAYMENT, _invoice_payment),
}
"""A page is listened to where it begins a subscription; where it takes a payment, it is in the other table."""
