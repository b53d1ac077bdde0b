"""What belongs to the account: itself, its balance and its lines, charges, events, webhook endpoints."""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.store import Json, equals
from sandbox.stripe import events, ids, ledger, params
from sandbox.stripe.connect import accounts
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.stripe.version import API_VERSION
from sandbox.world import Call

THIRTY_DAYS = 30 * 86400


@endpoint("GET", "/v1/account", connected=True)
def account(call: Call, given: dict[str, Any]) -> Json:
    world = call.world
    if call.account:
        return accounts.get(call, call.account)
    return {
        "id": world.account,
        "object": "account",
        "business_profile": {
            "annual_revenue": None,
            "mcc": "5734",
            "minority_owned_business_designation": None,
            "name": world.settings.merchant_name,
            "support_address": None,
            "support_email": None,
            "support_phone": None,
            "support_url": None,
            "url": None,
            "specified_commercial_transactions_act_url": None,
        },
        "business_type": None,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": "US",
        "created": world.identity["created"],
        "default_currency": "usd",
        "details_submitted": True,
        "email": "merchant@example.com",
        "metadata": {},
        "payouts_enabled": True,
        "type": "standard",
    }


@endpoint("GET", "/v1/balance", connected=True)
def balance(call: Call, given: dict[str, Any]) -> Json:
    available, pending = ledger.totals(call)
    home = account(call, {})["default_currency"]

    def rows(side: dict[str, int]) -> list[Json]:
        return [
            {"amount": amount, "currency": currency, "source_types": {"card": amount}}
            for currency, amount in sorted({home: 0, **side}.items())
        ]

    return {
        "object": "balance",
        "available": rows(available),
        "livemode": call.livemode,
        "pending": rows(pending),
    }


@endpoint(
    "GET",
    "/v1/balance_transactions",
    {
        **params.PAGE,
        "created": params.moment,
        "currency": params.currency,
        "payout": params.text(),
        "source": params.text(),
        "type": params.text(),
    },
    connected=True,
)
def list_balance_transactions(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = [(equals(n), given[n]) for n in ("source", "type") if n in given]
    if "currency" in given:
        where.append(("json_extract(body, '$.currency') = ?", given["currency"]))
    if "payout" in given:
        _require_reconciled(call.get(given["payout"], "payout", "payout"))
        where.append(("json_extract(body, '$._.payout') = ?", given["payout"]))
    return page(call, "balance_transaction", given, "/v1/balance_transactions", where)


def _require_reconciled(payout: Json) -> None:
    """What a payout is made of is known of automatic ones only, and not at once."""
    if not payout["automatic"]:
        raise InvalidRequest("Balance transaction history can only be filtered on automatic payouts, not manual.")
    if payout["reconciliation_status"] != "completed":
        raise InvalidRequest(
            "Reconciliation on this payout is still in progress.", code="payout_reconciliation_not_ready"
        )


@endpoint("GET", "/v1/balance_transactions/{id}", connected=True)
def retrieve_balance_transaction(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "balance_transaction")


@endpoint(
    "GET",
    "/v1/charges",
    {
        **params.PAGE,
        "created": params.moment,
        "customer": params.text(),
        "payment_intent": params.text(),
        "transfer_group": params.text(),
    },
    connected=True,
)
def list_charges(call: Call, given: dict[str, Any]) -> Json:
    names = ("customer", "payment_intent", "transfer_group")
    where = [(equals(name), given[name]) for name in names if name in given]
    return page(call, "charge", given, "/v1/charges", where)


@endpoint("GET", "/v1/charges/{id}", connected=True)
def retrieve_charge(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "charge", "charge")


@endpoint(
    "POST",
    "/v1/charges/{id}",
    {
        "customer": params.not_here,
        "description": params.text(40000),
        "fraud_details": params.not_here,
        "metadata": params.metadata,
        "receipt_email": params.text(),
        "shipping": params.shape(params.SHIPPING),
        "transfer_group": params.text(),
    },
)
def update_charge(call: Call, given: dict[str, Any], identifier: str) -> Json:
    charge = call.get(identifier, "charge", "charge")
    given.pop("expand", None)
    if "metadata" in given:
        given["metadata"] = params.merged(charge["metadata"], given["metadata"])
    return events.change(call, charge, "charge.updated", **given)


@endpoint(
    "GET",
    "/v1/events",
    {
        **params.PAGE,
        "created": params.moment,
        "delivery_success": params.boolean,
        "type": params.text(),
        "types": params.each(params.text(), 20),
    },
    connected=True,
)
def list_events(call: Call, given: dict[str, Any]) -> Json:
    if "type" in given and "types" in given:
        raise InvalidParameter("You may only specify one of: type, types.", code="parameters_exclusive", param="types")
    where: list[tuple[str, Any]] = [("created >= ?", call.now - THIRTY_DAYS)]
    if "type" in given:
        where.append(("json_extract(body, '$.type') GLOB ?", given["type"].replace("[", "")))
    if wanted := given.get("types"):
        where.append(("json_extract(body, '$.type') IN (SELECT value FROM json_each(?))", json.dumps(wanted)))
    if "delivery_success" in given:
        open_ones = "EXISTS (SELECT 1 FROM deliveries WHERE event = objects.id AND state != 'delivered') = ?"
        where.append((open_ones, not given["delivery_success"]))
    return page(call, "event", given, "/v1/events", where)


@endpoint("GET", "/v1/events/{id}", connected=True)
def retrieve_event(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "event")


# -- webhook endpoints -----------------------------------------------------------------

EVENT_TYPES = params.each(params.text(120), most=300)


@endpoint(
    "POST",
    "/v1/webhook_endpoints",
    {
        "enabled_events*": EVENT_TYPES,
        "url*": params.url,
        "api_version": params.text(40),
        "connect": params.boolean,
        "description": params.text(unset=True),
        "metadata": params.metadata,
    },
)
def create_endpoint(call: Call, given: dict[str, Any]) -> Json:
    if given.get("api_version", API_VERSION) != API_VERSION:
        raise InvalidParameter(f"The sandbox renders events in {API_VERSION} only.", param="api_version")
    _check_types(given["enabled_events"])
    if len(events.endpoints(call)) >= 16:
        raise InvalidParameter("You have reached the maximum of 16 webhook endpoints.", param="url")
    secret = f"whsec_{ids.token(32)}"
    made = call.insert(
        {
            "id": ids.new("we"),
            "object": "webhook_endpoint",
            "api_version": given.get("api_version"),
            "application": accounts.application_of(call) if given.get("connect") else None,
            "created": call.now,
            "description": given.get("description"),
            "enabled_events": given["enabled_events"],
            "livemode": call.livemode,
            "metadata": params.merged({}, given.get("metadata")),
            "status": "enabled",
            "url": given["url"],
            "_": {"secret": secret, "connect": given.get("connect", False)},
        }
    )
    return {**made, "secret": secret}


def _check_types(types: list[str]) -> None:
    if not types:
        raise InvalidParameter("You must select at least one event.", param="enabled_events")
    for type in types:
        if type != "*" and not re.fullmatch(r"[a-z_]+(\.[a-z_0-9]+)+", type):
            raise InvalidParameter(f"Invalid enabled_events: {type[:80]} is no event type", param="enabled_events")
    if "*" in types and len(types) > 1:
        raise InvalidParameter("`*` can't be combined with other event types.", param="enabled_events")


@endpoint("GET", "/v1/webhook_endpoints", params.PAGE)
def list_endpoints(call: Call, given: dict[str, Any]) -> Json:
    return page(call, "webhook_endpoint", given, "/v1/webhook_endpoints")


@endpoint("GET", "/v1/webhook_endpoints/{id}")
def retrieve_endpoint(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "webhook_endpoint")


@endpoint(
    "POST",
    "/v1/webhook_endpoints/{id}",
    {
        "description": params.text(unset=True),
        "disabled": params.boolean,
        "enabled_events": EVENT_TYPES,
        "metadata": params.metadata,
        "url": params.url,
    },
)
def update_endpoint(call: Call, given: dict[str, Any], identifier: str) -> Json:
    endpoint = call.get(identifier, "webhook_endpoint")
    changes = params.picked(given, "description", "enabled_events", "url")
    if "enabled_events" in given:
        _check_types(given["enabled_events"])
    if "disabled" in given:
        changes["status"] = "disabled" if given["disabled"] else "enabled"
    if "metadata" in given:
        changes["metadata"] = params.merged(endpoint["metadata"], given["metadata"])
    return events.change(call, endpoint, **changes)


@endpoint("DELETE", "/v1/webhook_endpoints/{id}")
def delete_endpoint(call: Call, given: dict[str, Any], identifier: str) -> Json:
    call.get(identifier, "webhook_endpoint")
    call.store.run("DELETE FROM objects WHERE livemode = ? AND id = ?", call.livemode, identifier)
    return {"id": identifier, "object": "webhook_endpoint", "deleted": True}
