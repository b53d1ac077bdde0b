"""Follows live what a page shows: each change once, until nothing more can come."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Protocol, TypeVar

from kit.hub import Hub


class Followed(Protocol):
    """What is known of a subject. `settled`: nothing more is to come."""

    @property
    def version(self) -> int: ...

    @property
    def settled(self) -> bool: ...


F = TypeVar("F", bound=Followed)


async def follow(hub: Hub, topic: str, after: int, look: Callable[[], Awaitable[F]]) -> AsyncGenerator[F, None]:
    """What is known, as soon as it is newer than the version `after`; ends with what is settled."""
    with hub.watch(topic) as watch:
        watch.seen = after
        while True:
            watch.clear()
            known = await look()
            if known.version != watch.seen:
                watch.seen = known.version
                yield known
            if known.settled:
                return
            await watch.wait()
