"""/v1/customers"""

from __future__ import annotations

from typing import Any

from sandbox.store import Json, equals
from sandbox.stripe import events, ids, params, tender
from sandbox.stripe.billing import clocks, standing
from sandbox.stripe.cards import GENERIC
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import CardError, InvalidRequest, NotFound, missing
from sandbox.stripe.methods import ALL_TYPES
from sandbox.world import Call

FIELDS: params.Shape = {
    "address": params.shape(params.ADDRESS, unset=True),
    "balance": params.integer(),
    "business_name": params.text(150, unset=True),
    "cash_balance": params.not_here,
    "description": params.text(unset=True),
    "email": params.text(512, unset=True),
    "individual_name": params.text(150, unset=True),
    "invoice_prefix": params.text(12),
    "invoice_settings": params.shape(
        {
            "custom_fields": params.not_here,
            "default_payment_method": params.text(unset=True),
            "footer": params.text(),
            "rendering_options": params.not_here,
        }
    ),
    "metadata": params.metadata,
    "name": params.text(256, unset=True),
    "next_invoice_sequence": params.integer(1),
    "phone": params.text(20, unset=True),
    "preferred_locales": params.each(params.text(20)),
    "shipping": params.shape(params.SHIPPING, unset=True),
    "source": params.not_here,
    "tax": params.not_here,
    "tax_exempt": params.choice("exempt", "none", "reverse"),
    "validate": params.boolean,
}
CREATE: params.Shape = {
    **FIELDS,
    "payment_method": params.text(),
    "tax_id_data": params.not_here,
    "test_clock": params.text(),
}
KEPT = ("balance", "description", "email", "invoice_prefix", "name", "next_invoice_sequence", "phone", "tax_exempt")


def make(call: Call, given: dict[str, Any]) -> Json:
    customer = call.insert(
        {
            "id": ids.new("cus", 14),
            "object": "customer",
            "address": params.full_address(given.get("address")),
            "balance": given.get("balance", 0),
            "created": clocks.now_of(call, given.get("test_clock")),
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": given.get("description"),
            "discount": None,
            "email": given.get("email"),
            "invoice_prefix": given.get("invoice_prefix", ids.token(8).upper()),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": call.livemode,
            "metadata": params.merged({}, given.get("metadata")),
            "name": given.get("name"),
            "next_invoice_sequence": given.get("next_invoice_sequence", 1),
            "phone": given.get("phone"),
            "preferred_locales": given.get("preferred_locales", []),
            "shipping": given.get("shipping"),
            "tax_exempt": given.get("tax_exempt", "none"),
            "test_clock": given.get("test_clock"),
            "_": {},
        }
    )
    for optional in ("business_name", "individual_name"):
        if given.get(optional):
            customer[optional] = given[optional]
    events.emit(call, "customer.created", customer)
    return customer


def alive(call: Call, identifier: str, param: str = "customer") -> Json:
    """A customer that has not been deleted."""
    customer = call.get(identifier, "customer", param)
    if customer.get("deleted"):
        raise missing("customer", identifier, param)
    return customer


def require_own(method: Json, customer: str | None, what: str) -> None:
    """Raises if the method belongs to a customer who is not this one."""
    if method["customer"] and customer is None:
        raise InvalidRequest(
            f"The payment method {method['id']} is attached to the customer {method['customer']}. To use it, provide "
            f"that customer too in the {what}.",
            param="customer",
        )
    if method["customer"] and method["customer"] != customer:
        raise InvalidRequest(
            f"The payment method {method['id']} does not belong to the customer {customer} of the {what}.",
            param="payment_method",
        )


@endpoint("POST", "/v1/customers", CREATE)
def create(call: Call, given: dict[str, Any]) -> Json:
    method = tender.resolve(call, given["payment_method"]) if "payment_method" in given else None
    if method and method["customer"]:
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    if method:
        require_attachable(method)
    if "test_clock" in given:
        call.get(given["test_clock"], "test_helpers.test_clock", "test_clock")
    customer = make(call, given)
    if method:
        attach(call, method, customer["id"])
    wanted = given.get("invoice_settings") or {}
    if method and wanted.get("default_payment_method") == given["payment_method"]:
        wanted = {**wanted, "default_payment_method": method["id"]}
    return events.change(call, customer, **_invoice_settings(call, customer, wanted))


def _invoice_settings(call: Call, customer: Json, wanted: dict[str, Any] | None) -> Json:
    """The customer's changed field; a default payment method must be attached to them."""
    if not wanted:
        return {}
    identifier = wanted.get("default_payment_method")
    method = call.find(identifier, "payment_method")
    if identifier and (method is None or method["customer"] != customer["id"]):
        raise NotFound(
            f"The customer does not have a payment method with the ID {identifier[:80]}. The payment method must be "
            "attached to the customer.",
            code="resource_missing",
            param="invoice_settings[default_payment_method]",
        )
    return {"invoice_settings": {**customer["invoice_settings"], **wanted}}


def require_attachable(method: Json) -> None:
    """Raises for a method that is used up, and CardError for a card whose bank says no."""
    tender.require_usable(method)
    card = tender.card_of(method) if method["type"] == "card" else None
    if card and not card.attachable:
        decline = card.decline or GENERIC
        raise CardError(decline.message, code=decline.code, decline_code=decline.decline_code)


def forget_method(call: Call, method: Json) -> None:
    """What a detached method leaves behind: it can't be used again, and is nobody's default."""
    method["_"]["spent"] = True
    customer = call.find(method["customer"], "customer")
    if customer and customer["invoice_settings"]["default_payment_method"] == method["id"]:
        fewer = {**customer["invoice_settings"], "default_payment_method": None}
        events.change(call, customer, "customer.updated", invoice_settings=fewer)


def attach(call: Call, method: Json, customer: str) -> Json:
    """Saves the method to the customer: payment_method.attached."""
    events.change(call, method, customer=customer)
    events.emit(call, "payment_method.attached", method)
    return method


@endpoint(
    "GET",
    "/v1/customers",
    {**params.PAGE, "created": params.moment, "email": params.text(), "test_clock": params.text()},
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = [("json_extract(body, '$.deleted') IS NULL AND 1 = ?", 1)]
    if "email" in given:
        where.append((equals("email"), given["email"]))
    if "test_clock" in given:
        where.append((equals("test_clock"), given["test_clock"]))
    return page(call, "customer", given, "/v1/customers", where)


@endpoint("GET", "/v1/customers/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "customer")


@endpoint("POST", "/v1/customers/{id}", {**FIELDS, "default_source": params.not_here})
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    customer = alive(call, identifier, "id")
    changes = params.picked(given, *KEPT, "preferred_locales", "shipping")
    if "address" in given:
        changes["address"] = params.full_address(given["address"])
    if "metadata" in given:
        changes["metadata"] = params.merged(customer["metadata"], given["metadata"])
    changes |= _invoice_settings(call, customer, given.get("invoice_settings"))
    return events.change(call, customer, "customer.updated", **changes)


@endpoint("DELETE", "/v1/customers/{id}")
def delete(call: Call, given: dict[str, Any], identifier: str) -> Json:
    customer = alive(call, identifier, "id")
    for each in call.store.linked(call.livemode, "subscription", "customer", identifier):
        if each["status"] not in standing.OVER:
            standing.end(call, each, "cancellation_requested")
    events.emit(call, "customer.deleted", customer)
    for method in call.store.linked(call.livemode, "payment_method", "customer", identifier):
        method["_"]["spent"] = True
        events.change(call, method, customer=None)
    gone: Json = {"id": identifier, "object": "customer", "deleted": True}
    call.save(gone)
    return gone


@endpoint(
    "GET",
    "/v1/customers/{id}/payment_methods",
    {
        **params.PAGE,
        "type": params.choice(*ALL_TYPES),
        "allow_redisplay": params.choice("always", "limited", "unspecified"),
    },
)
def list_methods(call: Call, given: dict[str, Any], identifier: str) -> Json:
    alive(call, identifier)
    where: list[tuple[str, Any]] = [(equals("customer"), identifier)]
    if "type" in given:
        where.append((equals("type"), given["type"]))
    return page(call, "payment_method", given, f"/v1/customers/{identifier}/payment_methods", where)


@endpoint("GET", "/v1/customers/{id}/payment_methods/{method}")
def retrieve_method(call: Call, given: dict[str, Any], identifier: str, method: str) -> Json:
    found = call.get(method, "payment_method")
    if found["customer"] != identifier:
        raise missing("PaymentMethod", method)
    return found
