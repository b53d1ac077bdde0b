"""Charges: one attempt to move money, succeeded, pending or failed; capturing, expiring and failing them later."""

from __future__ import annotations

from typing import Final

from sandbox.store import Json
from sandbox.stripe import cards, events, ids, ledger, methods, tender
from sandbox.stripe.cards import Decline, TestCard
from sandbox.world import Call

ELECTRONIC_COMMERCE = {True: "05", False: None}


def _card_details(call: Call, intent: Json, method: Json, *, authenticated: bool, manual: bool, ok: bool) -> Json:
    card, behaviour = method["card"], tender.card_of(method)
    check = "pass" if method["_"].get("cvc") else None
    if not ok and behaviour.decline and behaviour.decline.code == "incorrect_cvc":
        check = "fail"
    challenge = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": ids.token(36),
        "version": "2.2.0",
    }
    details: Json = {
        "amount_authorized": intent["amount"] if ok else None,
        "authorization_code": ids.token(6).upper() if ok else None,
        "brand": card["brand"],
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": check},
        "country": card["country"],
        "electronic_commerce_indicator": ELECTRONIC_COMMERCE[authenticated],
        "exp_month": card["exp_month"],
        "exp_year": card["exp_year"],
        "extended_authorization": {"status": "disabled"},
        "fingerprint": card["fingerprint"],
        "funding": card["funding"],
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "last4": card["last4"],
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "network_transaction_id": ids.token(15),
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "regulated_status": "unregulated",
        "three_d_secure": challenge if authenticated else None,
        "transaction_link_id": None,
        "wallet": None,
    }
    if manual and ok:
        details["capture_before"] = call.now + held_for(call, intent, method)
    return details


def held_for(call: Call, intent: Json, method: Json) -> int:
    """Seconds that an authorization of this method lasts."""
    settings = call.world.settings
    visa = method["type"] == "card" and method["card"]["brand"] == "visa"
    if visa and intent["_"].get("off_session"):
        return min(settings.authorization_seconds, settings.off_session_authorization_seconds)
    return settings.authorization_seconds


def lapsed(charge: Json, now: int) -> bool:
    """Whether an authorization's time is over."""
    card = charge["payment_method_details"].get("card") or {}
    return bool(card.get("capture_before", now + 1) <= now)


def _outcome(card: TestCard | None, decline: Decline | None, *, reviewed: bool) -> Json:
    outcome: Json = {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": "approved_by_network",
        "reason": None,
        "risk_level": card.risk if card else "not_assessed",
        "seller_message": "Payment complete.",
        "type": "authorized",
    }
    if card:
        outcome["risk_score"] = {"normal": 12, "elevated": 68, "highest": 92}[card.risk]
    if card and card.risk == "elevated":
        outcome["reason"] = "elevated_risk_level"
    if card and card.risk == "elevated" and reviewed:
        outcome["type"] = "manual_review"
    if decline and card and card.blocked:
        outcome |= {
            "network_status": "not_sent_to_network",
            "reason": "highest_risk_level",
            "seller_message": "Stripe blocked this payment as too risky.",
            "type": "blocked",
        }
    elif decline:
        outcome |= {
            "advice_code": decline.advice,
            "network_status": "declined_by_network",
            "network_decline_code": "51" if decline.decline_code == "insufficient_funds" else "05",
            "reason": decline.decline_code or decline.code,
            "seller_message": "The bank did not return any further details with this decline.",
            "type": "issuer_declined",
        }
    return outcome


def _on_statement(intent: Json) -> str:
    suffix = intent["statement_descriptor_suffix"]
    return f"SANDBOX* {suffix}"[:22] if suffix else intent["statement_descriptor"] or "SANDBOX STORE"


INHERITED: Final = (
    "amount",
    "currency",
    "customer",
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)
"""What a charge takes over from its intent."""
UNUSED: Final = (
    "application",
    "application_fee",
    "application_fee_amount",
    "balance_transaction",
    "failure_balance_transaction",
    "on_behalf_of",
    "receipt_number",
    "review",
    "source",
    "source_transfer",
    "transfer_data",
)
"""What a new charge has nothing to say about."""


def create(
    call: Call,
    intent: Json,
    method: Json,
    *,
    status: str,
    decline: Decline | None = None,
    authenticated: bool = False,
) -> Json:
    """A charge of the intent's whole amount; status is succeeded, pending or failed. No event yet."""
    is_card = method["type"] == "card"
    ok = status != "failed"
    manual = intent["capture_method"] == "manual"
    captured = status == "succeeded" and not manual
    if is_card:
        details = _card_details(call, intent, method, authenticated=authenticated, manual=manual, ok=ok)
    else:
        details = methods.charge_details(method["type"], method.get(method["type"], {}))
    return call.insert(
        {
            **dict.fromkeys(UNUSED),
            **{name: intent[name] for name in INHERITED},
            "id": ids.new("ch" if is_card else "py"),
            "object": "charge",
            "amount_captured": intent["amount"] if captured else 0,
            "amount_refunded": 0,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": _on_statement(intent),
            "captured": captured,
            "created": call.now,
            "disputed": False,
            "failure_code": decline.code if decline else None,
            "failure_message": decline.message if decline else None,
            "fraud_details": {},
            "livemode": call.livemode,
            "metadata": dict(intent["metadata"]),
            "outcome": _outcome(
                tender.card_of(method) if is_card else None,
                decline,
                reviewed=call.world.settings.review_elevated_risk,
            ),
            "paid": status == "succeeded",
            "payment_intent": intent["id"],
            "payment_method": method["id"],
            "payment_method_details": {"type": method["type"], method["type"]: details},
            "radar_options": {},
            "receipt_url": f"{call.base_url}/c/receipts/{intent['id']}" if captured and call.base_url else None,
            "refunded": False,
            "status": status,
            "_": {"card": method["_"].get("card")},
        }
    )


def credit(call: Call, charge: Json) -> None:
    """Puts the captured amount, less the fee, on the balance; saves the charge."""
    if call.world.settings.late_balance_transaction and not charge["_"].get("late"):
        charge["_"]["late"] = True
        call.save(charge)
        call.schedule("credit_charge", charge["id"], 1)
        return
    events.change(call, charge, balance_transaction=_post(call, charge)["id"])


def credit_late(call: Call, charge: Json) -> None:
    """The balance transaction arrives after the fact: charge.updated."""
    if charge["balance_transaction"] is None:
        events.change(call, charge, "charge.updated", balance_transaction=_post(call, charge)["id"])


def _post(call: Call, charge: Json) -> Json:
    amount, currency = charge["amount_captured"], charge["currency"]
    card = cards.BY_KEY.get(charge["_"].get("card") or "", cards.UNKNOWN)
    return ledger.post(
        call,
        charge,
        "charge" if charge["payment_method_details"]["type"] == "card" else "payment",
        amount,
        fee=ledger.fee(call, amount, currency),
        delay=0 if card.funds_at_once else call.world.settings.funds_available_seconds,
        description=charge["description"],
    )


def capture(call: Call, charge: Json, amount: int) -> None:
    """Takes `amount` of the authorization; the rest is released and shows as refunded."""
    released = charge["amount"] - amount
    events.change(call, charge, captured=True, amount_captured=amount, paid=True, amount_refunded=released)
    credit(call, charge)
    events.emit(call, "charge.captured", charge)


def release(call: Call, charge: Json) -> None:
    """Gives up an authorization: nothing was captured, all of it counts as refunded."""
    events.change(call, charge, amount_refunded=charge["amount"], refunded=True)
