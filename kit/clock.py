"""The one place where the clock is read: entry points call it and pass the time on."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)
