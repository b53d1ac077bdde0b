"""/v1/payment_methods"""

from __future__ import annotations

from typing import Any, Final

from sandbox.store import Json, equals
from sandbox.stripe import customers, events, methods, params, tender
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

BILLING: Final[params.Shape] = {
    "address": params.shape(params.ADDRESS, unset=True),
    "email": params.text(unset=True),
    "name": params.text(unset=True),
    "phone": params.text(unset=True),
    "tax_id": params.text(),
}
REDISPLAY: Final = params.choice("always", "limited", "unspecified")
NUMBERS: Final[dict[str, params.Check]] = {
    "card": params.shape(
        {
            "cvc": params.text(10),
            "exp_month": params.integer(0, 99),
            "exp_year": params.integer(0, 9999),
            "networks": params.any_hash,
            "number": params.text(40),
            "token": params.text(),
        }
    ),
    "us_bank_account": params.shape(
        {
            "account_holder_type": params.choice("company", "individual"),
            "account_number": params.text(40),
            "account_type": params.choice("checking", "savings"),
            "financial_connections_account": params.not_here,
            "routing_number": params.text(20),
        }
    ),
    "sepa_debit": params.shape({"iban*": params.text(40)}),
    "bacs_debit": params.shape({"account_number": params.text(20), "sort_code": params.text(10)}),
    "au_becs_debit": params.shape({"account_number*": params.text(20), "bsb_number*": params.text(10)}),
    "acss_debit": params.shape(
        {
            "account_number*": params.text(20),
            "institution_number*": params.text(10),
            "transit_number*": params.text(10),
        }
    ),
    "nz_bank_account": params.shape(
        {
            "account_holder_name": params.text(),
            "account_number*": params.text(20),
            "bank_code*": params.text(10),
            "branch_code*": params.text(10),
            "reference": params.text(),
            "suffix": params.text(10),
        }
    ),
}
PARTS: Final[params.Shape] = {type: NUMBERS.get(type, params.any_hash) for type in methods.BY_TYPE}
DATA: Final[params.Shape] = {
    **PARTS,
    "allow_redisplay": REDISPLAY,
    "billing_details": params.shape(BILLING),
    "metadata": params.metadata,
    "radar_options": params.any_hash,
    "type*": params.choice(*methods.BY_TYPE),
}
METHOD_DATA: Final = params.shape(DATA)


@endpoint(
    "POST",
    "/v1/payment_methods",
    {**DATA, "customer": params.not_here, "payment_method": params.not_here},
    publishable="free",
)
def create(call: Call, given: dict[str, Any]) -> Json:
    method = tender.from_data(call, given, given["type"])
    changes = params.picked(given, "allow_redisplay")
    return events.change(call, method, **changes, metadata=params.merged({}, given.get("metadata")))


@endpoint(
    "GET",
    "/v1/payment_methods",
    {
        **params.PAGE,
        "allow_redisplay": REDISPLAY,
        "customer": params.text(),
        "type": params.choice(*methods.ALL_TYPES),
    },
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = []
    for name in ("customer", "type"):
        if name in given:
            where.append((equals(name), given[name]))
    return page(call, "payment_method", given, "/v1/payment_methods", where)


@endpoint("GET", "/v1/payment_methods/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return tender.resolve(call, identifier)


@endpoint(
    "POST",
    "/v1/payment_methods/{id}",
    {
        "allow_redisplay": REDISPLAY,
        "billing_details": params.shape(BILLING),
        "card": params.shape({"exp_month": params.integer(1, 12), "exp_year": params.integer(2000, 2100)}),
        "metadata": params.metadata,
    },
)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    method = call.get(identifier, "payment_method")
    changes = params.picked(given, "allow_redisplay")
    if "billing_details" in given:
        changes["billing_details"] = {**method["billing_details"], **given["billing_details"]}
    if "card" in given and method["type"] == "card":
        changes["card"] = {**method["card"], **given["card"]}
    if "metadata" in given:
        changes["metadata"] = params.merged(method["metadata"], given["metadata"])
    return events.change(call, method, "payment_method.updated", **changes)


@endpoint("POST", "/v1/payment_methods/{id}/attach", {"customer": params.text(), "customer_account": params.not_here})
def attach(call: Call, given: dict[str, Any], identifier: str) -> Json:
    if "customer" not in given:
        raise InvalidParameter("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = customers.alive(call, given["customer"])
    method = tender.resolve(call, identifier)
    if method["customer"] not in (None, customer["id"]):
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    if method["customer"] is None:
        customers.require_attachable(method)
        customers.attach(call, method, customer["id"])
    return method


@endpoint("POST", "/v1/payment_methods/{id}/detach")
def detach(call: Call, given: dict[str, Any], identifier: str) -> Json:
    method = call.get(identifier, "payment_method")
    if method["customer"] is None:
        raise InvalidRequest(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            code="payment_method_unexpected_state",
        )
    customers.forget_method(call, method)
    return events.change(call, method, "payment_method.detached", customer=None)
