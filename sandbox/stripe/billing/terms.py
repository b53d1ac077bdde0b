"""What a subscription is asked for with, read from parameters: prices, quantities, trial and anchor."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sandbox.store import Json
from sandbox.stripe import catalog
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

DAY = 86400
NO_METHOD_AT_TRIAL_END: Json = {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}


@dataclass(frozen=True)
class Wanted:
    """A price and how many of it."""

    price: Json
    quantity: int = 1
    metadata: dict[str, str] | None = None


@dataclass(frozen=True)
class Terms:
    """Of a new subscription. Moments are Unix seconds of its customer's clock."""

    items: list[Wanted]
    extras: list[Wanted] = field(default_factory=list)
    trial_end: int | None = None
    trial_end_behavior: Json = field(default_factory=lambda: dict(NO_METHOD_AT_TRIAL_END))
    anchor: int | None = None
    proration_behavior: str = "create_prorations"
    billing_mode: str = "flexible"
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    collection_method: str = "charge_automatically"
    days_until_due: int | None = None
    default_payment_method: str | None = None
    save_default: str | None = None
    description: str | None = None
    invoice_settings: Json = field(default_factory=dict)
    metadata: dict[str, str] | None = None
    session: str | None = None


def wanted(call: Call, given: dict[str, Any], name: str, *, recurring: bool) -> Wanted:
    """The price that parameters name or describe. Raises InvalidParameter and InvalidRequest."""
    if ("price" in given) == ("price_data" in given):
        code = "parameters_exclusive" if "price" in given else "parameter_missing"
        raise InvalidParameter(
            f"You must specify exactly one of {name}[price] and {name}[price_data].", code=code, param=f"{name}[price]"
        )
    if "price" in given:
        price = active_price(call, given["price"], f"{name}[price]")
    else:
        data = given["price_data"]
        catalog.unit_amount(data, f"{name}[price_data]")
        product = catalog.find_or_make_product(call, data, f"{name}[price_data]", inline=True)
        price = catalog.make_price(call, data, product, inline=True)
    require_type(price, f"{name}[price]", recurring=recurring)
    return Wanted(price, given.get("quantity", 1), given.get("metadata"))


def extras(call: Call, given: dict[str, Any]) -> list[Wanted]:
    """What is asked for once, beside the items."""
    return [
        wanted(call, each, f"add_invoice_items[{at}]", recurring=False)
        for at, each in enumerate(given.get("add_invoice_items", []))
    ]


def active_price(call: Call, identifier: str, param: str) -> Json:
    price = call.get(identifier, "price", param)
    if not price["active"]:
        raise InvalidRequest(
            f"The price specified is inactive. This field only accepts active prices: {price['id']}", param=param
        )
    return price


def require_type(price: Json, param: str, *, recurring: bool) -> None:
    if recurring != bool(price["recurring"]):
        kinds = ("recurring", "one_time") if recurring else ("one_time", "recurring")
        raise InvalidRequest(
            f"The price specified is set to `type={kinds[1]}` but this field only accepts prices with "
            f"`type={kinds[0]}`.",
            param=param,
        )
    if recurring and price["recurring"]["usage_type"] == "metered":
        raise InvalidRequest("The sandbox does not implement metered prices.", param=param)


def require_alike(prices: list[Json], param: str = "items") -> None:
    """All items of a subscription have one currency, one interval, and each price once."""
    if not prices:
        raise InvalidParameter("A subscription must have at least one active item.", param=param)
    if len({price["currency"] for price in prices}) > 1:
        raise InvalidRequest("Currency and interval fields must match across all items on the subscription.")
    if len({(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}) > 1:
        raise InvalidRequest("The sandbox does not implement different intervals on one subscription.", param=param)
    if len({price["id"] for price in prices}) < len(prices):
        raise InvalidRequest("Cannot add multiple subscription items with the same price.", param=param)


def trial_end(given: dict[str, Any], now: int, param: str = "trial_end") -> int | None:
    """The end of the trial that is asked for. Raises InvalidParameter."""
    if "trial_period_days" in given and "trial_end" in given:
        raise InvalidParameter(
            "You may only specify one of these parameters: trial_period_days, trial_end.",
            code="parameters_exclusive",
            param=param,
        )
    if days := given.get("trial_period_days"):
        return now + int(days) * DAY
    end = given.get("trial_end")
    if end in (None, "now"):
        return None
    if not now < end <= now + 730 * DAY:
        raise InvalidParameter("Invalid timestamp: must be in the next two years.", param=param)
    return int(end)


def trial_end_behavior(given: dict[str, Any]) -> Json:
    """What happens at the end of the trial if there is nothing to charge."""
    return {**NO_METHOD_AT_TRIAL_END, **((given.get("trial_settings") or {}).get("end_behavior") or {})}
