"""/v1/test_helpers/test_clocks"""

from __future__ import annotations

from typing import Any

from sandbox.store import Json
from sandbox.stripe import customers, events, ids, params
from sandbox.stripe.billing import clocks
from sandbox.stripe.endpoints import endpoint, page
from sandbox.stripe.errors import InvalidParameter, InvalidRequest
from sandbox.world import Call

TWO_YEARS = 2 * 366 * 86400
LIFE_SECONDS = 30 * 86400


def make(call: Call, frozen_time: int, name: str | None = None) -> Json:
    """A clock that stands still at that moment."""
    clock = call.insert(
        {
            "id": ids.new("clock"),
            "object": "test_helpers.test_clock",
            "created": call.now,
            "deletes_after": call.now + LIFE_SECONDS,
            "frozen_time": frozen_time,
            "livemode": call.livemode,
            "name": name,
            "status": "ready",
            "status_details": {},
        }
    )
    events.emit(call, "test_helpers.test_clock.created", clock)
    return clock


@endpoint(
    "POST",
    "/v1/test_helpers/test_clocks",
    {"frozen_time*": params.integer(0), "customer": params.not_here, "name": params.text(300)},
)
def create(call: Call, given: dict[str, Any]) -> Json:
    if call.livemode:
        raise InvalidRequest("Test clocks are for test mode only.")
    return make(call, given["frozen_time"], given.get("name"))


@endpoint("GET", "/v1/test_helpers/test_clocks", params.PAGE)
def list_all(call: Call, given: dict[str, Any]) -> Json:
    return page(call, "test_helpers.test_clock", given, "/v1/test_helpers/test_clocks")


@endpoint("GET", "/v1/test_helpers/test_clocks/{id}")
def retrieve(call: Call, given: dict[str, Any], identifier: str) -> Json:
    return call.get(identifier, "test_helpers.test_clock")


@endpoint("POST", "/v1/test_helpers/test_clocks/{id}/advance", {"frozen_time*": params.integer(0)})
def advance(call: Call, given: dict[str, Any], identifier: str) -> Json:
    """Stripe does the work after the answer; here it is done with it, and the clock is ready at once."""
    clock, target = call.get(identifier, "test_helpers.test_clock"), given["frozen_time"]
    if target <= clock["frozen_time"]:
        raise InvalidParameter("A test clock can only be advanced: frozen_time is in its past.", param="frozen_time")
    if target > clock["frozen_time"] + TWO_YEARS:
        raise InvalidParameter("A test clock can be advanced by two years at a time.", param="frozen_time")
    begin(call, clock, target)
    while clocks.step(call, identifier, target):
        pass
    return finish(call, identifier, target)


def begin(call: Call, clock: Json, target: int) -> None:
    details = {"advancing": {"target_frozen_time": target}}
    events.change(call, clock, status="advancing", status_details=details)
    events.emit(call, "test_helpers.test_clock.advancing", clock)


def finish(call: Call, identifier: str, target: int) -> Json:
    clock = clocks.freeze(call, identifier, target)
    events.change(call, clock, status="ready", status_details={})
    events.emit(call, "test_helpers.test_clock.ready", clock)
    return clock


@endpoint("DELETE", "/v1/test_helpers/test_clocks/{id}")
def delete(call: Call, given: dict[str, Any], identifier: str) -> Json:
    """Its customers go with it, and their subscriptions end."""
    clock = call.get(identifier, "test_helpers.test_clock")
    for each in call.store.linked(call.livemode, "customer", "test_clock", identifier):
        customers.delete(call, {}, each["id"])
    events.emit(call, "test_helpers.test_clock.deleted", clock)
    call.store.run("DELETE FROM due WHERE clock = ?", identifier)
    call.store.run("DELETE FROM objects WHERE livemode = ? AND id = ?", call.livemode, identifier)
    return {"id": identifier, "object": "test_helpers.test_clock", "deleted": True}


def attach(call: Call, customer: Json, clock: Json) -> None:
    """Puts a customer who had none on a clock, with all that is planned for them. No API call of Stripe's does this."""
    events.change(call, customer, test_clock=clock["id"])
    for kind in ("subscription", "invoice"):
        for each in call.store.linked(call.livemode, kind, "customer", customer["id"]):
            events.change(call, each, test_clock=clock["id"])
            call.store.run("UPDATE due SET clock = ? WHERE subject = ?", clock["id"], each["id"])
