"""/v1/payment_intents"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import (
    charges,
    choosing,
    currencies,
    customers,
    events,
    intent_form,
    methods,
    params,
    payments,
)
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.stripe.intent_form import COMMON, CONFIRM, SIMPLE
from sandbox.world import Call, public


@endpoint(
    "POST",
    "/v1/payment_intents",
    {
        **COMMON,
        **CONFIRM,
        "amount*": params.integer(1),
        "currency*": params.currency,
        "automatic_payment_methods": params.shape(
            {"enabled*": params.boolean, "allow_redirects": params.choice("always", "never")}
        ),
        "confirm": params.boolean,
        "confirmation_method": params.choice("automatic", "manual"),
    },
)
def create(call: Call, given: dict[str, Any]) -> Json:
    intent_form.check(given)
    currencies.require_chargeable(given["amount"], given["currency"])
    if "customer" in given:
        customers.alive(call, given["customer"])
    if not given.get("allowed_payment_method_types") and "automatic_payment_methods" not in given:
        given["automatic_payment_methods"] = {"allow_redirects": "always", "enabled": True}
    intent = intent_form.make(call, given["amount"], given["currency"], given)
    choosing.choose_method(call, intent, given)
    return confirm_now(call, intent, given) if given.get("confirm") else intent


def confirm_now(call: Call, intent: Json, given: dict[str, Any]) -> Json:
    """Attempts the payment; a decline is a CardError that keeps what happened."""
    if intent["payment_method"] is None:
        raise InvalidRequest(
            "You cannot confirm this PaymentIntent because it's missing a payment method. To confirm the "
            f"PaymentIntent with {intent['id']}, specify a payment method attached to this customer along with the "
            "customer ID.",
            code="payment_intent_unexpected_state",
        )
    method = call.get(intent["payment_method"], "payment_method")
    off_session = given.get("off_session", "false") != "false"
    _require_return_url(intent, method, given, off_session)
    if method["type"] == "card" and intent["statement_descriptor"]:
        raise InvalidParameter(
            "The statement_descriptor parameter is not supported for card charges. Use statement_descriptor_suffix "
            "instead.",
            param="statement_descriptor",
        )
    intent["_"].pop("on_page", None)
    intent["_"]["return_url"] = None if given.get("use_stripe_sdk") else given.get("return_url")
    unattended = given.get("error_on_requires_action", False)
    payments.attempt(call, intent, method, off_session=off_session, unattended=unattended)
    payments.raise_failure(intent)
    return intent


def _require_return_url(intent: Json, method: Json, given: dict[str, Any], off_session: bool) -> None:
    if "return_url" in given or off_session or given.get("use_stripe_sdk"):
        return
    automatic = intent["automatic_payment_methods"]
    if automatic and automatic.get("allow_redirects", "always") == "always":
        raise InvalidParameter(
            "This PaymentIntent is configured to accept payment methods that may redirect your customer. You must "
            "provide a `return_url`, or set automatic_payment_methods[allow_redirects] to never.",
            param="return_url",
        )
    if methods.BY_TYPE[method["type"]].flow == "redirect":
        raise InvalidParameter(
            f"You must provide a `return_url` when confirming a PaymentIntent with {method['type']}.",
            code="parameter_missing",
            param="return_url",
        )


@endpoint(
    "GET",
    "/v1/payment_intents",
    {**params.PAGE, "created": params.moment, "customer": params.text()},
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where = [(equals("customer"), given["customer"])] if "customer" in given else []
    return page(call, "payment_intent", given, "/v1/payment_intents", where)


@endpoint("GET", "/v1/payment_intents/{id}", {"client_secret": params.text()}, publishable="secret")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "payment_intent", "intent")


ALWAYS: Final = frozenset({"description", "expand", "metadata", "receipt_email", "shipping", "transfer_group"})
"""What may be changed even when all is over."""


@endpoint(
    "POST",
    "/v1/payment_intents/{id}",
    {**COMMON, "amount": params.integer(1), "currency": params.currency},
)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    if given.keys() <= ALWAYS:
        intent = call.get(identifier, "payment_intent", "intent")
    else:
        intent = _waiting(call, identifier, payments.CONFIRMABLE, "update")
    changes = params.picked(given, *SIMPLE, "capture_method")
    if "customer" in given:
        changes["customer"] = customers.alive(call, given["customer"])["id"]
    if "metadata" in given:
        changes["metadata"] = params.merged(intent["metadata"], given["metadata"])
    if "amount" in given or "currency" in given:
        amount = int(given.get("amount") or intent["amount"])
        currency = str(given.get("currency") or intent["currency"])
        currencies.require_chargeable(amount, currency)
        changes |= {"amount": amount, "currency": currency}
    for name in ("allowed_payment_method_types", "excluded_payment_method_types"):
        if name in given:
            changes[name] = given[name] or None
    events.change(call, intent, **changes)
    events.change(call, intent, payment_method_types=intent_form.offered(intent))
    choosing.choose_method(call, intent, given)
    return intent


@endpoint(
    "POST",
    "/v1/payment_intents/{id}/confirm",
    {
        **{
            name: check
            for name, check in COMMON.items()
            if name
            not in (
                "customer",
                "description",
                "metadata",
                "application_fee_amount",
                "statement_descriptor",
                "statement_descriptor_suffix",
                "transfer_data",
                "transfer_group",
                "payment_method_configuration",
            )
        },
        **CONFIRM,
        "amount_to_confirm": params.integer(1),
        "client_secret": params.text(),
    },
    publishable="secret",
)
def confirm(call: Call, given: dict[str, Any], identifier: str) -> Json:
    intent = _waiting(call, identifier, payments.CONFIRMABLE, "confirm", own=True)
    if given.get("amount_to_confirm", intent["amount"]) != intent["amount"]:
        raise InvalidRequest(
            f"The provided amount_to_confirm ({given['amount_to_confirm']}) does not match the amount of the "
            f"PaymentIntent ({intent['amount']}).",
            param="amount_to_confirm",
        )
    changes = params.picked(given, "receipt_email", "setup_future_usage", "shipping", "capture_method")
    events.change(call, intent, **changes)
    choosing.choose_method(call, intent, given)
    return confirm_now(call, intent, given)


@endpoint(
    "POST",
    "/v1/payment_intents/{id}/capture",
    {
        "amount_details": params.not_here,
        "amount_to_capture": params.integer(1),
        "application_fee_amount": params.not_here,
        "final_capture": params.boolean,
        "hooks": params.not_here,
        "metadata": params.metadata,
        "payment_details": params.not_here,
        "statement_descriptor": params.text(22),
        "statement_descriptor_suffix": params.text(22),
        "transfer_data": params.not_here,
    },
)
def capture(call: Call, given: dict[str, Any], identifier: str) -> Json:
    intent = _waiting(call, identifier, ("requires_capture",), "capture")
    if given.get("final_capture") is False:
        raise InvalidRequest("This PaymentIntent does not support multiple captures.", param="final_capture")
    _require_unexpired(call, intent)
    amount = int(given.get("amount_to_capture") or intent["amount_capturable"])
    if amount > intent["amount_capturable"]:
        raise InvalidRequest(
            f"The requested capture amount ({amount}) is greater than the amount you can capture for this "
            f"PaymentIntent ({intent['amount_capturable']}).",
            code="amount_too_large",
            param="amount_to_capture",
        )
    if "metadata" in given:
        events.change(call, intent, metadata=params.merged(intent["metadata"], given["metadata"]))
    payments.capture(call, intent, amount)
    return intent


@endpoint(
    "POST",
    "/v1/payment_intents/{id}/cancel",
    {"cancellation_reason": params.choice("abandoned", "duplicate", "fraudulent", "requested_by_customer")},
)
def cancel(call: Call, given: dict[str, Any], identifier: str) -> Json:
    intent = _waiting(call, identifier, payments.CANCELABLE, "cancel", own=True)
    if intent["_"].get("invoice"):
        raise InvalidRequest(
            "You cannot cancel the PaymentIntent of an invoice directly. Void the invoice instead.",
            code="payment_intent_unexpected_state",
        )
    payments.cancel(call, intent, given.get("cancellation_reason"))
    return intent


PAST: Final = {"cancel": "canceled", "capture": "captured", "confirm": "confirmed", "update": "updated"}


def _waiting(call: Call, identifier: str, states: tuple[str, ...], verb: str, *, own: bool = False) -> Json:
    """The intent, if it is in one of the states; with `own`, an open session's intent is refused."""
    intent = call.get(identifier, "payment_intent", "intent")
    if intent["status"] not in states:
        raise InvalidRequest(
            f"This PaymentIntent could not be {PAST[verb]} because it has a status of {intent['status']}. Only a "
            f"PaymentIntent with one of the following statuses may be {PAST[verb]}: {', '.join(states)}.",
            code="payment_intent_unexpected_state",
            payment_intent=public(intent),
        )
    session = call.find(intent["_"].get("session"), "checkout.session")
    if own and session and session["status"] == "open":
        raise InvalidRequest(
            f"You cannot {verb} a PaymentIntent that belongs to an open Checkout Session. Expire the session instead.",
            code="payment_intent_unexpected_state",
        )
    return intent


def _require_unexpired(call: Call, intent: Json) -> None:
    """Between the end of an authorization and its release there is a charge that nobody can capture."""
    charge = call.get(intent["latest_charge"], "charge")
    if charges.lapsed(charge, call.now):
        raise InvalidRequest(
            f"The charge {charge['id']} could not be captured because its authorization has expired.",
            code="charge_expired_for_capture",
            charge=charge["id"],
            payment_intent=public(intent),
        )
