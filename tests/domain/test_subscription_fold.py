"""What a PSP says of subscriptions and invoices, in any order: the newest stays; where nobody can tell, it is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.invoices import fold as invoices
from domain.subscriptions.fold import fold
from gateways.billing import InvoiceEvidence, InvoiceStanding, SubscriptionEvidence, SubscriptionStanding, Terms
from models import (
    INVOICE_EDGES,
    SUBSCRIPTION_EDGES,
    SUBSCRIPTION_ENDED,
    InvoiceStatus,
    SubscriptionStatus,
)

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FRESH: dict[str, Any] = {
    **dict.fromkeys(
        ("token", "item_token", "session_token", "checkout_url", "expires_at", "period_start", "period_end")
    ),
    **dict.fromkeys(("trial_end", "cancel_at", "paused_until", "canceled_at", "ended_at", "told_at", "trial_told_at")),
    "status": SubscriptionStatus.INCOMPLETE,
    "price_token": "price_1",
    "quantity": 1,
    "cancel_at_period_end": False,
}


def said(standing: str, seconds: int = 0, period: int = 0, **more: Any) -> SubscriptionEvidence:
    terms = Terms(
        **{
            "token": "sub_1",
            "standing": SubscriptionStanding(standing),
            "item_token": "si_1",
            "price_token": "price_1",
            "quantity": 1,
            "period_start": NOW + timedelta(days=30 * period),
            "period_end": NOW + timedelta(days=30 * period + 30),
            "cancel_at_period_end": False,
            "told_at": NOW + timedelta(seconds=seconds),
            **dict.fromkeys(("trial_end", "cancel_at", "paused_until", "canceled_at", "ended_at")),
            **more,
        }
    )
    return SubscriptionEvidence(gateway="stripe", livemode=False, token="sub_1", terms=terms)


def after(*told: SubscriptionEvidence) -> tuple[dict[str, Any], bool]:
    """The state after all of it, and whether the PSP has to be asked."""
    state, doubtful = dict(FRESH), False
    for evidence in told:
        change = fold(state, evidence)
        state |= change.columns
        doubtful = change.doubtful or (doubtful and not change.columns)
    return state, doubtful


YEAR = [
    said("incomplete"),
    said("active"),
    said("active", 10, quantity=3),
    said("active", 20, 1, quantity=3),
    said("past_due", 20, 1, quantity=3),
    said("active", 30, 1, quantity=3, cancel_at_period_end=True),
    said("canceled", 40, 1, quantity=3, ended_at=NOW),
]


@given(st.permutations(YEAR), st.integers(1, len(YEAR)))
def test_what_has_come_in_any_order_leaves_the_newest_of_it_or_a_doubt(order: list[Any], count: int) -> None:
    come = order[:count]
    newest = max(YEAR.index(evidence) for evidence in come)
    state, doubtful = after(*come)
    wanted = YEAR[newest].terms
    assert wanted is not None
    assert doubtful or (state["status"], state["quantity"]) == (wanted.standing.value, wanted.quantity)


@given(st.permutations(YEAR))
def test_an_end_is_for_good(order: list[Any]) -> None:
    assert after(*order)[0]["status"] == SubscriptionStatus.CANCELED


def test_two_changes_in_one_second_are_a_doubt_and_the_answer_ends_it() -> None:
    state, doubtful = after(said("active", 5, quantity=2), said("active", 5, quantity=4))
    assert (state["quantity"], doubtful) == (2, True)
    change = fold(state, said("active", 5, quantity=4), present=True)
    assert (change.columns["quantity"], change.doubtful) == (4, False)


def test_another_subscription_of_the_psps_is_not_taken_for_this_one() -> None:
    state, _ = after(said("active", 5))
    evidence = said("canceled", 9)
    assert evidence.terms is not None
    assert fold(state, replace(evidence, terms=replace(evidence.terms, token="sub_2"))).columns == {}


@pytest.mark.parametrize("days", [4, 3, 1])
def test_the_end_of_a_trial_is_told_once_three_days_before(days: int) -> None:
    evidence = said("trialing", trial_end=NOW + timedelta(days=days))
    change = fold(FRESH, evidence)
    assert change.trial_ending is (days <= 3)
    assert fold({**FRESH, **change.columns, "trial_told_at": NOW}, evidence).trial_ending is False


@pytest.mark.parametrize("status", SubscriptionStatus)
def test_the_table_of_moves_covers_every_status_and_ends_stay(status: SubscriptionStatus) -> None:
    assert (SUBSCRIPTION_EDGES[status] == frozenset()) is (status in SUBSCRIPTION_ENDED)
    assert status not in SUBSCRIPTION_EDGES[status]


INVOICE: dict[str, Any] = {
    "status": InvoiceStatus.OPEN,
    "paid_minor": 0,
    "paid_at": None,
    "attempts": 0,
    "next_attempt_at": None,
    "requires_action": False,
    "lines": [],
}


def billed(standing: str, attempts: int, **more: Any) -> InvoiceEvidence:
    amounts = ("subtotal_minor", "total_minor", "due_minor")
    return InvoiceEvidence(
        **{
            "gateway": "stripe",
            "livemode": False,
            "token": "in_1",
            "subscription_token": "sub_1",
            "subscription_id": None,
            "number": "A-1",
            "standing": InvoiceStanding(standing),
            "reason": "renewal",
            "currency": "EUR",
            **dict.fromkeys(amounts, 1000),
            **dict.fromkeys(("tax_minor", "paid_minor", "balance_before_minor", "balance_after_minor"), 0),
            "lines": (),
            "period_start": NOW,
            "period_end": NOW,
            "attempts": attempts,
            "next_attempt_at": None,
            "requires_action": False,
            "payment_url": None,
            "issued_at": NOW,
            "paid_at": None,
            **more,
        }
    )


TRIES = [
    billed("open", 1, next_attempt_at=NOW),
    billed("open", 1, next_attempt_at=NOW, requires_action=True),
    billed("open", 2, next_attempt_at=NOW + timedelta(days=5)),
    billed("paid", 3, paid_minor=1000, paid_at=NOW),
]


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_an_invoices_messages_come_to_the_same_in_every_order_and_twice(order: tuple[int, ...]) -> None:
    state = dict(INVOICE)
    for place in (*order, *order):
        state |= invoices.fold(state, TRIES[place]).columns
    assert state == {
        "status": InvoiceStatus.PAID,
        "paid_minor": 1000,
        "lines": [],
        "paid_at": NOW,
        "attempts": 3,
        "next_attempt_at": None,
        "requires_action": False,
    }


@pytest.mark.parametrize("status", InvoiceStatus)
def test_what_is_paid_or_void_stays_so(status: InvoiceStatus) -> None:
    assert (INVOICE_EDGES[status] == frozenset()) is (status in {InvoiceStatus.PAID, InvoiceStatus.VOID})
