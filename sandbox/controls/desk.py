"""Everything that the controls work on, and their table: method, path, what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sandbox.store import Json
from sandbox.stripe import ids
from sandbox.webhooks import Sender
from sandbox.world import Call, World


@dataclass
class Desk:
    world: World
    sender: Sender
    public_url: str | None


Control = Callable[[Desk, Request], Awaitable[Any]]
TABLE: list[tuple[str, str, Control]] = []


def control(method: str, path: str) -> Callable[[Control], Control]:
    """Registers a control; its docstring is its documentation at GET /sandbox/."""

    def register(run: Control) -> Control:
        TABLE.append((method, path, run))
        return run

    return register


class Unknown(Exception):
    """No object with this id in either mode."""


def locate(world: World, identifier: str, kind: str) -> tuple[bool, Json]:
    """(livemode, document) of an object of either mode. Raises Unknown."""
    for livemode in (False, True):
        document = world.store.find(livemode, identifier)
        if document and document["object"] == kind:
            return livemode, document
    raise Unknown(f"there is no {kind} {identifier[:100]}")


def payer_call(desk: Desk, livemode: bool, base: str) -> Call:
    """A call that stands for a payer's visit: it has a request id of its own, as on Stripe's pages."""
    return desk.world.call(livemode, base_url=base, request_id=ids.new("req", 14))
