"""How a SetupIntent saves a payment method for later: an attempt, its challenge, its end. (API: setup_intents.py.)"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import cards, customers, events, following, ids, methods, payments, tender
from sandbox.stripe.cards import Decline
from sandbox.stripe.errors import CardError
from sandbox.world import Call, public

OPEN: Final = ("requires_payment_method", "requires_confirmation", "requires_action")
REUSABLE: Final = frozenset(
    [
        "acss_debit",
        "amazon_pay",
        "au_becs_debit",
        "bacs_debit",
        "card",
        "cashapp",
        "klarna",
        "link",
        "nz_bank_account",
        "paypal",
        "revolut_pay",
        "sepa_debit",
        "us_bank_account",
    ]
)
"""The types that can be kept and charged again."""
AUTHENTICATION_FAILED: Final = Decline(
    "setup_intent_authentication_failure",
    None,
    "try_again_later",
    "The latest attempt to set up the payment method has failed because authentication failed.",
)


def offered(currency: str | None, allowed: list[str] | None, excluded: list[str]) -> list[str]:
    """The types that can be set up, in order of display; no currency is every currency."""
    found = [each for each in methods.METHODS if each.type in REUSABLE and each.type not in excluded]
    if allowed:
        found = [each for each in found if each.type in allowed]
    else:
        found = [each for each in found if each.type not in methods.DEFAULT_OFF]
    return [each.type for each in found if currency is None or each.takes(currency)]


def make(call: Call, given: dict[str, Any], types: list[str]) -> Json:
    """A new SetupIntent, waiting for a payment method: setup_intent.created."""
    identifier = ids.new("seti")
    intent: Json = {
        "id": identifier,
        "object": "setup_intent",
        "allowed_payment_method_types": given.get("allowed_payment_method_types"),
        "application": None,
        "automatic_payment_methods": given.get("automatic_payment_methods"),
        "cancellation_reason": None,
        "client_secret": payments.client_secret(identifier),
        "created": call.now,
        "customer": given.get("customer"),
        "customer_account": None,
        "description": given.get("description"),
        "excluded_payment_method_types": given.get("excluded_payment_method_types"),
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": call.livemode,
        "mandate": None,
        "metadata": dict(given.get("metadata") or {}),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": types,
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": given.get("usage", "off_session"),
        "_": {name: given.get(name) for name in ("session", "subscription", "portal")},
    }
    call.insert(intent)
    events.emit(call, "setup_intent.created", intent)
    return intent


def attempt(call: Call, intent: Json, method: Json) -> None:
    """Tries to set the method up. Ends in succeeded, requires_action or a failure on record."""
    flow = methods.BY_TYPE[method["type"]].flow
    tried = _record(call, intent, method)
    changes = {"latest_attempt": tried["id"], "payment_method": method["id"]}
    events.change(call, intent, **changes, last_setup_error=None, next_action=None)
    if flow == "redirect" or (flow == "card" and tender.card_of(method).challenge != "never"):
        _require_action(call, intent, method)
    else:
        _ask_bank(call, intent, method, authenticated=False)


def _require_action(call: Call, intent: Json, method: Json) -> None:
    action = payments.challenge(call, intent, method)
    events.change(call, intent, status="requires_action", next_action=action)
    _end_attempt(call, intent, status="requires_action")
    events.emit(call, "setup_intent.requires_action", intent)


def finish_action(call: Call, intent: Json, *, agreed: bool) -> None:
    """The payer came through the page, or refused there. Does nothing if the intent waits for no action."""
    if intent["status"] != "requires_action":
        return
    method = call.get(intent["payment_method"], "payment_method")
    if agreed:
        _ask_bank(call, intent, method, authenticated=method["type"] == "card")
    else:
        _fail(call, intent, method, AUTHENTICATION_FAILED)


def _ask_bank(call: Call, intent: Json, method: Json, *, authenticated: bool) -> None:
    card = tender.card_of(method) if method["type"] == "card" else None
    if card and not card.attachable:
        _fail(call, intent, method, card.decline or cards.GENERIC)
        return
    if authenticated:
        _end_attempt(call, intent, authenticated=True)
    if intent["usage"] == "off_session":
        tender.set_up(call, method)
    if intent["customer"] and method["customer"] is None:
        customers.attach(call, method, intent["customer"])
    _end_attempt(call, intent, status="succeeded")
    events.change(call, intent, status="succeeded", next_action=None)
    events.emit(call, "setup_intent.succeeded", intent)
    following.tell(call, intent)


def _fail(call: Call, intent: Json, method: Json, decline: Decline) -> None:
    """Back to requires_payment_method, saying why."""
    facts = payments.error_facts(decline, method, None)
    facts["type"] = "card_error" if decline is not AUTHENTICATION_FAILED else "invalid_request_error"
    if decline.decline_code:
        facts["advice_code"] = decline.advice
    _end_attempt(call, intent, status="failed", setup_error=facts)
    events.change(
        call,
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=facts,
    )
    events.emit(call, "setup_intent.setup_failed", intent)


def raise_failure(intent: Json) -> None:
    """Raises CardError if the last attempt on the intent failed."""
    error = intent["last_setup_error"]
    if error is None:
        return
    raise CardError(
        error["message"],
        code=error["code"],
        decline_code=error.get("decline_code"),
        advice_code=error.get("advice_code"),
        payment_method=error["payment_method"],
        setup_intent=public(intent),
    )


def cancel(call: Call, intent: Json, reason: str | None) -> None:
    events.change(call, intent, status="canceled", cancellation_reason=reason, next_action=None)
    events.emit(call, "setup_intent.canceled", intent)


# -- attempts --------------------------------------------------------------------------


def _record(call: Call, intent: Json, method: Json) -> Json:
    """A SetupAttempt: what one confirmation came to."""
    return call.insert(
        {
            "id": ids.new("setatt"),
            "object": "setup_attempt",
            "application": None,
            "created": call.now,
            "customer": intent["customer"],
            "customer_account": None,
            "flow_directions": None,
            "livemode": call.livemode,
            "on_behalf_of": None,
            "payment_method": method["id"],
            "payment_method_details": {"type": method["type"], method["type"]: _details(method)},
            "setup_error": None,
            "setup_intent": intent["id"],
            "status": "requires_confirmation",
            "usage": intent["usage"],
        }
    )


def _details(method: Json) -> Json:
    if method["type"] != "card":
        return {}
    card = method["card"]
    names = ("brand", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    check = "pass" if method["_"].get("cvc") else None
    return {
        **{name: card[name] for name in names},
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": check},
        "network": card["brand"],
        "three_d_secure": None,
        "wallet": None,
    }


def _end_attempt(call: Call, intent: Json, *, authenticated: bool = False, **changes: Any) -> None:
    tried = call.get(intent["latest_attempt"], "setup_attempt")
    if authenticated:
        proof = {
            "authentication_flow": "challenge",
            "electronic_commerce_indicator": "05",
            "result": "authenticated",
            "result_reason": None,
            "transaction_id": ids.token(36),
            "version": "2.2.0",
        }
        details = tried["payment_method_details"]
        changes["payment_method_details"] = {**details, "card": {**details["card"], "three_d_secure": proof}}
    events.change(call, tried, **changes)
