"""/v1/setup_intents and /v1/setup_attempts"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import choosing, customers, events, methods, params, setups
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.stripe.intent_form import EXCLUSIVE, TYPES, removed, require_one_of
from sandbox.stripe.payment_methods import METHOD_DATA
from sandbox.world import Call, public

COMMON: Final[params.Shape] = {
    "allowed_payment_method_types": TYPES,
    "payment_method": params.text(),
    "payment_method_data": METHOD_DATA,
    "payment_method_options": params.any_hash,
    "payment_method_types": removed,
}
FIELDS: Final[params.Shape] = {
    **COMMON,
    "attach_to_self": params.not_here,
    "customer": params.text(),
    "description": params.text(1000),
    "excluded_payment_method_types": TYPES,
    "flow_directions": params.not_here,
    "metadata": params.metadata,
    "payment_method_configuration": params.not_here,
}
CONFIRM: Final[params.Shape] = {
    "confirmation_token": params.not_here,
    "mandate_data": params.any_hash,
    "return_url": params.url,
    "use_stripe_sdk": params.boolean,
}
WITH_CONFIRM: Final = ("mandate_data", "return_url")


@endpoint(
    "POST",
    "/v1/setup_intents",
    {
        **FIELDS,
        **CONFIRM,
        "automatic_payment_methods": params.shape(
            {"enabled*": params.boolean, "allow_redirects": params.choice("always", "never")}
        ),
        "confirm": params.boolean,
        "on_behalf_of": params.not_here,
        "single_use": params.not_here,
        "usage": params.choice("off_session", "on_session"),
    },
)
def create(call: Call, given: dict[str, Any]) -> Json:
    require_one_of(EXCLUSIVE, given)
    early = next((name for name in WITH_CONFIRM if name in given and not given.get("confirm")), None)
    if early:
        raise InvalidParameter(
            f"The parameter `{early}` cannot be passed when creating a SetupIntent unless `confirm` is set to true.",
            param=early,
        )
    if "customer" in given:
        customers.alive(call, given["customer"])
    if not given.get("allowed_payment_method_types") and "automatic_payment_methods" not in given:
        given["automatic_payment_methods"] = {"allow_redirects": "always", "enabled": True}
    allowed, excluded = given.get("allowed_payment_method_types"), given.get("excluded_payment_method_types", [])
    types = setups.offered(None, allowed, excluded)
    if not types:
        raise InvalidParameter("No payment method type that can be set up.", param="allowed_payment_method_types")
    intent = setups.make(call, {**given, "metadata": params.merged({}, given.get("metadata"))}, types)
    choosing.choose_method(call, intent, given)
    return _confirm_now(call, intent, given) if given.get("confirm") else intent


def _confirm_now(call: Call, intent: Json, given: dict[str, Any]) -> Json:
    if intent["payment_method"] is None:
        raise InvalidRequest(
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a "
            "payment method and then confirm it again.",
            code="setup_intent_unexpected_state",
            setup_intent=public(intent),
        )
    method = call.get(intent["payment_method"], "payment_method")
    automatic = intent["automatic_payment_methods"] or {}
    redirects = bool(automatic) and automatic.get("allow_redirects", "always") == "always"
    redirects = redirects or methods.BY_TYPE[method["type"]].flow == "redirect"
    if redirects and "return_url" not in given and not given.get("use_stripe_sdk"):
        raise InvalidParameter(
            "This SetupIntent is configured to accept payment methods that may redirect your customer. You must "
            "provide a `return_url`, or set automatic_payment_methods[allow_redirects] to never.",
            param="return_url",
        )
    intent["_"]["return_url"] = None if given.get("use_stripe_sdk") else given.get("return_url")
    setups.attempt(call, intent, method)
    setups.raise_failure(intent)
    return intent


@endpoint(
    "GET",
    "/v1/setup_intents",
    {
        **params.PAGE,
        "attach_to_self": params.not_here,
        "created": params.moment,
        "customer": params.text(),
        "payment_method": params.text(),
    },
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = [(equals("customer"), given["customer"])] if "customer" in given else []
    if "payment_method" in given:
        where.append(("json_extract(body, '$.payment_method') = ?", given["payment_method"]))
    return page(call, "setup_intent", given, "/v1/setup_intents", where)


@endpoint("GET", "/v1/setup_intents/{id}", {"client_secret": params.text()}, publishable="secret")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "setup_intent", "intent")


@endpoint("POST", "/v1/setup_intents/{id}", FIELDS)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    simple = given.keys() <= {"description", "expand", "metadata"}
    intent = call.get(identifier, "setup_intent", "intent") if simple else _waiting(call, identifier, "updated")
    changes = params.picked(given, "description", "excluded_payment_method_types", "allowed_payment_method_types")
    if "customer" in given:
        changes["customer"] = customers.alive(call, given["customer"])["id"]
    if "metadata" in given:
        changes["metadata"] = params.merged(intent["metadata"], given["metadata"])
    events.change(call, intent, **changes)
    allowed, excluded = intent["allowed_payment_method_types"], intent["excluded_payment_method_types"] or []
    events.change(call, intent, payment_method_types=setups.offered(None, allowed, excluded))
    choosing.choose_method(call, intent, given)
    return intent


@endpoint(
    "POST",
    "/v1/setup_intents/{id}/confirm",
    {**COMMON, **CONFIRM, "client_secret": params.text()},
    publishable="secret",
)
def confirm(call: Call, given: dict[str, Any], identifier: str) -> Json:
    intent = _waiting(call, identifier, "confirmed", own=True)
    choosing.choose_method(call, intent, given)
    return _confirm_now(call, intent, given)


@endpoint(
    "POST",
    "/v1/setup_intents/{id}/cancel",
    {"cancellation_reason": params.choice("abandoned", "duplicate", "requested_by_customer")},
)
def cancel(call: Call, given: dict[str, Any], identifier: str) -> Json:
    intent = _waiting(call, identifier, "canceled", own=True)
    setups.cancel(call, intent, given.get("cancellation_reason"))
    return intent


def _waiting(call: Call, identifier: str, past: str, *, own: bool = False) -> Json:
    """The intent, if it is not over; with `own`, an open session's intent is refused."""
    intent = call.get(identifier, "setup_intent", "intent")
    if intent["status"] not in setups.OPEN:
        raise InvalidRequest(
            f"This SetupIntent could not be {past} because it has a status of {intent['status']}. Only a SetupIntent "
            f"with one of the following statuses may be {past}: {', '.join(setups.OPEN)}.",
            code="setup_intent_unexpected_state",
            setup_intent=public(intent),
        )
    session = call.find(intent["_"].get("session"), "checkout.session")
    if own and session and session["status"] == "open":
        raise InvalidRequest(
            f"A SetupIntent that belongs to an open Checkout Session can't be {past}. Expire the session instead.",
            code="setup_intent_unexpected_state",
        )
    return intent


@endpoint("GET", "/v1/setup_attempts", {**params.PAGE, "created": params.moment, "setup_intent*": params.text()})
def list_attempts(call: Call, given: dict[str, Any]) -> Json:
    where = [("json_extract(body, '$.setup_intent') = ?", given["setup_intent"])]
    return page(call, "setup_attempt", given, "/v1/setup_attempts", where)
