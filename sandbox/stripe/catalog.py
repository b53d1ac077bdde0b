"""/v1/products, and the making of prices (prices.py has their calls)."""

from __future__ import annotations

import json
from typing import Any

from sandbox.store import Json
from sandbox.stripe import events, ids, params
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

TAX_BEHAVIOR = params.choice("exclusive", "inclusive", "unspecified")
RECURRING: params.Shape = {
    "interval*": params.choice("day", "week", "month", "year"),
    "interval_count": params.integer(1, 1095),
    "meter": params.not_here,
    "trial_period_days": params.integer(0, 730),
    "usage_type": params.choice("licensed", "metered"),
}
PRODUCT: params.Shape = {
    "active": params.boolean,
    "description": params.text(40000, unset=True),
    "images": params.each(params.url, 8),
    "marketing_features": params.each(params.shape({"name*": params.text(80)}), 15),
    "metadata": params.metadata,
    "package_dimensions": params.not_here,
    "shippable": params.boolean,
    "statement_descriptor": params.text(22),
    "tax_code": params.text(unset=True),
    "tax_details": params.not_here,
    "unit_label": params.text(12, unset=True),
    "url": params.text(unset=True),
}
AMOUNT: params.Shape = {"unit_amount": params.integer(0), "unit_amount_decimal": params.decimal}


def make_product(call: Call, given: dict[str, Any], *, inline: bool = False) -> Json:
    product: Json = {
        "id": given.get("id") or ids.new("prod", 14),
        "object": "product",
        "active": given.get("active", not inline),
        "created": call.now,
        "default_price": None,
        "description": given.get("description"),
        "images": given.get("images", []),
        "livemode": call.livemode,
        "marketing_features": given.get("marketing_features", []),
        "metadata": params.merged({}, given.get("metadata")),
        "name": given["name"],
        "package_dimensions": None,
        "shippable": given.get("shippable"),
        "statement_descriptor": given.get("statement_descriptor"),
        "tax_code": given.get("tax_code"),
        "tax_details": None,
        "type": given.get("type", "service"),
        "unit_label": given.get("unit_label"),
        "updated": call.now,
        "url": given.get("url"),
    }
    return call.insert(product)


def make_price(call: Call, given: dict[str, Any], product: str, *, inline: bool = False) -> Json:
    """A price of unit_amount or unit_amount_decimal minor units."""
    amount, exact = unit_amount(given)
    recurring = given.get("recurring")
    price: Json = {
        "id": ids.new("price"),
        "object": "price",
        "active": given.get("active", not inline),
        "billing_scheme": "per_unit",
        "created": call.now,
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": call.livemode,
        "lookup_key": given.get("lookup_key"),
        "metadata": params.merged({}, given.get("metadata")),
        "nickname": given.get("nickname"),
        "product": product,
        "recurring": recurring
        and {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": None,
            "trial_period_days": recurring.get("trial_period_days"),
            "usage_type": recurring.get("usage_type", "licensed"),
        },
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": exact,
    }
    return call.insert(price)


def unit_amount(given: dict[str, Any], prefix: str = "") -> tuple[int | None, str]:
    """(whole minor units or null, exact decimal string); exactly one of the two forms must be given."""
    names = [name for name in ("unit_amount", "unit_amount_decimal") if name in given]
    if len(names) != 1:
        fault = "You may only specify one of these parameters" if names else "Missing required param"
        param = f"{prefix}[unit_amount]" if prefix else "unit_amount"
        code = "parameters_exclusive" if names else "parameter_missing"
        raise InvalidParameter(f"{fault}: {param}.", code=code, param=param)
    if "unit_amount" in given:
        return given["unit_amount"], str(given["unit_amount"])
    exact: str = given["unit_amount_decimal"]
    whole, _, rest = exact.partition(".")
    return (int(whole) if not rest.strip("0") else None), exact


@endpoint(
    "POST",
    "/v1/products",
    {
        **PRODUCT,
        "name*": params.text(),
        "id": params.text(),
        "default_price_data": params.shape(
            {
                "currency*": params.currency,
                **AMOUNT,
                "metadata": params.metadata,
                "recurring": params.shape(RECURRING),
                "tax_behavior": TAX_BEHAVIOR,
                "currency_options": params.not_here,
                "custom_unit_amount": params.not_here,
            }
        ),
        "type": params.choice("good", "service"),
    },
)
def create_product(call: Call, given: dict[str, Any]) -> Json:
    if "id" in given and call.store.find(call.livemode, given["id"]):
        raise InvalidRequest("Product already exists.", code="resource_already_exists", param="id")
    product = make_product(call, given)
    if data := given.get("default_price_data"):
        price = make_price(call, data, product["id"])
        events.change(call, product, default_price=price["id"])
        events.emit(call, "price.created", price)
    events.emit(call, "product.created", product)
    return product


@endpoint(
    "GET",
    "/v1/products",
    {
        **params.PAGE,
        "active": params.boolean,
        "created": params.moment,
        "ids": params.each(params.text()),
        "shippable": params.boolean,
        "type": params.choice("good", "service"),
        "url": params.text(),
    },
)
def list_products(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = []
    if "active" in given:
        where.append(("json_extract(body, '$.active') = ?", given["active"]))
    if given.get("ids"):
        where.append(("id IN (SELECT value FROM json_each(?))", json.dumps(given["ids"])))
    return page(call, "product", given, "/v1/products", where)


@endpoint("GET", "/v1/products/{id}")
def retrieve_product(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "product")


@endpoint("POST", "/v1/products/{id}", {**PRODUCT, "name": params.text(), "default_price": params.text()})
def update_product(call: Call, given: dict[str, Any], identifier: str) -> Json:
    product = call.get(identifier, "product")
    given.pop("expand", None)
    if "default_price" in given:
        call.get(given["default_price"], "price", "default_price")
    if "metadata" in given:
        given["metadata"] = params.merged(product["metadata"], given["metadata"])
    return events.change(call, product, "product.updated", **given, updated=call.now)


@endpoint("DELETE", "/v1/products/{id}")
def delete_product(call: Call, given: dict[str, Any], identifier: str) -> Json:
    product = call.get(identifier, "product")
    if call.store.linked(call.livemode, "price", "product", identifier):
        raise InvalidRequest("This product cannot be deleted because it has one or more user-created prices.")
    events.emit(call, "product.deleted", product)
    call.store.run("DELETE FROM objects WHERE livemode = ? AND id = ?", call.livemode, identifier)
    return {"id": identifier, "object": "product", "deleted": True}


def find_or_make_product(call: Call, given: dict[str, Any], prefix: str = "", *, inline: bool = False) -> str:
    """The id of the product named or described; exactly one must be."""
    named, data = given.get("product"), given.get("product_data")
    param = f"{prefix}[product]" if prefix else "product"
    if (named is None) == (data is None):
        code = "parameters_exclusive" if named else "parameter_missing"
        raise InvalidParameter(f"You must specify exactly one of {param} and product_data.", code=code, param=param)
    if named is not None:
        return str(call.get(named, "product", param)["id"])
    product = make_product(call, data or {}, inline=inline)
    if not inline:
        events.emit(call, "product.created", product)
    return str(product["id"])
