"""Who is told when a payment or setup intent moves: sessions and invoices. They follow; intents know none of them."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.store import Json
from sandbox.world import Call

Follower = Callable[[Call, Json], None]
FOLLOWERS: list[Follower] = []


def follow(run: Follower) -> Follower:
    """Registers run(call, intent), for intents of both kinds."""
    FOLLOWERS.append(run)
    return run


def tell(call: Call, intent: Json) -> None:
    for run in FOLLOWERS:
        run(call, intent)
