"""When reconciliation asks the PSP about a payment again: often while it is young, until nothing is left to learn."""

from datetime import datetime, timedelta

from models import FINAL, PaymentStatus

_BY_AGE = (
    (timedelta(minutes=2), timedelta(seconds=20)),
    (timedelta(minutes=15), timedelta(minutes=2)),
    (timedelta(hours=2), timedelta(minutes=15)),
    (timedelta(days=3), timedelta(hours=2)),
)
_RARELY = timedelta(hours=12)
_AFTER_CLOSING = timedelta(seconds=5)
FEE_SOON = timedelta(seconds=2)


def pause(age: timedelta) -> timedelta:
    """How long until a payment of this age is asked about again."""
    return next((pause for limit, pause in _BY_AGE if age < limit), _RARELY)


def next_inquiry(
    status: PaymentStatus,
    *,
    all_known: bool,
    created_at: datetime,
    expires_at: datetime | None,
    now: datetime,
    settling: bool = False,
) -> datetime | None:
    """The time of the next inquiry, None for a payment that has ended and of which nothing is left to learn.

    `all_known`: the fee of a captured payment is known, no refund is on its way, and no dispute open. A session that
    runs out is asked about just then. `settling`: the money has only just come, so the fee is about to be known.
    """
    if settling and not all_known:
        return now + FEE_SOON
    if status in FINAL and (all_known or status is not PaymentStatus.CAPTURED):
        return None
    soon = now + pause(now - created_at)
    if status is PaymentStatus.OPEN and expires_at is not None and expires_at > now:
        return min(soon, expires_at + _AFTER_CLOSING)
    return soon
