"""Which payment method an intent is to be paid or set up with."""

from __future__ import annotations

from typing import Any

from sandbox.store import Json
from sandbox.stripe import customers, events, tender
from sandbox.stripe.errors import InvalidRequest
from sandbox.world import Call

_NAMES = {"payment_intent": "PaymentIntent", "setup_intent": "SetupIntent"}
_CODES = {
    "payment_intent": "payment_intent_incompatible_payment_method",
    "setup_intent": "setup_intent_invalid_parameter",
}


def choose_method(call: Call, intent: Json, given: dict[str, Any]) -> None:
    """Takes the payment method that the parameters name, if they do."""
    if "payment_method" in given:
        method = tender.resolve(call, given["payment_method"])
    elif "payment_method_data" in given:
        method = tender.from_data(call, given["payment_method_data"], "payment_method_data")
    else:
        return
    name = _NAMES[intent["object"]]
    if method["type"] not in intent["payment_method_types"]:
        raise InvalidRequest(
            f"The PaymentMethod provided ({method['type']}) is not allowed for this {name}. Please attach a "
            f"PaymentMethod of one of the following types: {', '.join(intent['payment_method_types'])}.",
            code=_CODES[intent["object"]],
            param="payment_method",
        )
    customers.require_own(method, intent["customer"], name)
    tender.require_usable(method)
    events.change(call, intent, payment_method=method["id"], status="requires_confirmation", next_action=None)
