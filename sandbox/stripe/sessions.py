"""/v1/checkout/sessions"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import (
    catalog,
    checkout,
    currencies,
    customers,
    ids,
    methods,
    params,
    payments,
    session_form,
    setups,
)
from sandbox.stripe.billing import clocks, proration, signup, terms
from sandbox.stripe.endpoints import endpoint, page, slice_of
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.stripe.expand import line_items_url
from sandbox.world import Call

ECHOED: Final = (
    "allow_promotion_codes",
    "allowed_payment_method_types",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_email",
    "integration_identifier",
    "locale",
    "origin_context",
    "submit_type",
)
"""Parameters that the session repeats as they are."""
BLANK: Final[Json] = {
    **dict.fromkeys(
        [
            "after_expiration",
            "client_secret",
            "collected_information",
            "consent",
            "consent_collection",
            "currency_conversion",
            "customer_account",
            "invoice",
            "managed_payments",
            "payment_intent",
            "payment_link",
            "payment_method_configuration_details",
            "permissions",
            "recovered_from",
            "setup_intent",
            "shipping_address_collection",
            "shipping_cost",
            "subscription",
            "wallet_options",
        ]
    ),
    "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
    "custom_fields": [],
    "custom_text": {
        "after_submit": None,
        "shipping_address": None,
        "submit": None,
        "terms_of_service_acceptance": None,
    },
    "discounts": [],
    "invoice_creation": {
        "enabled": False,
        "invoice_data": {
            "account_tax_ids": None,
            "custom_fields": None,
            "description": None,
            "footer": None,
            "issuer": None,
            "metadata": {},
            "rendering_options": None,
        },
    },
    "shipping_options": [],
    "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
}
"""What a session of the sandbox never says more about."""


@endpoint("POST", "/v1/checkout/sessions", session_form.CREATE)
def create(call: Call, given: dict[str, Any]) -> Json:
    session_form.check(call, given)
    if "customer" in given:
        customers.alive(call, given["customer"])
    if given["mode"] == "setup":
        return _create_setup(call, given)
    if given["mode"] == "subscription":
        return _create_subscription(call, given)
    items, currency, total = _sold(call, given)
    data = given.get("payment_intent_data") or {}
    offered = methods.available(
        currency,
        allowed=given.get("allowed_payment_method_types"),
        excluded=given.get("excluded_payment_method_types", []),
        capture_method=data.get("capture_method", "automatic"),
    )
    session = _document(call, given, currency, total, offered)
    return _insert(call, given, session, {"line_items": items, "intent_data": data})


def _sold(call: Call, given: dict[str, Any], *, in_trial: bool = False) -> tuple[list[Json], str, int]:
    """The lines, their currency, and what is due of them now in minor units: in a trial, nothing that recurs."""
    items = [_line_item(call, each, f"line_items[{at}]", given["mode"]) for at, each in enumerate(given["line_items"])]
    for item in items:
        if in_trial and item["price"]["recurring"]:
            item |= {"amount_subtotal": 0, "amount_total": 0}
    currency = _one_currency(items, given.get("currency"))
    total = sum(item["amount_total"] for item in items)
    if total:
        currencies.require_chargeable(total, currency, "line_items")
    return items, currency, total


def _create_subscription(call: Call, given: dict[str, Any]) -> Json:
    """A session that begins a subscription; what is paid in it is the first invoice."""
    asked = dict(given.get("subscription_data") or {})
    customer = call.find(given.get("customer"), "customer")
    now = clocks.now(call, customer) if customer else call.now
    asked["trial_end"] = terms.trial_end(params.picked(asked, "trial_end"), now, "subscription_data[trial_end]")
    in_trial = bool(asked["trial_end"] or asked.get("trial_period_days"))
    items, currency, total = _sold(call, given, in_trial=in_trial)
    terms.require_alike([each["price"] for each in items if each["price"]["recurring"]], "line_items")
    allowed, excluded = given.get("allowed_payment_method_types"), given.get("excluded_payment_method_types", [])
    given.setdefault("payment_method_collection", "always")
    session = _document(call, given, currency, total, setups.offered(currency, allowed, excluded))
    return _insert(call, given, session, {"line_items": items, "subscription_data": asked})


def _insert(call: Call, given: dict[str, Any], session: Json, private: Json) -> Json:
    if not session["payment_method_types"]:
        raise InvalidParameter(
            f"No valid payment method types for this Checkout Session in {session['currency'] or 'any currency'}.",
            param="allowed_payment_method_types",
        )
    redisplay = (given.get("payment_method_data") or {}).get("allow_redisplay")
    session["_"] = {"line_items": [], "attempts": 0, "redisplay": redisplay, **private}
    call.schedule("expire_session", session["id"], session["expires_at"] - call.now)
    return call.insert(session)


def _create_setup(call: Call, given: dict[str, Any]) -> Json:
    """A session that saves a method for later and takes no money; its SetupIntent is there from the beginning."""
    currency, allowed = given.get("currency"), given.get("allowed_payment_method_types")
    offered = setups.offered(currency, allowed, given.get("excluded_payment_method_types", []))
    session = _document(call, given, currency, None, offered)
    data = given.get("setup_intent_data") or {}
    wanted = {**data, "customer": session["customer"], "session": session["id"]}
    wanted |= {"metadata": params.merged({}, data.get("metadata")), "allowed_payment_method_types": allowed}
    session["setup_intent"] = setups.make(call, wanted, offered)["id"]
    return _insert(call, given, session, {})


def _line_item(call: Call, given: dict[str, Any], name: str, mode: str) -> Json:
    if ("price" in given) == ("price_data" in given):
        code = "parameters_exclusive" if "price" in given else "parameter_missing"
        raise InvalidParameter(
            f"You must specify exactly one of {name}[price] and {name}[price_data].",
            code=code,
            param=f"{name}[price]",
        )
    if "quantity" not in given:
        raise InvalidParameter(
            f"Missing required param: {name}[quantity].", code="parameter_missing", param=f"{name}[quantity]"
        )
    price, title = _price(call, given, name, recurs=mode == "subscription")
    quantity: int = given["quantity"]
    amount = proration.times(price["unit_amount_decimal"], quantity)
    return {
        "id": ids.new("li"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": title,
        "metadata": params.merged({}, given.get("metadata")),
        "price": {key: value for key, value in price.items() if key != "_"},
        "quantity": quantity,
    }


def _price(call: Call, given: dict[str, Any], name: str, *, recurs: bool) -> tuple[Json, str]:
    """The line's price and its product's name."""
    if "price" in given:
        price = terms.active_price(call, given["price"], f"{name}[price]")
    else:
        data = given["price_data"]
        catalog.unit_amount(data, f"{name}[price_data]")
        product = catalog.find_or_make_product(call, data, f"{name}[price_data]", inline=True)
        price = catalog.make_price(call, data, product, inline=True)
    if price["recurring"] and not recurs:
        raise InvalidRequest(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or "
            "use only one-time prices.",
            param=f"{name}[price]",
        )
    return price, call.get(price["product"], "product")["name"]


def _one_currency(items: list[Json], wanted: str | None) -> str:
    found = {item["currency"] for item in items} | ({wanted} if wanted else set())
    if len(found) != 1:
        raise InvalidParameter(
            f"You cannot combine currencies on a single Checkout Session. Found {', '.join(sorted(found))}.",
            param="line_items",
        )
    return str(found.pop())


def _document(call: Call, given: dict[str, Any], currency: str | None, total: int | None, offered: list[str]) -> Json:
    """The session as the API shows it; without a total it is one of mode setup."""
    identifier = ids.session(call.livemode)
    makes = "always" if given["mode"] == "subscription" else "if_required"
    customer_creation = given.get("customer_creation") or (None if "customer" in given else makes)
    return {
        **BLANK,
        **{name: given.get(name) for name in ECHOED},
        "id": identifier,
        "object": "checkout.session",
        "adaptive_pricing": given.get("adaptive_pricing") or {"enabled": False},
        "amount_subtotal": total,
        "amount_total": total,
        "created": call.now,
        "currency": currency,
        "customer_creation": customer_creation,
        "customer_details": _known_payer(given.get("customer_email")),
        "excluded_payment_method_types": given.get("excluded_payment_method_types", []),
        "expires_at": given.get("expires_at", call.now + session_form.DAY),
        "livemode": call.livemode,
        "metadata": params.merged({}, given.get("metadata")),
        "mode": given["mode"],
        "payment_method_collection": given.get("payment_method_collection", "if_required"),
        "payment_method_options": {},
        "payment_method_types": offered,
        "payment_status": "no_payment_required" if total is None else "unpaid",
        "saved_payment_method_options": _saved_options(given.get("saved_payment_method_options")),
        "phone_number_collection": given.get("phone_number_collection", {"enabled": False}),
        "status": "open",
        "success_url": given["success_url"],
        "ui_mode": "hosted_page",
        "url": f"{call.base_url}/c/pay/{identifier}",
    }


def _saved_options(given: dict[str, Any] | None) -> Json | None:
    if given is None:
        return None
    return {
        "allow_redisplay_filters": given.get("allow_redisplay_filters") or ["always"],
        "payment_method_remove": given.get("payment_method_remove", "disabled"),
        "payment_method_save": given.get("payment_method_save", "disabled"),
    }


def _known_payer(email: str | None) -> Json | None:
    if email is None:
        return None
    return {
        "address": None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": None,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }


@endpoint(
    "GET",
    "/v1/checkout/sessions",
    {
        **params.PAGE,
        "created": params.moment,
        "customer": params.text(),
        "customer_account": params.text(),
        "customer_details": params.shape({"email*": params.text()}),
        "payment_intent": params.text(),
        "payment_link": params.text(),
        "status": params.choice("complete", "expired", "open"),
        "subscription": params.text(),
    },
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = []
    if "customer" in given:
        where.append((equals("customer"), given["customer"]))
    if "payment_intent" in given:
        intent = call.find(given["payment_intent"], "payment_intent")
        where.append(("id = ?", (intent["_"].get("session") if intent else None) or ""))
    if "customer_details" in given:
        where.append(("json_extract(body, '$.customer_details.email') = ?", given["customer_details"]["email"]))
    for name in ("status", "customer_account", "payment_link", "subscription"):
        if name in given:
            where.append((f"json_extract(body, '$.{name}') = ?", given[name]))
    return page(call, "checkout.session", given, "/v1/checkout/sessions", where)


@endpoint("GET", "/v1/checkout/sessions/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "checkout.session")


@endpoint(
    "POST",
    "/v1/checkout/sessions/{id}",
    {
        "metadata": params.metadata,
        **dict.fromkeys(
            ("collected_information", "line_items", "payment_intent_data", "shipping_options"), params.not_here
        ),
    },
)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    session = call.get(identifier, "checkout.session")
    if "metadata" in given:
        session["metadata"] = params.merged(session["metadata"], given["metadata"])
        call.save(session)
    return session


@endpoint("GET", "/v1/checkout/sessions/{id}/line_items", params.PAGE)
def list_line_items(call: Call, given: dict[str, Any], identifier: str) -> Json:
    session = call.get(identifier, "checkout.session")
    return slice_of(checkout.line_items(session), given, line_items_url(identifier))


@endpoint("POST", "/v1/checkout/sessions/{id}/expire")
def expire(call: Call, given: dict[str, Any], identifier: str) -> Json:
    session = call.get(identifier, "checkout.session")
    if session["status"] != "open":
        raise InvalidRequest(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of '
            f"{session['status']}."
        )
    _expire(call, session)
    return session


def _expire(call: Call, session: Json) -> None:
    """Expires an open session; an intent it already has is canceled with it."""
    checkout.expire(call, session)
    if session["_"].get("subscription"):
        signup.abandon(call, session)
        return
    setup = call.find(session["setup_intent"] or session["_"].get("setup"), "setup_intent")
    if setup and setup["status"] in setups.OPEN:
        setups.cancel(call, setup, "abandoned")
    intent = call.find(session["_"].get("intent"), "payment_intent")
    if intent and intent["status"] in payments.CANCELABLE:
        payments.cancel(call, intent, "automatic")


def expire_when_due(call: Call, session: Json) -> None:
    if session["status"] == "open":
        _expire(call, session)


JOBS: dict[str, Callable[[Call, Json], None]] = {"expire_session": expire_when_due}
