"""The table of API calls: what a method and path lead to and the parameters they take."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.store import Json
from sandbox.stripe import params
from sandbox.world import Call

Handler = Callable[..., Json]
Publishable = Literal["free", "secret"]


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    shape: params.Shape
    run: Handler
    publishable: Publishable | None = None
    """Whether a browser may call it with a publishable key: freely, or with the object's client_secret."""
    connected: bool = False
    """Whether the platform may call it as a connected account (Stripe-Account)."""


TABLE: dict[tuple[str, int], list[tuple[list[str], Endpoint]]] = {}


def endpoint(
    method: str,
    path: str,
    shape: params.Shape | None = None,
    *,
    publishable: Publishable | None = None,
    connected: bool = False,
) -> Callable[[Handler], Handler]:
    """Registers run(call, parameters, *ids). Every call also takes `expand`."""

    def register(run: Handler) -> Handler:
        full = {**(shape or {}), "expand": params.each(params.text(300), most=20)}
        parts = path.split("/")
        made = Endpoint(method, path, full, run, publishable, connected)
        TABLE.setdefault((method, len(parts)), []).append((parts, made))
        return run

    return register


def match(method: str, path: str) -> tuple[Endpoint, list[str]] | None:
    """The endpoint of a request and the ids in its path; literal segments win over ids."""
    parts = path.rstrip("/").split("/")
    found: tuple[Endpoint, list[str]] | None = None
    for pattern, candidate in TABLE.get((method, len(parts)), []):
        if all(want.startswith("{") or want == got for want, got in zip(pattern, parts, strict=True)):
            ids = [got for want, got in zip(pattern, parts, strict=True) if want.startswith("{")]
            if found is None or len(ids) < len(found[1]):
                found = candidate, ids
    return found


def within(column: str, bounds: dict[str, int] | None) -> list[tuple[str, Any]]:
    """The conditions of a time filter on a column."""
    operators = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "="}
    return [(f"{column} {operators[name]} ?", value) for name, value in (bounds or {}).items()]


def page(call: Call, kind: str, given: dict[str, Any], url: str, where: list[tuple[str, Any]] | None = None) -> Json:
    """A cursor page of the account's documents, newest first: limit, starting_after, ending_before, created."""
    conditions = [call.owned(), *(where or []), *within("created", given.get("created"))]
    order, limit = "DESC", given.get("limit", 10)
    for name, sign in (("starting_after", "<"), ("ending_before", ">")):
        if cursor := given.get(name):
            call.get(cursor, kind, name)
            conditions.append((f"seq {sign} ?", call.store.position(call.livemode, cursor)))
    if given.get("ending_before") and not given.get("starting_after"):
        order = "ASC"
    found = call.store.select(call.livemode, kind, conditions, order=order, limit=limit + 1)
    data, more = found[:limit], len(found) > limit
    return {"object": "list", "data": data[::-1] if order == "ASC" else data, "has_more": more, "url": url}


def slice_of(items: list[Json], given: dict[str, Any], url: str) -> Json:
    """A cursor page of a list that is held inside another object."""
    limit, ids = given.get("limit", 10), [item["id"] for item in items]
    start, end = 0, len(items)
    if (cursor := given.get("starting_after")) in ids:
        start = ids.index(cursor) + 1
    if (cursor := given.get("ending_before")) in ids:
        end = ids.index(cursor)
        start = max(start, end - limit)
        return {"object": "list", "data": items[start:end], "has_more": start > 0, "url": url}
    return {"object": "list", "data": items[start : start + limit], "has_more": end > start + limit, "url": url}
