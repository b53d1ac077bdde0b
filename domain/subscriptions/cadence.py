"""When reconciliation asks the PSP about a subscription again."""

from datetime import datetime, timedelta

from domain.payments.cadence import pause
from models import SUBSCRIPTION_ENDED, SubscriptionStatus

SETTLING = timedelta(seconds=15)
"""How long what the PSP has told in part may take to be complete before it is asked."""
_AFTER_PERIOD = timedelta(hours=2)
_AFTER_CLOSING = timedelta(seconds=5)
_TROUBLED = timedelta(hours=12)
_RARELY = timedelta(days=3)


def at_once(now: datetime) -> datetime:
    """The time of an inquiry that nothing puts off: so long past that whoever came a moment earlier sees it, too."""
    return now - SETTLING


def is_settling(inquire_at: datetime | None, now: datetime) -> bool:
    """Whether the rest of what was told in part is waited for. What is due already is asked, whatever comes."""
    return inquire_at is not None and now < inquire_at <= now + SETTLING


def next_inquiry(
    status: SubscriptionStatus,
    *,
    created_at: datetime,
    expires_at: datetime | None,
    period_end: datetime | None,
    now: datetime,
) -> datetime | None:
    """Often while it has not begun; then some hours after each period, when its invoice should be there, and every few
    days in between; None once it has ended."""
    if status in SUBSCRIPTION_ENDED:
        return None
    if status is SubscriptionStatus.INCOMPLETE:
        soon = now + pause(now - created_at)
        return min(soon, expires_at + _AFTER_CLOSING) if expires_at is not None and expires_at > now else soon
    again = now + (_TROUBLED if status in (SubscriptionStatus.PAST_DUE, SubscriptionStatus.UNPAID) else _RARELY)
    due = period_end + _AFTER_PERIOD if period_end is not None else again
    return min(again, due) if due > now else again
