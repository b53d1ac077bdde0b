"""/v1/refunds, and what becomes of a refund later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.store import Json, equals
from sandbox.stripe import cards, currencies, disputes, events, ids, ledger, methods, params, radar
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

CREATE: params.Shape = {
    "amount": params.integer(1),
    "charge": params.text(),
    "currency": params.not_here,
    "customer": params.not_here,
    "instructions_email": params.text(),
    "metadata": params.metadata,
    "origin": params.not_here,
    "payment_intent": params.text(),
    "reason": params.choice("duplicate", "fraudulent", "requested_by_customer"),
    "refund_application_fee": params.not_here,
    "reverse_transfer": params.not_here,
}


@endpoint("POST", "/v1/refunds", CREATE)
def create(call: Call, given: dict[str, Any]) -> Json:
    charge = _charge_of(call, given)
    remaining = charge["amount_captured"] - refunded(charge) - disputes.lost(call, charge)
    if disputes.forbids_refund(call, charge):
        raise InvalidRequest(
            f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )
    if remaining <= 0:
        raise InvalidRequest(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount = given.get("amount", remaining)
    if amount > remaining:
        asked, left = (currencies.major(each, charge["currency"]) for each in (amount, remaining))
        raise InvalidRequest(
            f"Refund amount ({asked} {charge['currency']}) is greater than unrefunded amount on charge "
            f"({left} {charge['currency']})",
            param="amount",
        )
    return make(call, charge, amount, given)


def refunded(charge: Json) -> int:
    """Minor units given back by refunds; what a partial capture released does not count."""
    released = charge["amount"] - charge["amount_captured"] if charge["captured"] else 0
    return int(charge["amount_refunded"]) - released


def _charge_of(call: Call, given: dict[str, Any]) -> Json:
    if "charge" not in given and "payment_intent" not in given:
        raise InvalidParameter(
            "One of the following params should be provided for this request: payment_intent or charge.",
            code="parameter_missing",
            param="payment_intent",
        )
    if "charge" in given and "payment_intent" not in given:
        charge = call.get(given["charge"], "charge", "charge")
    else:
        intent = call.get(given["payment_intent"], "payment_intent", "payment_intent")
        latest = call.find(intent["latest_charge"], "charge")
        if latest is None or not latest["captured"]:
            raise InvalidRequest(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                code="payment_intent_unexpected_state",
                param="payment_intent",
            )
        charge = latest
        if given.get("charge", charge["id"]) != charge["id"]:
            raise InvalidParameter("The charge does not belong to the payment_intent.", param="charge")
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise InvalidRequest(
            f"The charge {charge['id']} is {charge['status']} and not captured: it can't be refunded.",
            code="charge_not_refundable",
            param="charge",
        )
    return charge


def make(call: Call, charge: Json, amount: int, given: dict[str, Any]) -> Json:
    """Refunds `amount` minor units of a charge that has them: refund.created, charge.refunded."""
    type = charge["payment_method_details"]["type"]
    card = cards.BY_KEY.get(charge["_"].get("card") or "", cards.UNKNOWN)
    slow = methods.BY_TYPE[type].flow == "delayed" or card.refund == "pending"
    refund: Json = {
        "id": ids.new("re" if type == "card" else "pyr"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": call.now,
        "currency": charge["currency"],
        "customer": None,
        "customer_account": None,
        "destination_details": _destination(type, slow),
        "metadata": params.merged({}, given.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": None,
        "reason": given.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending" if slow else "succeeded",
        "transfer_reversal": None,
    }
    if slow:
        refund["pending_reason"] = "processing"
    call.insert(refund)
    line = ledger.post(call, refund, "refund" if type == "card" else "payment_refund", -amount)
    events.change(call, refund, balance_transaction=line["id"])
    before = {name: charge[name] for name in ("amount_refunded", "refunded")}
    _move_charge(call, charge, amount)
    events.emit(call, "refund.created", refund)
    previous = {name: value for name, value in before.items() if charge[name] != value}
    events.emit(call, "charge.refunded", charge, previous)
    disputes.refunded(call, charge)
    radar.refunded(call, charge, refund["reason"])
    if slow:
        call.schedule("settle_refund", refund["id"], call.world.settings.refund_seconds)
    elif card.refund == "fails":
        call.schedule("fail_refund", refund["id"], call.world.settings.refund_seconds)
    return refund


def _destination(type: str, slow: bool) -> Json:
    if type != "card":
        return {"type": type, type: {}} if type in ("paypal", "klarna", "affirm", "cashapp") else {"type": type}
    return {
        "card": {
            "reference_status": "pending" if slow else "available",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        },
        "type": "card",
    }


def _move_charge(call: Call, charge: Json, amount: int) -> None:
    total = charge["amount_refunded"] + amount
    events.change(call, charge, amount_refunded=total, refunded=total >= charge["amount"])


def settle(call: Call, refund: Json) -> None:
    """A pending refund arrived: refund.updated."""
    if refund["status"] == "pending":
        refund.pop("pending_reason", None)
        _turn(call, refund, status="succeeded")


def _turn(call: Call, refund: Json, **changes: Any) -> None:
    """The refund's status changes: charge.refund.updated, as it was once told, and refund.updated."""
    previous = {name: refund.get(name) for name in changes}
    events.change(call, refund, **changes)
    for type in ("charge.refund.updated", "refund.updated"):
        events.emit(call, type, refund, previous)


def fail(call: Call, refund: Json, reason: str = "lost_or_stolen_card") -> None:
    """The bank sent the money back: refund.failed, and it is on our balance again."""
    if refund["status"] not in ("succeeded", "pending"):
        return
    charge = call.get(refund["charge"], "charge")
    is_card = charge["payment_method_details"]["type"] == "card"
    line = ledger.post(call, refund, "refund_failure" if is_card else "payment_failure_refund", refund["amount"])
    refund.pop("pending_reason", None)
    _move_charge(call, charge, -refund["amount"])
    _turn(call, refund, status="failed", failure_reason=reason, failure_balance_transaction=line["id"])
    events.emit(call, "refund.failed", refund)


@endpoint(
    "GET",
    "/v1/refunds",
    {**params.PAGE, "charge": params.text(), "created": params.moment, "payment_intent": params.text()},
    connected=True,
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where = [(equals(name), given[name]) for name in ("charge", "payment_intent") if name in given]
    return page(call, "refund", given, "/v1/refunds", where)


@endpoint("GET", "/v1/charges/{id}/refunds", {**params.PAGE, "created": params.moment})
def list_of_charge(call: Call, given: dict[str, Any], identifier: str) -> Json:
    """Where the list inside of a charge is read on."""
    call.get(identifier, "charge", "charge")
    return page(call, "refund", given, f"/v1/charges/{identifier}/refunds", [(equals("charge"), identifier)])


@endpoint("GET", "/v1/refunds/{id}", connected=True)
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "refund")


@endpoint("POST", "/v1/refunds/{id}", {"metadata": params.metadata})
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    refund = call.get(identifier, "refund")
    if "metadata" not in given:
        return refund
    metadata = params.merged(refund["metadata"], given["metadata"])
    return events.change(call, refund, "refund.updated", metadata=metadata)


@endpoint("POST", "/v1/refunds/{id}/cancel")
def cancel(call: Call, given: dict[str, Any], identifier: str) -> Json:
    refund = call.get(identifier, "refund")
    raise InvalidRequest(
        f"You cannot cancel the refund {refund['id']}: only refunds with a status of requires_action can be canceled."
    )


JOBS: dict[str, Callable[[Call, Json], None]] = {"settle_refund": settle, "fail_refund": fail}
