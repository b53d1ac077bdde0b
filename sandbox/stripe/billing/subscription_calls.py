"""/v1/subscriptions and /v1/subscription_items"""

from __future__ import annotations

from typing import Any

from sandbox.store import Json, equals
from sandbox.stripe import customers, params
from sandbox.stripe.billing import (
    clocks,
    pending,
    renewals,
    signup,
    standing,
    subscription_form,
    subscriptions,
    terms,
    updates,
)
from sandbox.stripe.billing.terms import Terms
from sandbox.stripe.endpoints import endpoint, page, slice_of
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call


@endpoint("POST", "/v1/subscriptions", subscription_form.CREATE)
def create(call: Call, given: dict[str, Any]) -> Json:
    customer = customers.alive(call, given["customer"])
    behavior = given.get("payment_behavior", "allow_incomplete")
    if behavior == "pending_if_incomplete":
        raise InvalidParameter(
            "payment_behavior=pending_if_incomplete is for updates of a subscription only.", param="payment_behavior"
        )
    wanted = terms_of(call, customer, given)
    return signup.begin(call, customer, wanted, behavior, off_session=given.get("off_session", False))


def terms_of(call: Call, customer: Json, given: dict[str, Any]) -> Terms:
    """The terms that parameters ask for. Raises InvalidParameter and InvalidRequest."""
    now = clocks.now(call, customer)
    items = [terms.wanted(call, each, f"items[{at}]", recurring=True) for at, each in enumerate(given["items"])]
    terms.require_alike([each.price for each in items])
    require_method(call, customer, given)
    method = given.get("collection_method", "charge_automatically")
    if (method == "send_invoice") != ("days_until_due" in given):
        raise InvalidParameter(
            "days_until_due must be given with collection_method=send_invoice, and only with it.",
            param="days_until_due",
        )
    anchor = given.get("billing_cycle_anchor")
    if anchor is not None and anchor <= now:
        raise InvalidParameter("billing_cycle_anchor must be in the future.", param="billing_cycle_anchor")
    return Terms(
        items=items,
        extras=terms.extras(call, given),
        trial_end=trial_end(items, given, now),
        trial_end_behavior=terms.trial_end_behavior(given),
        anchor=anchor,
        proration_behavior=given.get("proration_behavior", "create_prorations"),
        billing_mode=(given.get("billing_mode") or {}).get("type", "flexible"),
        cancel_at=given.get("cancel_at"),
        cancel_at_period_end=given.get("cancel_at_period_end", False),
        collection_method=method,
        days_until_due=given.get("days_until_due"),
        default_payment_method=given.get("default_payment_method"),
        save_default=(given.get("payment_settings") or {}).get("save_default_payment_method"),
        description=given.get("description"),
        invoice_settings=given.get("invoice_settings") or {},
        metadata=given.get("metadata"),
    )


def trial_end(items: list[terms.Wanted], given: dict[str, Any], now: int) -> int | None:
    """The trial that is asked for, or with trial_from_plan that of the price."""
    days = items[0].price["recurring"]["trial_period_days"]
    if given.get("trial_from_plan") and days:
        given = {"trial_period_days": days}
    return terms.trial_end(given, now)


def require_method(call: Call, customer: Json, given: dict[str, Any]) -> None:
    """A default payment method must be the customer's."""
    if identifier := given.get("default_payment_method"):
        method = call.get(identifier, "payment_method", "default_payment_method")
        if method["customer"] != customer["id"]:
            raise InvalidRequest(
                "The customer does not have a payment method with the ID "
                f"{identifier[:80]}. The payment method must be attached to the customer.",
                code="resource_missing",
                param="default_payment_method",
            )


@endpoint(
    "GET",
    "/v1/subscriptions",
    {
        **params.PAGE,
        "automatic_tax": params.not_here,
        "collection_method": params.choice("charge_automatically", "send_invoice"),
        "created": params.moment,
        "current_period_end": params.moment,
        "current_period_start": params.moment,
        "customer": params.text(),
        "customer_account": params.not_here,
        "plan": params.text(),
        "price": params.text(),
        "status": params.choice("all", "ended", *standing.LIVE, "incomplete", *standing.OVER),
        "test_clock": params.text(),
    },
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = [(equals(n), given[n]) for n in ("customer", "test_clock") if n in given]
    if "collection_method" in given:
        where.append(("json_extract(body, '$.collection_method') = ?", given["collection_method"]))
    where.append(_with_status(given.get("status")))
    if price := given.get("price") or given.get("plan"):
        has = "EXISTS (SELECT 1 FROM json_each(body, '$.items.data') WHERE json_extract(value, '$.price.id') = ?)"
        where.append((has, price))
    operators = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "="}
    for name in ("current_period_end", "current_period_start"):
        for operator, value in (given.get(name) or {}).items():
            where.append((f"json_extract(body, '$.items.data[0].{name}') {operators[operator]} ?", value))
    return page(call, "subscription", given, "/v1/subscriptions", where)


def _with_status(wanted: str | None) -> tuple[str, Any]:
    """The condition of a status filter; without one, canceled subscriptions are left out."""
    status = "json_extract(body, '$.status')"
    if wanted == "all":
        return "1 = ?", 1
    if wanted == "ended":
        return f"{status} IN ('canceled', ?)", "incomplete_expired"
    return (f"{status} = ?", wanted) if wanted else (f"{status} != ?", "canceled")


@endpoint("GET", "/v1/subscriptions/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "subscription")


@endpoint("POST", "/v1/subscriptions/{id}", subscription_form.UPDATE)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    subscription = call.get(identifier, "subscription")
    require_method(call, call.get(subscription["customer"], "customer"), given)
    waits = given.get("payment_behavior") == "pending_if_incomplete"
    (pending if waits else updates).update(call, subscription, given)
    return call.get(identifier, "subscription")


@endpoint("DELETE", "/v1/subscriptions/{id}", subscription_form.CANCEL)
def cancel(call: Call, given: dict[str, Any], identifier: str) -> Json:
    subscription = call.get(identifier, "subscription")
    if subscription["status"] in standing.OVER:
        raise InvalidRequest(f"No such subscription: {identifier}", code="resource_missing", param="id")
    updates.cancel(call, subscription, given)
    return call.get(identifier, "subscription")


@endpoint(
    "POST",
    "/v1/subscriptions/{id}/pause",
    {
        "bill_for": params.not_here,
        "invoicing_behavior": params.choice("invoice", "pending_invoice_item"),
        "type": params.choice("subscription"),
    },
)
def pause(call: Call, given: dict[str, Any], identifier: str) -> Json:
    subscription = call.get(identifier, "subscription")
    if subscription["billing_mode"]["type"] != "flexible":
        raise InvalidRequest("Only subscriptions with billing_mode=flexible can be paused.")
    if subscription["status"] not in ("active", "trialing", "past_due"):
        raise InvalidRequest(f"A subscription that is {subscription['status']} can't be paused.")
    renewals.pause(call, subscription, "pause_requested")
    return subscription


@endpoint(
    "POST",
    "/v1/subscriptions/{id}/resume",
    {
        "billing_cycle_anchor": params.shape({"type*": params.choice("now", "unchanged")}),
        "payment_behavior": params.choice("resume_on_payment_attempt", "resume_on_payment_success"),
        "proration_behavior": subscription_form.PRORATION,
        "proration_date": params.not_here,
    },
)
def resume(call: Call, given: dict[str, Any], identifier: str) -> Json:
    subscription = call.get(identifier, "subscription")
    if subscription["status"] != "paused":
        raise InvalidRequest(f"Only a paused subscription can be resumed; this one is {subscription['status']}.")
    updates.resume(call, subscription, given)
    return call.get(identifier, "subscription")


@endpoint("GET", "/v1/subscription_items", {**params.PAGE, "subscription*": params.text()})
def list_items(call: Call, given: dict[str, Any]) -> Json:
    subscription = call.get(given["subscription"], "subscription", "subscription")
    return slice_of(subscriptions.items(subscription), given, "/v1/subscription_items")
