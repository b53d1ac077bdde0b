"""Turns Stripe's objects into evidence. Objects are plain dicts, as webhooks carry them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from gateways.base import (
    DisputeEvidence,
    DisputeStanding,
    Evidence,
    Failure,
    FraudEvidence,
    MethodFact,
    RefundEvidence,
    RefundStanding,
    Standing,
)
from gateways.stripe.currencies import from_wire

PAYMENT_KEY = "paygraph_payment"
FLOW_KEY, DIRECT = "paygraph_flow", "direct"
REFUND_KEY = "paygraph_refund"
_TOKENS = ("payment_id", "session_token", "intent_token", "charge_token", "method_token")
_LONGEST_TOKEN = 255

Object = Mapping[str, Any]

_INTENT_STANDINGS = {
    "succeeded": Standing.CAPTURED,
    "requires_capture": Standing.AUTHORIZED,
    "processing": Standing.PROCESSING,
    "canceled": Standing.CANCELED,
}
_DISPUTE_STANDINGS = {standing.value: standing for standing in DisputeStanding}
_REFUND_STANDINGS = {
    "pending": RefundStanding.PENDING,
    "requires_action": RefundStanding.PENDING,
    "succeeded": RefundStanding.SUCCEEDED,
    "failed": RefundStanding.FAILED,
    "canceled": RefundStanding.CANCELED,
}


def of_session(session: Object, occurred_at: datetime | None = None) -> dict[str, Any]:
    """What a Checkout Session says; with its intent expanded, all that the intent says too."""
    intent = session.get("payment_intent")
    expanded = intent if isinstance(intent, dict) else None
    facts: dict[str, Any] = of_intent(expanded, occurred_at) if expanded else {}
    facts |= {
        "payment_id": (session.get("metadata") or {}).get(PAYMENT_KEY),
        "session_token": session["id"],
        "intent_token": expanded["id"] if expanded else intent,
        "livemode": session["livemode"],
        "currency": session["currency"].upper(),
        "amount_minor": from_wire(session["amount_total"], session["currency"]),
        "checkout_url": session.get("url"),
        "expires_at": _time(session.get("expires_at")),
        "occurred_at": occurred_at,
        "standing": _session_standing(session, expanded),
    }
    if session["payment_status"] == "paid" and not expanded:
        facts["captured_minor"] = facts["amount_minor"]
    return facts


def _session_standing(session: Object, intent: Object | None) -> Standing:
    if session["payment_status"] == "paid" or (intent and intent["status"] == "succeeded"):
        return Standing.CAPTURED
    if session["status"] == "expired":
        return Standing.EXPIRED
    if session["status"] == "open":
        return Standing.OPEN
    if intent is None:
        return Standing.PROCESSING
    return _intent_standing(intent) or Standing.FAILED


def _intent_standing(intent: Object) -> Standing | None:
    """Stripe cancels by itself what nobody captured in time."""
    if intent["status"] == "canceled" and intent.get("cancellation_reason") == "automatic":
        return Standing.EXPIRED
    return _INTENT_STANDINGS.get(intent["status"])


def of_intent(intent: Object, occurred_at: datetime | None = None) -> dict[str, Any]:
    """What a PaymentIntent says; one that awaits a new try says only why the last one failed."""
    currency = intent["currency"]
    metadata, charge = intent.get("metadata") or {}, intent.get("latest_charge")
    direct = metadata.get(FLOW_KEY) == DIRECT
    facts = of_charge(charge, occurred_at) if isinstance(charge, dict) else {}
    capturable, received = intent.get("amount_capturable") or 0, intent.get("amount_received") or 0
    return facts | {
        "payment_id": metadata.get(PAYMENT_KEY),
        "intent_token": intent["id"],
        "charge_token": facts.get("charge_token") or (charge if received and isinstance(charge, str) else None),
        "livemode": intent["livemode"],
        "currency": currency.upper(),
        "amount_minor": from_wire(intent["amount"], currency),
        "authorized_minor": from_wire(max(capturable, received), currency),
        "captured_minor": from_wire(received, currency),
        "standing": _intent_standing(intent) or (_direct_standing(intent) if direct else None),
        "next_action": next_action(intent) if direct else None,
        "failure": _intent_failure(intent, occurred_at),
        "occurred_at": occurred_at,
    }


def _direct_standing(intent: Object) -> Standing | None:
    """Nobody tries again on a payment without a hosted page: its first failure is its end."""
    if intent["status"] == "requires_action":
        return Standing.REQUIRES_ACTION
    failed = intent["status"] == "requires_payment_method" and intent.get("last_payment_error")
    return Standing.FAILED if failed else None


def next_action(intent: Object) -> dict[str, str] | None:
    """What the payer has to do, None for nothing."""
    action = intent.get("next_action")
    if not action:
        return None
    url = (action.get("redirect_to_url") or {}).get("url")
    return {"type": action["type"]} | ({"url": url} if url else {})


def of_charge(charge: Object, occurred_at: datetime | None = None) -> dict[str, Any]:
    """What a Charge says: what was taken and given back, by which instrument, at what fee if that is known."""
    currency = charge["currency"]
    captured = from_wire(charge["amount_captured"], currency)
    succeeded = charge["status"] == "succeeded"
    return {
        "payment_id": (charge.get("metadata") or {}).get(PAYMENT_KEY),
        "intent_token": charge.get("payment_intent") if isinstance(charge.get("payment_intent"), str) else None,
        "livemode": charge["livemode"],
        "currency": currency.upper(),
        "amount_minor": from_wire(charge["amount"], currency),
        "authorized_minor": from_wire(charge["amount"], currency) if succeeded else 0,
        "captured_minor": captured if succeeded else 0,
        "standing": _charge_standing(charge),
        "charge_token": charge["id"] if succeeded and charge["captured"] else None,
        "method_token": charge.get("payment_method") if succeeded else None,
        "method": _method(charge.get("payment_method_details")),
        "capture_before": _capture_before(charge),
        "risk_level": (charge.get("outcome") or {}).get("risk_level"),
        "failure": _charge_failure(charge, occurred_at),
        "refunds": tuple(refund_of(refund) for refund in (charge.get("refunds") or {}).get("data", ())),
        "occurred_at": occurred_at,
        **_fee(charge.get("balance_transaction")),
    }


def of_refund(refund: Object, occurred_at: datetime | None = None) -> dict[str, Any]:
    """What a Refund says of the payment it belongs to: nothing but itself."""
    return {
        "intent_token": refund.get("payment_intent"),
        "refunds": (refund_of(refund),),
        "occurred_at": occurred_at,
    }


def of_dispute(dispute: Object, occurred_at: datetime | None = None) -> dict[str, Any]:
    """What a Dispute says of the payment it belongs to."""
    return {
        "intent_token": dispute.get("payment_intent"),
        "disputes": (dispute_of(dispute),),
        "occurred_at": occurred_at,
    }


def of_warning(warning: Object, occurred_at: datetime | None = None) -> dict[str, Any]:
    """What an early fraud warning says of the payment it belongs to."""
    return {
        "intent_token": warning.get("payment_intent"),
        "warning": FraudEvidence(warning["id"], warning["fraud_type"]),
        "occurred_at": occurred_at,
    }


def dispute_of(dispute: Object) -> DisputeEvidence:
    currency, details = dispute["currency"], dispute.get("evidence_details") or {}
    moves = dispute.get("balance_transactions") or []
    amounts = [_signed(move["amount"], currency) for move in moves]
    fees = [_signed(move["fee"], currency) for move in moves]
    return DisputeEvidence(
        token=dispute["id"],
        standing=_DISPUTE_STANDINGS.get(dispute["status"], DisputeStanding.UNDER_REVIEW),
        reason=dispute["reason"],
        amount_minor=from_wire(dispute["amount"], currency),
        currency=currency.upper(),
        withdrawn_minor=-sum(amount for amount in amounts if amount < 0),
        reinstated_minor=sum(amount for amount in amounts if amount > 0),
        fee_minor=sum(fee for fee in fees if fee > 0),
        fee_returned_minor=-sum(fee for fee in fees if fee < 0),
        due_by=_time(details.get("due_by")),
        submitted=bool(details.get("submission_count")),
    )


def _signed(amount: int, currency: str) -> int:
    return from_wire(abs(amount), currency) * (1 if amount > 0 else -1)


def refund_of(refund: Object) -> RefundEvidence:
    return RefundEvidence(
        token=refund["id"],
        refund_id=(refund.get("metadata") or {}).get(REFUND_KEY),
        standing=_REFUND_STANDINGS.get(refund.get("status") or "pending", RefundStanding.PENDING),
        amount_minor=from_wire(refund["amount"], refund["currency"]),
        currency=refund["currency"].upper(),
        reason=refund.get("reason"),
        failure_code=refund.get("failure_reason"),
    )


def evidence(facts: Mapping[str, Any], *, gateway: str, account: str | None = None, **more: Any) -> Evidence:
    if any(len(facts.get(name) or "") > _LONGEST_TOKEN for name in _TOKENS):
        raise ValueError("a token that is longer than any of Stripe's")
    return Evidence(**{"gateway": gateway, "account": account, **facts, **more})


def _charge_standing(charge: Object) -> Standing | None:
    if charge["status"] == "pending":
        return Standing.PROCESSING
    if charge["status"] != "succeeded":
        return None
    return Standing.CAPTURED if charge["captured"] else Standing.AUTHORIZED


def method_of(payment_method: Object) -> MethodFact:
    """A saved instrument."""
    found = _method(
        {"type": payment_method["type"], payment_method["type"]: payment_method.get(payment_method["type"])}
    )
    assert found is not None
    return found


def _method(details: Object | None) -> MethodFact | None:
    if not details:
        return None
    kind = details["type"]
    specifics = details.get(kind) or {}
    return MethodFact(
        kind="CARD" if kind == "card" else "APM",
        type=kind,
        brand=specifics.get("brand"),
        last4=specifics.get("last4"),
        country=specifics.get("country"),
        wallet=(specifics.get("wallet") or {}).get("type"),
    )


def _capture_before(charge: Object) -> datetime | None:
    card = (charge.get("payment_method_details") or {}).get("card") or {}
    return _time(card.get("capture_before")) if not charge["captured"] else None


def _fee(balance_transaction: Any) -> dict[str, Any]:
    if not isinstance(balance_transaction, dict):
        return {}
    currency = balance_transaction["currency"]
    return {"fee_minor": from_wire(balance_transaction["fee"], currency), "fee_currency": currency.upper()}


def _intent_failure(intent: Object, occurred_at: datetime | None) -> Failure | None:
    error = intent.get("last_payment_error")
    if not error:
        return None
    return Failure(
        code=error.get("code") or error.get("type") or "unknown",
        decline_code=error.get("decline_code"),
        advice=error.get("advice_code"),
        message=error.get("message") or "The payment failed.",
        token=error.get("charge") or (error.get("payment_method") or {}).get("id"),  # a failed 3DS makes no charge
        occurred_at=occurred_at or _time(intent["created"]) or datetime.now(UTC),
    )


def _charge_failure(charge: Object, occurred_at: datetime | None) -> Failure | None:
    if charge["status"] != "failed":
        return None
    outcome = charge.get("outcome") or {}
    return Failure(
        code=charge.get("failure_code") or "unknown",
        decline_code=outcome.get("reason"),
        advice=outcome.get("advice_code"),
        message=charge.get("failure_message") or "The payment failed.",
        token=charge["id"],
        occurred_at=_time(charge["created"]) or datetime.now(UTC),
    )


def _time(seconds: int | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
