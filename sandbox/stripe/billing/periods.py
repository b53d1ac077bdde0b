"""When billing periods begin and end: pure arithmetic on Unix seconds, in UTC."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime
from typing import Any

SECONDS = {"day": 86400, "week": 7 * 86400}


def add(anchor: int, interval: str, count: int) -> int:
    """`count` intervals after the anchor (before it, if negative). A day that the month has not is its last one."""
    if interval in SECONDS:
        return anchor + count * SECONDS[interval]
    start = datetime.fromtimestamp(anchor, UTC)
    months = start.year * 12 + start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    day = min(start.day, calendar.monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def period_at(anchor: int, recurring: dict[str, Any], moment: int) -> tuple[int, int]:
    """The period (start, end) of a cycle with this anchor that `moment` is in; at an end the next one has begun.

    Every boundary is counted from the anchor, never from the one before: a cycle of the 31st comes back to it.
    """
    interval, step = recurring["interval"], recurring["interval_count"]
    number = _estimate(anchor, interval, moment) // step
    while add(anchor, interval, (number + 1) * step) <= moment:
        number += 1
    while add(anchor, interval, number * step) > moment:
        number -= 1
    return add(anchor, interval, number * step), add(anchor, interval, (number + 1) * step)


def _estimate(anchor: int, interval: str, moment: int) -> int:
    """About how many intervals lie between."""
    if interval in SECONDS:
        return (moment - anchor) // SECONDS[interval]
    start, end = (datetime.fromtimestamp(each, UTC) for each in (anchor, moment))
    months = (end.year - start.year) * 12 + end.month - start.month
    return months // 12 if interval == "year" else months
