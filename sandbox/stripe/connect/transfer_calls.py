"""/v1/transfers and their reversals."""

from __future__ import annotations

from typing import Any

from sandbox.store import Json, equals
from sandbox.stripe import events, params
from sandbox.stripe.connect import transfers
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import missing
from sandbox.world import Call


@endpoint(
    "POST",
    "/v1/transfers",
    {
        "amount*": params.integer(1, 10**12),
        "currency*": params.currency,
        "description": params.text(),
        "destination*": params.text(),
        "metadata": params.metadata,
        "source_transaction": params.text(),
        "source_type": params.choice("card"),
        "transfer_group": params.text(),
    },
)
def create(call: Call, given: dict[str, Any]) -> Json:
    return transfers.make(call, given)


@endpoint(
    "GET",
    "/v1/transfers",
    {**params.PAGE, "created": params.moment, "destination": params.text(), "transfer_group": params.text()},
)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    where = [(equals(name), given[name]) for name in ("destination", "transfer_group") if name in given]
    return page(call, "transfer", given, "/v1/transfers", where)


@endpoint("GET", "/v1/transfers/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "transfer")


@endpoint("POST", "/v1/transfers/{id}", {"description": params.text(), "metadata": params.metadata})
def update(call: Call, given: dict[str, Any], identifier: str) -> Json:
    transfer = call.get(identifier, "transfer")
    changes = params.picked(given, "description")
    if "metadata" in given:
        changes["metadata"] = params.merged(transfer["metadata"], given["metadata"])
    return events.change(call, transfer, "transfer.updated", **changes)


@endpoint(
    "POST",
    "/v1/transfers/{id}/reversals",
    {
        "amount": params.integer(1),
        "description": params.text(unset=True),
        "metadata": params.metadata,
        "refund_application_fee": params.not_here,
    },
)
def reverse(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return transfers.reverse(call, call.get(identifier, "transfer"), given)


@endpoint("GET", "/v1/transfers/{id}/reversals", params.PAGE)
def list_reversals(call: Call, given: dict[str, Any], identifier: str) -> Json:
    call.get(identifier, "transfer")
    url = f"/v1/transfers/{identifier}/reversals"
    return page(call, "transfer_reversal", given, url, [(equals("transfer"), identifier)])


def _reversal(call: Call, transfer: str, identifier: str) -> Json:
    found = call.get(identifier, "transfer_reversal")
    if found["transfer"] != transfer:
        raise missing("transfer_reversal", identifier[:80])
    return found


@endpoint("GET", "/v1/transfers/{transfer}/reversals/{id}")
def retrieve_reversal(call: Call, given: dict[str, Any], transfer: str, identifier: str) -> Json:
    return _reversal(call, transfer, identifier)


@endpoint("POST", "/v1/transfers/{transfer}/reversals/{id}", {"metadata": params.metadata})
def update_reversal(call: Call, given: dict[str, Any], transfer: str, identifier: str) -> Json:
    reversal = _reversal(call, transfer, identifier)
    if "metadata" in given:
        events.change(call, reversal, metadata=params.merged(reversal["metadata"], given["metadata"]))
        transfers.show(call, call.get(transfer, "transfer"))
    return reversal
