"""What may be done with a subscription now, and why not the rest: the same table guards the mutations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.refusals import Fault, Refusal
from models import SUBSCRIPTION_ENDED, SubscriptionStatus


class SubscriptionAction(StrEnum):
    """CHANGE to another plan or quantity. RESUME ends a pause and takes a scheduled cancelation back. UPDATE_METHOD:
    the customer leaves another instrument."""

    CHANGE = "change"
    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"
    UPDATE_METHOD = "update_method"


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionState:
    """What decides. `begun`: the PSP has it. `ending`: it is to be canceled at a time that is set. `owing`: an invoice
    of it is open, or the one of its period was given up."""

    subscription_id: str
    status: SubscriptionStatus
    begun: bool
    ending: bool
    owing: bool


def _no(code: str, message: str, *, retryable: bool = False) -> Refusal:
    return Refusal(Fault(code, message, ("subscriptionId",), retryable=retryable))


def _begun(state: SubscriptionState) -> Refusal | None:
    if state.status is SubscriptionStatus.INCOMPLETE:
        return _no("SUBSCRIPTION_INCOMPLETE", "It has not begun: its first payment has not come.")
    return None


def _owed(state: SubscriptionState) -> Refusal | None:
    """What was never paid is not to be credited, and is collected also while no more is charged."""
    if state.status is SubscriptionStatus.UNPAID:
        message = "The PSP has given up collecting for it. Pay its open invoice (nextAction) first; cancel it and begin"
        return _no("SUBSCRIPTION_UNPAID", f"{message} anew if it stays unpaid.")
    if state.owing or state.status is SubscriptionStatus.PAST_DUE:
        return _no("SUBSCRIPTION_UNPAID", "It is not paid for: pay its open invoice (nextAction) first.")
    return None


def _change(state: SubscriptionState) -> Refusal | None:
    if state.status is SubscriptionStatus.PAUSED:
        return _no("SUBSCRIPTION_PAUSED", "It is paused: resume it first.")
    return _begun(state) or _owed(state)


def _cancel(state: SubscriptionState) -> Refusal | None:
    return None


def _pause(state: SubscriptionState) -> Refusal | None:
    if state.status is SubscriptionStatus.PAUSED:
        return _no("SUBSCRIPTION_PAUSED", "It is paused already.")
    return _begun(state) or _owed(state)


def _resume(state: SubscriptionState) -> Refusal | None:
    if state.status is SubscriptionStatus.PAUSED or state.ending:
        return None
    return _begun(state) or _no("SUBSCRIPTION_RUNNING", "It is neither paused nor about to end.")


_GUARDS: Mapping[SubscriptionAction, Callable[[SubscriptionState], Refusal | None]] = {
    SubscriptionAction.CHANGE: _change,
    SubscriptionAction.CANCEL: _cancel,
    SubscriptionAction.PAUSE: _pause,
    SubscriptionAction.RESUME: _resume,
    SubscriptionAction.UPDATE_METHOD: _begun,
}


def refusal(action: SubscriptionAction, state: SubscriptionState) -> Refusal | None:
    """Why the action is refused now; None if it may be done."""
    if state.status in SUBSCRIPTION_ENDED:
        return _no("SUBSCRIPTION_ENDED", f"Subscription {state.subscription_id} has ended; nothing was changed.")
    return _GUARDS[action](state)


def guard(action: SubscriptionAction, state: SubscriptionState) -> None:
    """Raises the refusal, if there is one."""
    if refused := refusal(action, state):
        raise refused
