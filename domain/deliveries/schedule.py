"""When a message is sent again, and for how long an endpoint is left alone."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

DELAYS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""Between one attempt and the next: ten attempts in a bit more than three days."""

FAILING_FOR = timedelta(days=5)
"""An endpoint that takes nothing for so long is disabled."""

SLOW_SECONDS = 2.0
"""An endpoint that takes longer to answer waits for its turns among its like."""

_OVERLOADED = frozenset({429, 502, 504})
_REST, _LONGEST_REST = timedelta(seconds=30), timedelta(hours=1)


def pause_before_next(tries: int, wanted: timedelta | None, draw: float) -> timedelta | None:
    """How long to wait after so many attempts have failed, the last of them just now; None: that was the last.

    `wanted` is what the endpoint asked for. `draw`, from 0 to 1, moves the pause by up to a tenth either way, so that
    what failed together does not come back together.
    """
    if tries > len(DELAYS):
        return None
    pause = DELAYS[tries - 1] * (0.9 + 0.2 * draw)
    return max(pause, wanted) if wanted else pause


def wanted_pause(retry_after: str | None, now: datetime) -> timedelta | None:
    """What a Retry-After header asks for, seconds or a date, up to a day; None for none that makes sense."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), DELAYS[-1])
    try:
        moment = parsedate_to_datetime(text)
        return min(max((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now, timedelta()), DELAYS[-1])
    except (ValueError, OverflowError):
        return None


def rest(status: int | None, wanted: timedelta | None) -> timedelta:
    """For how long nothing at all is sent to an endpoint that answered so."""
    if wanted is not None:
        return min(wanted, _LONGEST_REST)
    return _REST if status in _OVERLOADED else timedelta()
