"""What a payer pays with: making PaymentMethod objects from test tokens, card data and bank accounts.

The private part `_` of a PaymentMethod says how it behaves: {"card": key} or {"account": number}.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sandbox.store import Json
from sandbox.stripe import cards, ids, methods
from sandbox.stripe.cards import Decline, TestCard
from sandbox.stripe.errors import CardError, InvalidParameter, InvalidRequest, missing
from sandbox.world import Call

NO_BILLING: Json = {"address": None, "email": None, "name": None, "phone": None, "tax_id": None}


def billing(**known: Any) -> Json:
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    return {**NO_BILLING, "address": address, **{key: value for key, value in known.items() if value}}


def _make(call: Call, type: str, part: Json, behaviour: Json, billing_details: Json | None) -> Json:
    return call.insert(
        {
            "id": ids.new("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details or billing(),
            "created": call.now,
            "customer": None,
            "customer_account": None,
            "livemode": call.livemode,
            "metadata": {},
            "type": type,
            type: part,
            "_": behaviour,
        }
    )


def from_card(
    call: Call, number: str, month: int, year: int, cvc: str | None, billing_details: Json | None = None
) -> Json:
    """A card PaymentMethod. Raises CardError when the data itself is wrong. The number is not kept."""
    number = cards.digits(number)
    now = datetime.fromtimestamp(call.world.now(), UTC)
    if found := cards.problems(number, month, year, cvc, now):
        param = {"number": "number", "expiry": found[0].code.removeprefix("invalid_expiry_"), "cvc": "cvc"}
        error = CardError(found[0].message, code=found[0].code, param=f"exp_{param['expiry']}")
        error.param = error.param if found[0].field == "expiry" else param[found[0].field]
        error.stored = error.keeps = False
        raise error
    card = cards.BY_NUMBER.get(number, cards.UNKNOWN)
    brand = card.brand if card.number else cards.brand_of(number)
    part = cards.details(card, number[-4:], month, year, call.world.keyed_hash(number), brand, cvc is not None)
    return _make(call, "card", part, {"card": card.key, "cvc": cvc is not None}, billing_details)


def _from_test_card(call: Call, card: TestCard) -> Json:
    """What a pm_card_* token stands for: the card with a date three years ahead and a CVC."""
    year = datetime.fromtimestamp(call.world.now(), UTC).year + 3
    fingerprint = call.world.keyed_hash(card.number)
    part = cards.details(card, card.number[-4:], 12, year, fingerprint, card.brand, cvc=True)
    return _make(call, "card", part, {"card": card.key, "cvc": True}, None)


def from_method(call: Call, type: str, account: str | None = None, billing_details: Json | None = None) -> Json:
    """A PaymentMethod of another type; `account` is a test account number or IBAN where the type has one."""
    number = "".join((account or "").split()).upper() or None
    part = methods.details(type, number, call.world.keyed_hash(f"{type}:{number}"))
    return _make(call, type, part, {"account": number if number in _accounts(type) else None}, billing_details)


def _accounts(type: str) -> dict[str, Any]:
    return methods.ACCOUNTS.get(type, {})


def resolve(call: Call, identifier: str, param: str = "payment_method") -> Json:
    """The PaymentMethod of an id, or a new one for a test token such as pm_card_visa or tok_visa."""
    if known := call.find(identifier, "payment_method"):
        return known
    for prefix in ("pm_card_", "tok_"):
        if identifier.startswith(prefix) and (card := cards.BY_KEY.get(identifier.removeprefix(prefix))):
            return _from_test_card(call, card)
    if identifier in methods.TOKENS:
        type, number = methods.TOKENS[identifier]
        return from_method(call, type, number)
    raise missing("PaymentMethod", identifier[:80], param)


def from_data(call: Call, data: Json, param: str) -> Json:
    """A PaymentMethod from the parameters of a create or of payment_method_data."""
    type = data["type"]
    given = billing(**(data.get("billing_details") or {}))
    part = data.get(type) or {}
    if type == "card" and "token" in part:
        return resolve(call, part["token"], f"{param}[token]")
    if type == "card":
        for name in ("number", "exp_month", "exp_year"):
            if name not in part:
                raise InvalidParameter(
                    f"Missing required param: card[{name}].", code="parameter_missing", param=f"card[{name}]"
                )
        return from_card(call, part["number"], part["exp_month"], part["exp_year"], part.get("cvc"), given)
    account = part.get("account_number") or part.get("iban")
    return from_method(call, type, account, given)


def require_usable(method: Json) -> None:
    """Raises if the method was used up: unattached ones pay once, and detached ones never again."""
    if method["_"].get("spent"):
        raise InvalidRequest(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer attachment, shared "
            "with a connected account without Customer attachment, or was detached from a Customer. It may not be used "
            "again. To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )


def spend(call: Call, intent: Json, method: Json) -> None:
    """A method that belongs to nobody, and is not being saved, can't be used after this."""
    if method["customer"] is None and intent["setup_future_usage"] is None and not method["_"].get("spent"):
        method["_"]["spent"] = True
        call.save(method)


def set_up(call: Call, method: Json) -> None:
    """The bank agreed to payments without the payer there."""
    method["_"]["set_up"] = True
    call.save(method)


def card_of(method: Json) -> TestCard:
    """How the card behaves."""
    return cards.BY_KEY.get(method["_"].get("card", ""), cards.UNKNOWN)


def decline_of(method: Json) -> Decline | None:
    """Why its issuer will say no: what it was told to say, or what the test card is known for."""
    told = cards.DECLINES.get(method["_"].get("bank_says", ""))
    if told or method["type"] != "card":
        return told
    decline = card_of(method).decline
    if decline and decline.code == "incorrect_cvc" and not method["_"].get("cvc"):
        return None
    return decline


def wants_payer(method: Json) -> bool:
    """Its bank was told to ask for the payer each time."""
    return bool(method["_"].get("bank_says") == "authentication_required")
