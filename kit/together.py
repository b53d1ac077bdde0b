"""Shares reads: those that are alike and are asked for in the same tick become one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Together(Generic[P, T]):
    """Calls `read` once for all who ask alike in one tick, such as the thousand that one wake-up woke.

    The read begins after the last of them has asked, so nobody gets anything older than its question. Not for use
    in a transaction: what is shared is read outside of any. Whoever is cancelled takes nobody along.
    """

    def __init__(self, read: Callable[P, Awaitable[T]]) -> None:
        self._read = read
        self._asked: dict[Hashable, asyncio.Task[T]] = {}

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        key = (args, tuple(kwargs.items()))
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._begin(key, *args, **kwargs))
        return await asyncio.shield(task)

    async def _begin(self, key: Hashable, /, *args: P.args, **kwargs: P.kwargs) -> T:
        del self._asked[key]
        return await self._read(*args, **kwargs)
