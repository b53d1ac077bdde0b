"""/v1/prices"""

from __future__ import annotations

import json
from typing import Any

from sandbox.store import Json, equals
from sandbox.stripe import catalog, events, params
from sandbox.stripe.catalog import AMOUNT, RECURRING, TAX_BEHAVIOR
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter
from sandbox.world import Call

PRICE: params.Shape = {
    "active": params.boolean,
    "currency_options": params.not_here,
    "lookup_key": params.text(200),
    "metadata": params.metadata,
    "nickname": params.text(),
    "tax_behavior": TAX_BEHAVIOR,
    "transfer_lookup_key": params.boolean,
}


@endpoint(
    "POST",
    "/v1/prices",
    {
        **PRICE,
        **AMOUNT,
        "currency*": params.currency,
        "billing_scheme": params.choice("per_unit"),
        "custom_unit_amount": params.not_here,
        "product": params.text(),
        "product_data": params.shape(
            {
                "name*": params.text(),
                "active": params.boolean,
                "id": params.text(),
                "metadata": params.metadata,
                "statement_descriptor": params.text(22),
                "tax_code": params.text(),
                "tax_details": params.not_here,
                "unit_label": params.text(12),
            }
        ),
        "recurring": params.shape(RECURRING),
        "tiers": params.not_here,
        "tiers_mode": params.not_here,
        "transform_quantity": params.not_here,
    },
)
def create(call: Call, given: dict[str, Any]) -> Json:
    _take_lookup_key(call, given)
    product = catalog.find_or_make_product(call, given)
    price = catalog.make_price(call, given, product)
    events.emit(call, "price.created", price)
    return price


def _take_lookup_key(call: Call, given: dict[str, Any], own: str | None = None) -> None:
    """A lookup key names one price: it is transferred if that is asked for, and refused if not."""
    key = given.get("lookup_key")
    holders = call.store.linked(call.livemode, "price", "lookup_key", key) if key else []
    for holder in holders:
        if holder["id"] == own:
            continue
        if not given.get("transfer_lookup_key"):
            raise InvalidParameter(
                f"A price (`{holder['id']}`) already uses that lookup key.", code="resource_already_exists"
            )
        events.change(call, holder, "price.updated", lookup_key=None)


@endpoint(
    "GET",
    "/v1/prices",
    {
        **params.PAGE,
        "active": params.boolean,
        "created": params.moment,
        "currency": params.currency,
        "lookup_keys": params.each(params.text(), 10),
        "product": params.text(),
        "recurring": params.shape(
            {
                "interval": params.choice("day", "week", "month", "year"),
                "meter": params.not_here,
                "usage_type": params.choice("licensed", "metered"),
            }
        ),
        "type": params.choice("one_time", "recurring"),
    },
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = []
    if "product" in given:
        where.append((equals("product"), given["product"]))
    if keys := given.get("lookup_keys"):
        where.append(("json_extract(body, '$.lookup_key') IN (SELECT value FROM json_each(?))", json.dumps(keys)))
    for name in ("active", "currency", "type"):
        if name in given:
            where.append((f"json_extract(body, '$.{name}') = ?", given[name]))
    for name, value in (given.get("recurring") or {}).items():
        where.append((f"json_extract(body, '$.recurring.{name}') = ?", value))
    return page(call, "price", given, "/v1/prices", where)


@endpoint("GET", "/v1/prices/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "price")


@endpoint("POST", "/v1/prices/{id}", PRICE)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    price = call.get(identifier, "price")
    _take_lookup_key(call, given, own=identifier)
    changes = params.picked(given, "active", "lookup_key", "nickname", "tax_behavior")
    if "metadata" in given:
        changes["metadata"] = params.merged(price["metadata"], given["metadata"])
    return events.change(call, price, "price.updated", **changes)
