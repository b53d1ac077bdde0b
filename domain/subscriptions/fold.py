"""Folds a PSP's word into a subscription: pure. What is certainly newer is taken, what is certainly older is not, and
where nobody can tell, the PSP is to be asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from gateways.billing import SubscriptionEvidence, Terms
from models import SUBSCRIPTION_EDGES, SUBSCRIPTION_ENDED, SubscriptionStatus, advance

TRIAL_NOTICE = timedelta(days=3)
_FACTS = (
    *("token", "item_token", "price_token", "quantity", "period_start", "period_end", "trial_end"),
    *("cancel_at_period_end", "cancel_at", "paused_until", "canceled_at", "ended_at"),
)
_LEARNED_ONCE = ("session_token", "checkout_url", "expires_at", "token")
_EARLIEST = datetime.min.replace(tzinfo=UTC)

State = Mapping[str, Any]
"""A subscription's columns, decoded, with the `price_token` of its version of the plan's terms."""


@dataclass(slots=True)
class Change:
    """The columns that change. `doubtful`: the word differs, and may be old; nothing of its terms was taken.
    `trial_ending`: the customer is to be told."""

    columns: dict[str, Any] = field(default_factory=dict)
    doubtful: bool = False
    trial_ending: bool = False


def fold(state: State, evidence: SubscriptionEvidence, *, present: bool = False) -> Change:
    """The change that the evidence brings; one without columns if it tells nothing new. `present`: the PSP was asked,
    and nothing has been heard of it since."""
    change = Change()
    for name in _LEARNED_ONCE:
        told = getattr(evidence, name)
        if told is not None and state[name] is None:
            change.columns[name] = told
    if evidence.terms is not None and state["token"] in (None, evidence.terms.token):
        _fold_terms(state, evidence.terms, change, present)
    elif evidence.page_expired and state["token"] is None and state["status"] == SubscriptionStatus.INCOMPLETE:
        _move(state, SubscriptionStatus.INCOMPLETE_EXPIRED, change)
    change.doubtful |= evidence.incomplete and state["told_at"] is None
    change.trial_ending = _trial_ends(state, evidence)
    return change


def _fold_terms(state: State, terms: Terms, change: Change, present: bool) -> None:
    if state["status"] in SUBSCRIPTION_ENDED:
        return
    told = {name: getattr(terms, name) for name in _FACTS}
    differing = {name: value for name, value in told.items() if value != state[name]}
    status = SubscriptionStatus(terms.standing.value)
    if not differing and status == state["status"]:
        if state["told_at"] is None or terms.told_at > state["told_at"]:
            change.columns["told_at"] = terms.told_at
        return
    newer = present or _is_newer(state, terms, status)
    if newer is None:
        change.doubtful = True
    elif newer:
        change.columns |= differing | {"told_at": max(terms.told_at, state["told_at"] or _EARLIEST)}
        _move(state, status, change)


def _is_newer(state: State, terms: Terms, status: SubscriptionStatus) -> bool | None:
    """None: nobody can tell. Ends are for good, beginnings are left once, periods only move on; else the time decides,
    as far as it can: one second may hold several changes."""
    if state["told_at"] is None or status in SUBSCRIPTION_ENDED:
        return True
    place = _place(state["status"], state["period_start"]), _place(status, terms.period_start)
    if place[0] != place[1]:
        return place[1] > place[0]
    return True if terms.told_at > state["told_at"] else None


def _place(status: SubscriptionStatus, period_start: datetime | None) -> tuple[bool, datetime]:
    return status is not SubscriptionStatus.INCOMPLETE, period_start or _EARLIEST


def _move(state: State, status: SubscriptionStatus, change: Change) -> None:
    if status != state["status"]:
        change.columns["status"] = advance(SUBSCRIPTION_EDGES, SubscriptionStatus(state["status"]), status)


def _trial_ends(state: State, evidence: SubscriptionEvidence) -> bool:
    """Once for each subscription, however often the PSP says so, and also if it says nothing."""
    terms = evidence.terms
    if terms is None or terms.trial_end is None or state["trial_told_at"] is not None:
        return False
    if terms.standing.value != SubscriptionStatus.TRIALING or state["status"] in SUBSCRIPTION_ENDED:
        return False
    return evidence.trial_ending or timedelta() < terms.trial_end - terms.told_at <= TRIAL_NOTICE
