"""The events of Stripe we listen to, one row each; every other one is stored and has no effect."""

import json
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from gateways.base import BadEvent, EventKind, Evidence, GatewayEvent, Standing
from gateways.billing import BillingEvidence
from gateways.connect import AccountHint, PayoutEvidence, TransferEvidence
from gateways.stripe import billing_events, connect_evidence, evidence

_log = logging.getLogger(__name__)
_MISREAD = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, OSError)
_Facts = Callable[[Mapping[str, Any], datetime], dict[str, Any]]


def _async_failed(session: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return evidence.of_session(session, at) | {"standing": Standing.FAILED}


def _expired_charge(charge: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return evidence.of_charge(charge, at) | {"standing": Standing.EXPIRED}


def _refunded(charge: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    return evidence.of_charge(charge, at) | {"incomplete": True}  # the charge does not list its refunds here


LISTENED: Mapping[str, _Facts] = {
    "checkout.session.completed": evidence.of_session,
    "checkout.session.async_payment_succeeded": evidence.of_session,
    "checkout.session.async_payment_failed": _async_failed,
    "checkout.session.expired": evidence.of_session,
    "payment_intent.succeeded": evidence.of_intent,
    "payment_intent.processing": evidence.of_intent,
    "payment_intent.payment_failed": evidence.of_intent,
    "payment_intent.amount_capturable_updated": evidence.of_intent,
    "payment_intent.canceled": evidence.of_intent,
    "charge.succeeded": evidence.of_charge,
    "charge.captured": evidence.of_charge,
    "charge.updated": evidence.of_charge,
    "charge.failed": evidence.of_charge,
    "charge.expired": _expired_charge,
    "charge.refunded": _refunded,
    "refund.created": evidence.of_refund,
    "refund.updated": evidence.of_refund,
    "refund.failed": evidence.of_refund,
    "charge.dispute.created": evidence.of_dispute,
    "charge.dispute.updated": evidence.of_dispute,
    "charge.dispute.closed": evidence.of_dispute,
    "charge.dispute.funds_withdrawn": evidence.of_dispute,
    "charge.dispute.funds_reinstated": evidence.of_dispute,
    "radar.early_fraud_warning.created": evidence.of_warning,
}


def _is_an_invoices(kind: str, obj: Mapping[str, Any]) -> bool:
    """Whether it tells how money comes in that names no payment of ours: an invoice's, of which the invoice's own
    messages tell, and the inquiry that follows them at once; or none of ours."""
    coming = kind.startswith("payment_intent.") or kind in {"charge.succeeded", "charge.failed"}
    return coming and not (obj.get("metadata") or {}).get(evidence.PAYMENT_KEY)


def _is_name(value: object, limit: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= limit and value.isascii() and value.isprintable()


def read(payload: str, gateway: str) -> GatewayEvent:
    """The event in a payload; raises BadEvent for anything that is none."""
    try:
        event = json.loads(payload)
        token, kind, made = event["id"], event["type"], event["created"]
        obj, livemode = event["data"]["object"], event["livemode"]
        if not (_is_name(token, 255) and _is_name(kind, 100)):
            raise BadEvent("The event has no usable id or type.")
        at = datetime.fromtimestamp(made, UTC)
        if obj.get("livemode", livemode) != livemode:
            raise BadEvent("The event and what it tells of are of different modes.")
        connected = event.get("account") is not None and kind in connect_evidence.LISTENED
        mode = obj.get("mode", "payment" if kind in LISTENED else "subscription")
    except BadEvent:
        raise
    except _MISREAD as error:
        raise BadEvent(f"The body is not an event of Stripe ({type(error).__name__}).") from error
    about: EventKind = EventKind.OTHER
    found: Evidence | BillingEvidence | AccountHint | PayoutEvidence | TransferEvidence | None = None
    try:
        if connected:
            about, of_account = connect_evidence.LISTENED[kind]
            found = of_account(event, at, gateway)
        elif event.get("account") is None and kind in connect_evidence.TRANSFERS:
            about, of_transfer = connect_evidence.TRANSFERS[kind]
            found = of_transfer(event, at, gateway)
        elif mode == "payment" and kind in LISTENED and not _is_an_invoices(kind, obj):
            facts = LISTENED[kind](obj, at) | {"livemode": bool(livemode), "account": event.get("account")}
            about, found = EventKind.PAYMENT, evidence.evidence(facts, gateway=gateway)
        elif mode == "subscription" and kind in billing_events.LISTENED:
            about, read_billing = billing_events.LISTENED[kind]
            found = read_billing(obj, at, event.get("account"))
    except _MISREAD as error:
        _log.error("An event of Stripe is not understood and is kept: %r", error, extra={"event_token": token})
        return GatewayEvent(gateway=gateway, token=token, type=kind, kind=EventKind.UNREADABLE, evidence=None)
    return GatewayEvent(gateway=gateway, token=token, type=kind, kind=about, evidence=found)
