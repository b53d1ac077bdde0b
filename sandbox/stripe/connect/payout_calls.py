"""/v1/payouts"""

from __future__ import annotations

from typing import Any

from sandbox.store import Json, equals
from sandbox.stripe import events, params
from sandbox.stripe.connect import payouts
from sandbox.stripe.endpoints import endpoint, page, within
from sandbox.world import Call

STATUSES = ("canceled", "failed", "in_transit", "paid", "pending")


@endpoint(
    "POST",
    "/v1/payouts",
    {
        "amount*": params.integer(1, 10**12),
        "currency*": params.currency,
        "description": params.text(),
        "destination": params.text(),
        "metadata": params.metadata,
        "method": params.choice("standard"),
        "payout_method": params.not_here,
        "source_type": params.choice("card"),
        "statement_descriptor": params.text(22),
    },
    connected=True,
)
def create(call: Call, given: dict[str, Any]) -> Json:
    return payouts.ask(call, given)


@endpoint(
    "GET",
    "/v1/payouts",
    {
        **params.PAGE,
        "arrival_date": params.moment,
        "created": params.moment,
        "destination": params.text(),
        "status": params.choice(*STATUSES),
    },
    connected=True,
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where: list[tuple[str, Any]] = []
    if "destination" in given:
        where.append((equals("destination"), given["destination"]))
    if "status" in given:
        where.append(("json_extract(body, '$.status') = ?", given["status"]))
    where += within("json_extract(body, '$.arrival_date')", given.get("arrival_date"))
    return page(call, "payout", given, "/v1/payouts", where)


@endpoint("GET", "/v1/payouts/{id}", connected=True)
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "payout")


@endpoint("POST", "/v1/payouts/{id}", {"metadata": params.metadata}, connected=True)
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    payout = call.get(identifier, "payout")
    if "metadata" not in given:
        return payout
    metadata = params.merged(payout["metadata"], given["metadata"])
    return events.change(call, payout, "payout.updated", metadata=metadata)


@endpoint("POST", "/v1/payouts/{id}/cancel", connected=True)
def cancel(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return payouts.cancel(call, call.get(identifier, "payout"))
