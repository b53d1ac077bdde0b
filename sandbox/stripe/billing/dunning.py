"""Asking again for what was not paid: when, how often, and what happens when that is over."""

from __future__ import annotations

import re
from typing import Final

from sandbox.settings import Settings
from sandbox.store import Json
from sandbox.stripe.billing import clocks, standing
from sandbox.world import Call

SCHEDULE: Final = re.compile(r"\d{1,3}( \d{1,3}){0,7}")
ENDS: Final = ("cancel", "unpaid", "past_due")
HARD: Final = frozenset(
    [
        "authentication_required",
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    ]
)
"""Declines after which the same method is not tried again by itself."""


def next_attempt(settings: Settings, attempts: int, now: int) -> int | None:
    """When an invoice that was tried so many times is tried again; None after the last time."""
    days = [int(each) for each in settings.dunning_days.split()]
    return now + days[attempts - 1] * 86400 if attempts <= len(days) else None


def is_hard(error: Json | None) -> bool:
    return bool(error and (error.get("decline_code") or error.get("code")) in HARD)


def give_up(call: Call, invoice: Json) -> None:
    """The last attempt has failed: the subscription ends, stands still, or goes on, by the sandbox's setting."""
    subscription = standing.of(call, invoice)
    if subscription is None or subscription["status"] != "past_due":
        return
    end = call.world.settings.dunning_end
    if end == "cancel":
        standing.end(call, subscription, "payment_failed")
    elif end == "unpaid":
        standing.put(call, subscription, status="unpaid")


def expires_at(call: Call, subscription: Json) -> int:
    """When a subscription that was never paid is given up."""
    return clocks.now(call, subscription) + 23 * 3600
