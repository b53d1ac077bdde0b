"""Controls that make the network bad: webhook rules and deliveries, faults of /v1 calls."""

from __future__ import annotations

import random
from dataclasses import asdict
from typing import Any

from starlette.requests import Request

from sandbox import faults, outbox
from sandbox.controls.desk import Desk, Unknown, control, locate
from sandbox.controls.forms import BadInput, Body, read
from sandbox.faults import Fault
from sandbox.outbox import Rule
from sandbox.stripe import events


def _new_id(desk: Desk) -> int:
    number = int(desk.world.store.get_meta("last_rule", 0)) + 1
    desk.world.store.set_meta("last_rule", number)
    return number


def _uses(body: Body, default: int | None) -> int | None:
    """`next`: how many uses, or null for until removed."""
    if "next" in body.fields and body.fields["next"] is None:
        body.fields.pop("next")
        return None
    uses: int | None = body.whole("next", default, least=1, most=10**6)
    return uses


@control("GET", "/sandbox/webhooks/rules")
async def list_rules(desk: Desk, request: Request) -> Any:
    """The rules in force."""
    return {"rules": [asdict(rule) for rule in outbox.rules(desk.world.store)]}


@control("POST", "/sandbox/webhooks/rules")
async def add_rule(desk: Desk, request: Request) -> Any:
    """{"action": "drop" | "duplicate" | "twin" | "delay" | "hold", "types": ["charge.*"], "next": 3, "copies": 1,
    "seconds": 5}: what happens to the next n deliveries (null or absent: until removed) of these event types (absent:
    all). duplicate sends `copies` more, twin as Event objects of their own; delay is by the sandbox's clock; held ones
    wait for /sandbox/webhooks/release."""
    body = await read(request)
    rule = Rule(
        id=_new_id(desk),
        action=body.text("action", among=("drop", "duplicate", "twin", "delay", "hold")),
        types=body.texts("types", ["*"]),
        next=_uses(body, None),
        seconds=body.number("seconds", 0, most=10**8),
        copies=body.whole("copies", 1, least=1, most=100),
    )
    body.done()
    outbox.save_rules(desk.world.store, [*outbox.rules(desk.world.store), rule])
    return asdict(rule)


@control("DELETE", "/sandbox/webhooks/rules")
async def clear_rules(desk: Desk, request: Request) -> Any:
    """Removes all rules; what they hold stays held."""
    outbox.save_rules(desk.world.store, [])
    return {"rules": []}


@control("DELETE", "/sandbox/webhooks/rules/{number}")
async def remove_rule(desk: Desk, request: Request) -> Any:
    """Removes one rule."""
    rules = outbox.rules(desk.world.store)
    kept = [rule for rule in rules if str(rule.id) != request.path_params["number"]]
    if len(kept) == len(rules):
        raise Unknown("there is no such rule")
    outbox.save_rules(desk.world.store, kept)
    return {"rules": [asdict(rule) for rule in kept]}


@control("GET", "/sandbox/webhooks/deliveries")
async def deliveries(desk: Desk, request: Request) -> Any:
    """Deliveries with their attempts, oldest first; filters ?event=evt_...&endpoint=we_...&state=pending (or delivered,
    failed, dropped, held)."""
    where, args = ["1"], []
    for name in ("event", "state", "endpoint"):
        if (value := request.query_params.get(name)) is not None:
            where.append(f"d.{name} = ?")
            args.append(value)
    rows = desk.world.store.all(
        "SELECT d.*, json_extract(o.body, '$.type') AS type FROM deliveries d LEFT JOIN objects o ON o.id = d.event "  # noqa: S608
        f"AND o.livemode = d.livemode WHERE {' AND '.join(where)} ORDER BY d.seq LIMIT 10000",
        *args,
    )
    return {"deliveries": [outbox.describe(row, row["type"]) for row in rows]}


@control("POST", "/sandbox/webhooks/release")
async def release(desk: Desk, request: Request) -> Any:
    """{"order": "given" | "shuffled" | "reversed", "ids": [3, 1, 2], "seed": 7} sends held deliveries (absent ids: all)
    in this order, one after the other."""
    body = await read(request)
    order = body.text("order", "given", among=("given", "shuffled", "reversed"))
    wanted, seed = body.wholes("ids", None), body.whole("seed", None)
    body.done()
    store = desk.world.store
    held = [row["seq"] for row in store.all("SELECT seq FROM deliveries WHERE state = 'held' ORDER BY seq")]
    chosen = held if wanted is None else wanted
    if strangers := [number for number in chosen if number not in held]:
        raise BadInput(f"not held: {strangers[:20]}")
    if order == "reversed":
        chosen = chosen[::-1]
    elif order == "shuffled":
        chosen = random.Random(seed).sample(chosen, len(chosen))  # noqa: S311
    now = desk.world.now()
    with store.transaction():
        for place, number in enumerate(chosen):
            # times in the past, a hair apart: due at once, and in this order
            when = now - 1 + place / 1e5
            store.run(
                "UPDATE deliveries SET state = 'pending', next_at = ?, story = 'release' WHERE seq = ?", when, number
            )
    desk.sender.send_due()
    return {"released": chosen}


@control("POST", "/sandbox/events/{id}/resend")
async def resend(desk: Desk, request: Request) -> Any:
    """{"endpoint": "we_..."} sends an event again to one endpoint, or to all that listen; rules do not apply."""
    body = await read(request)
    only = body.text("endpoint", None)
    body.done()
    livemode, event = locate(desk.world, request.path_params["id"], "event")
    call = desk.world.call(livemode)
    listening = [each for each in events.endpoints(call) if events.listens(each, event["type"], event.get("account"))]
    targets = [each["id"] for each in listening]
    if only is not None and only not in targets:
        raise BadInput(f"{only} does not listen to {event['type']}")
    chosen = [only] if only else targets
    for endpoint in chosen:
        outbox.add(call, event, endpoint, state="pending", when=desk.world.now(), rule="resend")
    return {"resent": chosen}


@control("GET", "/sandbox/faults")
async def list_faults(desk: Desk, request: Request) -> Any:
    """The faults in force."""
    return {"faults": [asdict(fault) for fault in faults.active(desk.world.store)]}


@control("POST", "/sandbox/faults")
async def add_fault(desk: Desk, request: Request) -> Any:
    """{"kind": "status" | "hang" | "reset", "method": "POST", "path": "/v1/refunds*", "when": "before" | "after",
    "next": 1, "status": 500, "seconds": 30, "stored": true}: the next n /v1 calls that match (null: all) fail before or
    after the work is done. hang answers nothing for so many real seconds and then drops the connection. `stored`: the
    idempotency key remembers the failure (Stripe keeps its 500s: the default for 500 only); else a retry gets the
    work's true answer."""
    body = await read(request)
    kind = body.text("kind", "status", among=faults.KINDS)
    status = body.whole("status", 500, least=400, most=599)
    fault = Fault(
        id=_new_id(desk),
        kind=kind,
        method=body.text("method", "*").upper(),
        path=body.text("path", "*"),
        when=body.text("when", "before", among=("before", "after")),
        next=_uses(body, 1),
        status=status,
        seconds=body.number("seconds", 30, most=600),
        stored=body.flag("stored", kind == "status" and status == 500),
    )
    body.done()
    faults.save(desk.world.store, [*faults.active(desk.world.store), fault])
    return asdict(fault)


@control("DELETE", "/sandbox/faults")
async def clear_faults(desk: Desk, request: Request) -> Any:
    """Removes all faults."""
    faults.save(desk.world.store, [])
    return {"faults": []}
