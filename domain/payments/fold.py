"""Folds a PSP's evidence into a payment: pure, and such that the order of arrival cannot matter."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from gateways.base import Evidence, Failure, Standing
from models import PAYMENT_EDGES, PaymentStatus, advance

_STATUS_OF: Mapping[Standing, PaymentStatus] = {standing: PaymentStatus(standing.value) for standing in Standing}

_RANKS: Mapping[PaymentStatus, int] = {
    PaymentStatus.CREATED: 0,
    PaymentStatus.UNKNOWN: 1,
    PaymentStatus.OPEN: 2,
    PaymentStatus.REQUIRES_ACTION: 3,
    PaymentStatus.PROCESSING: 4,
    PaymentStatus.AUTHORIZED: 5,
    PaymentStatus.CANCELED: 6,
    PaymentStatus.FAILED: 7,
    PaymentStatus.EXPIRED: 8,
    PaymentStatus.CONFLICTED: 9,
    PaymentStatus.CAPTURED: 10,
}
"""Evidence never moves a payment to a lower rank: what arrives late or again finds the payment further on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What the fold needs to know of a payment; amounts in minor units of `currency`."""

    status: PaymentStatus
    livemode: bool
    currency: str
    amount_minor: int
    authorized_minor: int
    captured_minor: int
    fee_minor: int | None
    session_token: str | None
    intent_token: str | None
    charge_token: str | None
    checkout_url: str | None
    expires_at: datetime | None
    capture_before: datetime | None
    next_action: Mapping[str, Any] | None
    method: Mapping[str, Any] | None
    last_error: Mapping[str, Any] | None
    risk_level: str | None
    conflict: str | None


@dataclass(slots=True)
class Change:
    """What the evidence changes: the payment's columns, and by how much the totals grow."""

    status: PaymentStatus
    columns: dict[str, Any] = field(default_factory=dict)
    authorized_by: int = 0
    captured_by: int = 0
    fee_by: int = 0
    failure: Failure | None = None
    conflict: str | None = None


def fold(state: State, evidence: Evidence) -> Change:
    """The change that the evidence brings; one without columns if it tells nothing new."""
    if conflict := conflict_of(state, evidence):
        return _conflicted(state, conflict)
    change = Change(status=state.status)
    _fold_totals(state, evidence, change)
    _fold_facts(state, evidence, change)
    _move(state, _STATUS_OF[evidence.standing] if evidence.standing else state.status, change)
    return change


def conflict_of(state: State, evidence: Evidence) -> str | None:
    """In what the PSP's word is not the order's, or None. Such evidence is never taken for payment."""
    if evidence.livemode != state.livemode:
        return f"mode: the PSP says {'live' if evidence.livemode else 'test'}"
    if evidence.account is not None:
        return "account: the PSP names another account"
    if evidence.currency is not None and evidence.currency != state.currency:
        return f"currency: the PSP says {evidence.currency[:10]}"
    if evidence.amount_minor is not None and evidence.amount_minor != state.amount_minor:
        return f"amount: the PSP says {str(evidence.amount_minor)[:30]}"
    if max(evidence.captured_minor, evidence.authorized_minor) > state.amount_minor:
        return f"amount: the PSP took {str(evidence.captured_minor)[:30]}"
    return None


def _conflicted(state: State, conflict: str) -> Change:
    change = Change(status=state.status)
    if state.conflict is None:
        change.conflict = change.columns["conflict"] = conflict
        _move(state, PaymentStatus.CONFLICTED, change)
    return change


def _fold_totals(state: State, evidence: Evidence, change: Change) -> None:
    authorized = max(state.authorized_minor, evidence.authorized_minor, evidence.captured_minor)
    captured = max(state.captured_minor, evidence.captured_minor)
    change.authorized_by, change.captured_by = authorized - state.authorized_minor, captured - state.captured_minor
    if change.authorized_by:
        change.columns["authorized_minor"] = authorized
    if change.captured_by:
        change.columns["captured_minor"] = captured
    if evidence.fee_minor is not None and (state.fee_minor is None or evidence.fee_minor > state.fee_minor):
        change.fee_by = evidence.fee_minor - (state.fee_minor or 0)
        change.columns |= {"fee_minor": evidence.fee_minor, "fee_currency": evidence.fee_currency}


_LEARNED_ONCE = (
    "session_token",
    "intent_token",
    "charge_token",
    "checkout_url",
    "expires_at",
    "capture_before",
    "next_action",
    "risk_level",
)


def _fold_facts(state: State, evidence: Evidence, change: Change) -> None:
    for name in _LEARNED_ONCE:
        told = getattr(evidence, name)
        if told is not None and getattr(state, name) is None:
            change.columns[name] = told
    if evidence.captured_minor and evidence.intent_token not in (None, state.intent_token):
        change.columns["intent_token"] = evidence.intent_token  # the one that took the money is the one to refund
    if evidence.method and (state.method is None or evidence.standing is Standing.CAPTURED):
        method = asdict(evidence.method)
        if method != state.method:
            change.columns["method"] = method
    known = state.last_error
    if evidence.failure and (known is None or known["token"] is None or known["token"] != evidence.failure.token):
        change.failure = evidence.failure
        if _is_newer(evidence.failure, state.last_error):
            change.columns["last_error"] = error_facts(evidence.failure)


def _is_newer(failure: Failure, known: Mapping[str, Any] | None) -> bool:
    if known is None:
        return True
    return (failure.occurred_at.isoformat(), failure.token or "") > (known["occurred_at"], known["token"] or "")


def error_facts(failure: Failure) -> dict[str, Any]:
    """The failure as the payment and its event keep it."""
    return asdict(failure) | {"occurred_at": failure.occurred_at.isoformat()}


def _move(state: State, target: PaymentStatus, change: Change) -> None:
    if _RANKS[target] > _RANKS[state.status]:
        change.status = change.columns["status"] = advance(PAYMENT_EDGES, state.status, target)
