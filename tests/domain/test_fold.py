"""Evidence in any order, any number of times, ends in the same state."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.payments.fold import State, fold
from gateways.base import Evidence, Failure, MethodFact, Standing
from models import FINAL, LIVE, PAYMENT_EDGES, PaymentStatus

NOW = datetime(2026, 11, 21, tzinfo=UTC)
FRESH = State(
    status=PaymentStatus.CREATED,
    livemode=False,
    currency="EUR",
    amount_minor=1000,
    authorized_minor=0,
    captured_minor=0,
    fee_minor=None,
    session_token=None,
    intent_token=None,
    charge_token=None,
    checkout_url=None,
    expires_at=None,
    capture_before=None,
    next_action=None,
    method=None,
    last_error=None,
    risk_level=None,
    conflict=None,
)


def told(**facts: Any) -> Evidence:
    return Evidence(**{"gateway": "stripe", "livemode": False, "currency": "EUR", "amount_minor": 1000, **facts})


def declined(number: int) -> Failure:
    return Failure(
        code="card_declined",
        decline_code="generic_decline",
        advice=None,
        message="No.",
        token=f"ch_{number}",
        occurred_at=NOW + timedelta(seconds=number),
    )


def folded(state: State, evidence: Sequence[Evidence]) -> State:
    for piece in evidence:
        change = fold(state, piece)
        columns = {name: value for name, value in change.columns.items() if name in State.__dataclass_fields__}
        state = replace(state, **columns)
        assert change.status == state.status
    return state


CARD = MethodFact(kind="CARD", type="card", brand="visa", last4="4242")
OPENED = told(standing=Standing.OPEN, session_token="cs_1", checkout_url="https://psp/1", expires_at=NOW)
DECLINED = told(intent_token="pi_1", failure=declined(1))
AUTHORIZED = told(standing=Standing.AUTHORIZED, intent_token="pi_1", authorized_minor=1000, method=CARD)
PROCESSING = told(standing=Standing.PROCESSING, intent_token="pi_1")
CAPTURED = told(standing=Standing.CAPTURED, intent_token="pi_1", captured_minor=1000, method=CARD)
FEE = told(standing=Standing.CAPTURED, intent_token="pi_1", captured_minor=1000, method=CARD, fee_minor=59)
EXPIRED = told(standing=Standing.EXPIRED, session_token="cs_1")
FAILED = told(standing=Standing.FAILED, session_token="cs_1")
CANCELED = told(standing=Standing.CANCELED, intent_token="pi_1")
WRONG = told(standing=Standing.CAPTURED, amount_minor=1, captured_minor=1)
SILENT = told(standing=Standing.UNKNOWN)

STORIES = [
    (OPENED, DECLINED, CAPTURED, FEE),
    (OPENED, PROCESSING, CAPTURED, FEE),
    (OPENED, PROCESSING, FAILED),
    (OPENED, AUTHORIZED, CAPTURED, FEE),
    (OPENED, AUTHORIZED, CANCELED, EXPIRED),
    (OPENED, EXPIRED, CAPTURED),
    (OPENED, FAILED, EXPIRED, CANCELED),
    (SILENT, OPENED, WRONG, CAPTURED),
]


@pytest.mark.parametrize("story", STORIES)
def test_every_order_of_arrival_with_every_message_twice_ends_the_same(story: tuple[Evidence, ...]) -> None:
    expected = folded(FRESH, story)
    for order in permutations(story):
        assert folded(FRESH, order) == expected
        assert folded(FRESH, [*order, *reversed(order)]) == expected


standings = st.sampled_from([None, *Standing])
captured = st.integers(0, 1000)
evidence = st.builds(
    told,
    standing=standings,
    authorized_minor=captured,
    captured_minor=captured,
    fee_minor=st.none() | st.integers(0, 100),
    session_token=st.none() | st.just("cs_1"),
    intent_token=st.none() | st.just("pi_1"),
    failure=st.none() | st.integers(1, 5).map(declined),
)


@given(st.lists(evidence, max_size=6).flatmap(lambda pieces: st.tuples(st.just(pieces), st.permutations(pieces))))
def test_any_evidence_in_any_order_ends_the_same(pair: tuple[list[Evidence], list[Evidence]]) -> None:
    pieces, shuffled = pair
    assert folded(FRESH, pieces) == folded(FRESH, shuffled)


@given(st.lists(evidence, max_size=6))
def test_evidence_that_is_told_again_changes_nothing(pieces: list[Evidence]) -> None:
    state = folded(FRESH, pieces)
    for piece in pieces:
        change = fold(state, piece)
        assert not {name: v for name, v in change.columns.items() if name != "last_error"}, change
        assert (change.status, change.captured_by, change.fee_by) == (state.status, 0, 0)


@pytest.mark.parametrize(
    ("wrong", "in_what"),
    [
        ({"livemode": True}, "mode"),
        ({"account": "acct_2"}, "account"),
        ({"currency": "USD"}, "currency"),
        ({"amount_minor": 999}, "amount"),
        ({"captured_minor": 1001}, "amount"),
    ],
)
def test_evidence_that_is_not_of_this_payment_is_never_taken_for_money(wrong: dict[str, Any], in_what: str) -> None:
    state = folded(FRESH, [OPENED])
    change = fold(state, told(**{"standing": Standing.CAPTURED, "captured_minor": 1000, **wrong}))
    assert change.status is PaymentStatus.CONFLICTED
    assert change.captured_by == 0
    assert change.conflict is not None
    assert change.conflict.startswith(in_what)


def test_the_sets_of_statuses_cover_them_all() -> None:
    assert frozenset(PaymentStatus) == LIVE | FINAL
    assert not LIVE & FINAL
    assert set(PAYMENT_EDGES) == set(PaymentStatus)
    assert all(before not in after for before, after in PAYMENT_EDGES.items())
