"""What a PaymentIntent is asked for with, and making one."""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json
from sandbox.stripe import events, ids, methods, params, payments
from sandbox.stripe.errors import InvalidParameter
from sandbox.stripe.payment_methods import METHOD_DATA
from sandbox.world import Call

TYPES = params.each(params.choice(*methods.ALL_TYPES))
CAPTURE_METHOD = params.choice("automatic", "automatic_async", "manual")


def removed(value: Any, name: str) -> None:
    """payment_method_types went away with 2026-09-30.endive."""
    raise InvalidParameter(
        "The parameter `payment_method_types` is no longer supported. Use `allowed_payment_method_types`, "
        "`excluded_payment_method_types`, or dynamic payment methods.",
        code="payment_method_types_no_longer_supported",
        param=name,
    )


COMMON: Final[params.Shape] = {
    "allowed_payment_method_types": TYPES,
    "amount_details": params.not_here,
    "application_fee_amount": params.not_here,
    "capture_method": CAPTURE_METHOD,
    "customer": params.text(),
    "description": params.text(1000),
    "excluded_payment_method_types": TYPES,
    "hooks": params.not_here,
    "metadata": params.metadata,
    "payment_details": params.not_here,
    "payment_method": params.text(),
    "payment_method_configuration": params.not_here,
    "payment_method_data": METHOD_DATA,
    "payment_method_options": params.any_hash,
    "payment_method_types": removed,
    "receipt_email": params.text(unset=True),
    "setup_future_usage": params.choice("off_session", "on_session"),
    "shipping": params.shape(params.SHIPPING, unset=True),
    "statement_descriptor": params.text(22),
    "statement_descriptor_suffix": params.text(22),
    "transfer_data": params.not_here,
    "transfer_group": params.text(),
}
CONFIRM: Final[params.Shape] = {
    "confirmation_token": params.not_here,
    "error_on_requires_action": params.boolean,
    "mandate": params.not_here,
    "mandate_data": params.any_hash,
    "off_session": params.choice("true", "false", "one_off", "recurring"),
    "radar_options": params.any_hash,
    "return_url": params.url,
    "use_stripe_sdk": params.boolean,
}
SIMPLE: Final = (
    "description",
    "receipt_email",
    "setup_future_usage",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def make(call: Call, amount: int, currency: str, given: dict[str, Any]) -> Json:
    """A new intent of `amount` minor units, waiting for a payment method: payment_intent.created."""
    capture_method = given.get("capture_method", "automatic_async")
    allowed, excluded = given.get("allowed_payment_method_types"), given.get("excluded_payment_method_types")
    identifier = ids.new("pi")
    intent: Json = {
        "id": identifier,
        "object": "payment_intent",
        "allowed_payment_method_types": allowed,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": given.get("automatic_payment_methods"),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": capture_method,
        "client_secret": payments.client_secret(identifier),
        "confirmation_method": given.get("confirmation_method", "automatic"),
        "created": call.now,
        "currency": currency,
        "customer": given.get("customer"),
        "customer_account": None,
        "excluded_payment_method_types": excluded,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": call.livemode,
        "managed_payments": None,
        "metadata": params.merged({}, given.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {},
        "payment_method_types": [],
        "payment_record": None,
        "processing": None,
        "review": None,
        "source": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        **{name: given.get(name) for name in SIMPLE},
        "_": {"session": given.get("session"), "invoice": given.get("invoice")},
    }
    intent["payment_method_types"] = offered(intent)
    call.insert(intent)
    events.emit(call, "payment_intent.created", intent)
    return intent


def offered(intent: Json) -> list[str]:
    """The types that can pay the intent as it is now."""
    return methods.available(
        intent["currency"],
        allowed=intent["allowed_payment_method_types"],
        excluded=intent["excluded_payment_method_types"] or [],
        capture_method=intent["capture_method"],
    )


EXCLUSIVE: Final = ("allowed_payment_method_types", "automatic_payment_methods", "excluded_payment_method_types")
WITH_CONFIRM: Final = ("error_on_requires_action", "mandate_data", "off_session", "return_url")


def check(given: dict[str, Any]) -> None:
    """What can't be asked for together; raises InvalidParameter."""
    require_one_of(EXCLUSIVE, given)
    early = next((name for name in WITH_CONFIRM if name in given and not given.get("confirm")), None)
    if early:
        raise InvalidParameter(
            f"The parameter `{early}` cannot be passed when creating a PaymentIntent unless `confirm` is set to true.",
            param=early,
        )


def require_one_of(names: tuple[str, ...], given: dict[str, Any]) -> None:
    """Raises InvalidParameter if the first of the names comes together with another."""
    named = [name for name in names if name in given]
    if len(named) > 1 and named[0] == names[0]:
        raise InvalidParameter(
            f"You may only specify one of these parameters: {', '.join(named)}.",
            code="parameters_exclusive",
            param=named[0],
        )
