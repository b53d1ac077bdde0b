"""Controls for the clock, settings, waiting and starting over."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

from starlette.requests import Request

from sandbox import clock, outbox
from sandbox.controls.desk import Desk, control
from sandbox.controls.forms import BadInput, read
from sandbox.settings import Settings
from sandbox.stripe.billing import dunning

FARTHEST = 30 * 365 * 86400
"""Seconds that the clock may be ahead."""


@control("GET", "/sandbox/state")
async def state(desk: Desk, request: Request) -> Any:
    """The clock, the account and how much there is of everything."""
    store = desk.world.store
    counts = store.all("SELECT kind, count(*) AS n FROM objects GROUP BY kind ORDER BY kind")
    deliveries = store.all("SELECT state, count(*) AS n FROM deliveries GROUP BY state")
    return {
        "account": desk.world.account,
        "now": desk.world.now(),
        "ahead_seconds": desk.world.ahead,
        "objects": {row["kind"]: row["n"] for row in counts},
        "deliveries": {row["state"]: row["n"] for row in deliveries},
        "in_flight": len(desk.sender.in_flight),
        "due": [dict(row) for row in store.all("SELECT at, job, subject, clock FROM due ORDER BY at LIMIT 50")],
    }


@control("POST", "/sandbox/clock/advance")
async def advance(desk: Desk, request: Request) -> Any:
    """{"seconds": 3600} moves the clock and does all that comes due on the way, webhook retries included."""
    body = await read(request)
    seconds = body.number("seconds", most=FARTHEST)
    body.done()
    if desk.world.ahead + seconds > FARTHEST:
        raise BadInput("the clock can be at most 30 years ahead")
    jobs = await clock.advance(desk.world, desk.sender, seconds)
    return {"now": desk.world.now(), "jobs": jobs}


@control("POST", "/sandbox/idempotency/forget")
async def forget(desk: Desk, request: Request) -> Any:
    """{}: forgets every idempotency key, as Stripe does some time after a day."""
    (await read(request)).done()
    forgotten = desk.world.store.all("DELETE FROM idempotency RETURNING key")
    return {"forgotten": len(forgotten)}


@control("POST", "/sandbox/settle")
async def settle(desk: Desk, request: Request) -> Any:
    """{"timeout": 10, "retries": true} waits (real seconds) until no webhook is pending or in flight; held and
    dropped ones do not count; with "retries": false neither do those that are due later."""
    body = await read(request)
    timeout, retries = body.number("timeout", 10, most=300), body.flag("retries", True)
    body.done()
    clock.run_due(desk.world)
    settled = await desk.sender.settle(timeout, retries=retries)
    return {
        "settled": settled,
        "pending": desk.sender.open_deliveries(),
        "in_flight": len(desk.sender.in_flight),
    }


@control("GET", "/sandbox/settings")
async def get_settings(desk: Desk, request: Request) -> Any:
    """All settings; times in seconds of the sandbox's clock, fee_fixed in hundredths of the currency's unit."""
    return asdict(desk.world.settings)


@control("POST", "/sandbox/settings")
async def set_settings(desk: Desk, request: Request) -> Any:
    """Any of the settings, e.g. {"delayed_method_seconds": 0, "fee_basis_points": 150}; answers with all."""
    body = await read(request)
    changes: dict[str, Any] = {}
    for field in fields(Settings):
        if field.name not in body.fields:
            continue
        if field.type == "int":
            changes[field.name] = body.whole(field.name, most=10**9)
        elif field.type == "bool":
            changes[field.name] = body.flag(field.name)
        else:
            changes[field.name] = body.text(field.name)
    body.done()
    if changes.get("fee_basis_points", 0) > 10000:
        raise BadInput("fee_basis_points must be at most 10000")
    if not dunning.SCHEDULE.fullmatch(changes.get("dunning_days", "3")):
        raise BadInput('dunning_days must be days with spaces between, like "3 5 7"')
    if changes.get("dunning_end", "cancel") not in dunning.ENDS:
        raise BadInput(f"dunning_end must be one of {', '.join(dunning.ENDS)}")
    desk.world.settings = replace(desk.world.settings, **changes)
    desk.world.store.set_meta("settings", asdict(desk.world.settings))
    return asdict(desk.world.settings)


@control("POST", "/sandbox/reset")
async def reset(desk: Desk, request: Request) -> Any:
    """Forgets everything, webhook endpoints too; the clock is real time again; the account id stays."""
    body = await read(request)
    keep_endpoints = body.flag("keep_endpoints")
    body.done()
    store = desk.world.store
    endpoints = [
        (livemode, each)
        for livemode in (False, True)
        for each in store.select(livemode, "webhook_endpoint", [], order="ASC")
    ]
    store.clear()
    for livemode, each in endpoints if keep_endpoints else []:
        store.insert(livemode, each)
    desk.world.load()
    assert not outbox.rules(store)
    return {"reset": True}


@control("GET", "/sandbox/calls")
async def calls(desk: Desk, request: Request) -> Any:
    """The log of /v1 calls, oldest first; filters ?method=POST&path=/v1/refunds&idempotency_key=...&limit=1000.
    executed: the work was begun; replayed: a stored answer was given instead."""
    where, args = ["1"], []
    for name in ("method", "path", "idempotency_key"):
        if (value := request.query_params.get(name)) is not None:
            where.append(f"{name} = ?")
            args.append(value)
    try:
        limit = min(10000, int(request.query_params.get("limit", "1000")))
    except ValueError:
        raise BadInput("limit must be a whole number") from None
    query = f"SELECT * FROM calls WHERE {' AND '.join(where)} ORDER BY seq DESC LIMIT ?"  # noqa: S608
    rows = desk.world.store.all(query, *args, limit)
    names = ("at", "method", "path", "request_id", "idempotency_key", "status", "fault")
    return {
        "calls": [
            {**{name: row[name] for name in names}}
            | {
                "livemode": None if row["livemode"] is None else bool(row["livemode"]),
                "replayed": bool(row["replayed"]),
                "executed": bool(row["executed"]),
            }
            for row in reversed(rows)
        ]
    }
