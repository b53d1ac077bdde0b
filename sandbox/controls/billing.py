"""Controls of subscriptions: a customer's own time, their taxes, and what their bank says from now on."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from starlette.requests import Request

from sandbox.controls.desk import Desk, control, locate, payer_call
from sandbox.controls.forms import BadInput, Body, read
from sandbox.controls.payments import method_of
from sandbox.controls.time_and_state import FARTHEST
from sandbox.store import Json
from sandbox.stripe import cards, ids, methods, paying, setups
from sandbox.stripe.billing import clock_calls, clocks, collection, invoices, portal, standing, subscriptions, taxes
from sandbox.stripe.errors import StripeError
from sandbox.wire import base_url
from sandbox.world import Call, public

BREATH = 0.03
"""Real seconds of work on a clock before webhooks and other calls have their turn, for as long."""
DECLINES = (*cards.DECLINES, "authentication_required")


@control("POST", "/sandbox/customers/{id}/advance")
async def advance(desk: Desk, request: Request) -> Any:
    """{"seconds": 3600}, {"days": 31}, {"to": 1798761600} or {"renew": true} moves the customer's own clock and does
    all that comes due on the way: renewals, retries, ends of trials. A customer without a test clock gets one, which
    stands still between the moves. "renew" goes to a minute after the next renewal was charged. Webhooks of each moment
    are waited for before the next, unless "settle" is false."""
    body = await read(request)
    livemode, customer = locate(desk.world, request.path_params["id"], "customer")
    call = desk.world.call(livemode)
    wait = body.flag("settle", True)
    with call.store.transaction():
        target = _target(call, body, [customer])
        clock = _clock_of(call, [customer])
    steps = await _run(desk, call, clock, target, wait=wait)
    return {"clock": clock, "now": target, "steps": steps}


@control("POST", "/sandbox/customers/advance")
async def advance_many(desk: Desk, request: Request) -> Any:
    """As for one customer, but for all of "customers" (absent: all who have a subscription and no clock), on one new
    clock, and without waiting for their webhooks: the renewal hour of thousands."""
    body = await read(request)
    call = desk.world.call(False)
    wanted = body.texts("customers", None)
    found = _subscribers(call) if wanted is None else [call.find(each, "customer") for each in wanted]
    chosen = [each for each in found if each and not each["test_clock"] and not each.get("deleted")]
    if not chosen:
        raise BadInput("there is no such customer without a clock")
    with call.store.transaction():
        target = _target(call, body, chosen)
        clock = _clock_of(call, chosen)
    steps = await _run(desk, call, clock, target, wait=False)
    return {"clock": clock, "now": target, "steps": steps, "customers": len(chosen)}


def _subscribers(call: Call) -> list[Json]:
    query = "SELECT id FROM objects WHERE livemode = ? AND kind = 'subscription' ORDER BY seq"
    found = [call.get(row["id"], "subscription") for row in call.store.all(query, call.livemode)]
    owners = {each["customer"]: None for each in found if each["status"] in standing.LIVE}
    return [call.get(each, "customer") for each in owners]


def _target(call: Call, body: Body, customers: list[Json]) -> int:
    """The moment that the body names, by the customers' clock."""
    now = max(clocks.now(call, each) for each in customers)
    told = [name for name in ("seconds", "days", "to", "renew") if name in body.fields]
    if len(told) != 1:
        raise BadInput("say one of seconds, days, to and renew")
    if body.flag("renew"):
        target = max(_next_renewal(call, each) for each in customers) + invoices.DRAFT_SECONDS + 60
    else:
        seconds = body.number("seconds", 0, most=FARTHEST) + 86400 * body.number("days", 0, most=FARTHEST // 86400)
        target = int(body.whole("to", int(now + seconds)))
    body.done()
    if target < now:
        raise BadInput(f"the customer's clock is at {now} and does not go back")
    if target > call.world.now() + FARTHEST:
        raise BadInput("a clock can be at most 30 years ahead")
    return target


def _next_renewal(call: Call, customer: Json) -> int:
    own = call.store.linked(call.livemode, "subscription", "customer", customer["id"])
    ends = [subscriptions.period(each)[1] for each in own if each["status"] in standing.LIVE]
    if not ends:
        raise BadInput(f"{customer['id']} has no subscription that goes on")
    return min(ends)


def _clock_of(call: Call, customers: list[Json]) -> str:
    """The clock that the first customer has, or a new one for all."""
    if customers[0]["test_clock"]:
        return str(customers[0]["test_clock"])
    clock = clock_calls.make(call, int(call.world.now()), "made by the sandbox's desk")
    for each in customers:
        clock_calls.attach(call, each, clock)
    return str(clock["id"])


async def _run(desk: Desk, call: Call, clock: str, target: int, *, wait: bool) -> int:
    """Steps on the clock up to the target; between moments webhooks are waited for, or only let go."""
    steps = 0
    with call.store.transaction():
        clock_calls.begin(call, call.get(clock, "test_helpers.test_clock"), target)
    while done := _some_steps(desk, call.livemode, clock, target, 0 if wait else BREATH):
        steps += done
        if wait:
            await desk.sender.settle(desk.sender.timeout + 1, retries=False)
        else:
            desk.sender.send_due()
            await asyncio.sleep(BREATH)
    with call.store.transaction():
        clock_calls.finish(desk.world.call(call.livemode), clock, target)
    return steps


def _some_steps(desk: Desk, livemode: bool, clock: str, target: int, seconds: float) -> int:
    """Steps for about so long, at least one; how many there were to take."""
    done, until = 0, time.monotonic() + seconds
    call = desk.world.call(livemode)
    with call.store.transaction():
        while clocks.step(call, clock, target):
            done += 1
            if time.monotonic() >= until:
                break
    return done


@control("POST", "/sandbox/invoices/{id}/pay")
async def pay(desk: Desk, request: Request) -> Any:
    """Pays an open invoice on its page, as its payer would: {} with 4242..., or {"card"}, {"method"}, {"outcome"} and
    {"three_d_secure"} as for a session; {"card": "pm_..."} is a method that its customer has saved."""
    body = await read(request)
    livemode, invoice = locate(desk.world, request.path_params["id"], "invoice")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    if invoice["status"] not in ("open", "uncollectible"):
        raise BadInput(f"the invoice is {invoice['status']}")
    try:
        with call.store.transaction():
            method, outcome = method_of(call, body, methods.available(invoice["currency"], allowed=None, excluded=[]))
            body.done()
            intent = collection.pay(call, invoice, method, off_session=False)
            _answer(call, intent, outcome)
    except StripeError as error:
        raise BadInput(error.message) from error
    return _told(call, "invoice", invoice["id"], intent)


@control("POST", "/sandbox/portal_sessions/{id}/save")
async def save(desk: Desk, request: Request) -> Any:
    """Saves a card in the billing portal, as its customer would: {"card"} and {"three_d_secure"} as for a session."""
    body = await read(request)
    livemode, session = locate(desk.world, request.path_params["id"], "billing_portal.session")
    call = payer_call(desk, livemode, base_url(request, desk.public_url))
    try:
        with call.store.transaction():
            method, outcome = method_of(call, body, setups.offered(None, None, []))
            body.done()
            intent = portal.save_method(call, session, method)
            _answer(call, intent, outcome)
    except StripeError as error:
        raise BadInput(error.message) from error
    return _told(call, "customer", session["customer"], intent)


def _answer(call: Call, intent: Json | None, outcome: str) -> None:
    if intent and intent["status"] == "requires_action" and outcome != "abandon":
        paying.finish_action(call, intent, agreed=outcome == "success")


def _told(call: Call, kind: str, identifier: str, intent: Json | None) -> Json:
    told = {kind: public(call.get(identifier, kind)), "error": paying.last_error(intent)}
    return told | {intent["object"]: public(intent)} if intent else told


@control("POST", "/sandbox/customers/{id}/decline")
async def decline(desk: Desk, request: Request) -> Any:
    """{"code": "insufficient_funds"} makes every method that the customer has saved so far fail from now on;
    "authentication_required" makes their bank ask for them each time; null is well again. Methods that are saved later
    work."""
    body = await read(request)
    code = None
    if body.fields.get("code") is None:
        body.fields.pop("code", None)
    else:
        code = body.text("code", among=DECLINES)
    body.done()
    livemode, customer = locate(desk.world, request.path_params["id"], "customer")
    call = desk.world.call(livemode)
    with call.store.transaction():
        saved = call.store.linked(livemode, "payment_method", "customer", customer["id"])
        for each in saved:
            each["_"]["bank_says"] = code
            call.save(each)
    return {"code": code, "payment_methods": [each["id"] for each in saved]}


@control("POST", "/sandbox/customers/{id}/tax")
async def tax(desk: Desk, request: Request) -> Any:
    """{"percent": 19} puts a tax on every line of the customer's invoices from now on, as a merchant's settings at
    Stripe would; "inclusive": true has it within the prices. {"percent": null} takes it away."""
    body = await read(request)
    inclusive, percent = body.flag("inclusive"), None
    if body.fields.get("percent") is None:
        body.fields.pop("percent", None)
    else:
        percent = body.number("percent", most=100)
    body.done()
    livemode, customer = locate(desk.world, request.path_params["id"], "customer")
    call = desk.world.call(livemode)
    with call.store.transaction():
        customer["_"]["tax"] = None
        if percent is not None:
            parts = round(percent * taxes.PARTS_PER_PERCENT)
            customer["_"]["tax"] = {"id": ids.new("txr"), "parts": parts, "inclusive": inclusive}
        call.save(customer)
    return {"percent": percent, "inclusive": inclusive}
