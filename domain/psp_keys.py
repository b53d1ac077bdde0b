"""Asking a PSP once: with a key that was stored before, for as long as the PSP knows it, and by looking afterwards."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TypeVar

from gateways.base import AnswerStored

_KNOWN = timedelta(hours=20)
"""For how long a PSP surely knows a key. Stripe may forget one a day after it was first used."""

T = TypeVar("T")


async def ask_once(
    ask: Callable[[], Awaitable[T]], find: Callable[[], Awaitable[T | None]], *, since: datetime, now: datetime
) -> T:
    """What the PSP made of `ask`, whose key was stored at `since`: however often it is asked, it makes one thing.

    A key that the PSP may have forgotten would make another one: then what is there is found first. Raises what `ask`
    raises; AnswerStored only when the PSP has nothing.
    """
    if may_be_forgotten(since, now) and (made := await find()) is not None:
        return made
    try:
        return await ask()
    except AnswerStored:
        if (found := await find()) is None:
            raise
        return found


def may_be_forgotten(since: datetime, now: datetime) -> bool:
    """Whether the PSP may take a key that was stored then for a new one."""
    return now >= since + _KNOWN
