"""What may be done with an order or a payment now, and why not the rest: the same tables guard the mutations."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from domain.refusals import Fault, Refusal
from models import OrderStatus, PaymentStatus


class OrderAction(StrEnum):
    """CHECKOUT opens (or finds) the hosted page, EDIT replaces the items, CANCEL ends the order without money."""

    CHECKOUT = "checkout"
    EDIT = "edit"
    CANCEL = "cancel"


class OrderClosed(Refusal):
    """A paid or canceled order does not change, and takes no payment."""

    def __init__(self, order_id: str, status: OrderStatus) -> None:
        code = "ORDER_ALREADY_PAID" if status is OrderStatus.PAID else "ORDER_CANCELED"
        super().__init__(Fault(code, f"Order {order_id} is {status.value}; nothing was changed.", ("orderId",)))


class PaymentUnderway(Refusal):
    """A payment of the order has begun that cannot be called back."""

    def __init__(self, order_id: str, status: PaymentStatus) -> None:
        message = f"A payment of order {order_id} is {status.value}; wait for its end."
        super().__init__(Fault("PAYMENT_IN_PROGRESS", message, ("orderId",), retryable=True))


class OrderOfLink(Refusal):
    """What a payment link sells stays as it is."""

    def __init__(self, order_id: str) -> None:
        message = f"Order {order_id} is what its payment link says: end the link, and make another."
        super().__init__(Fault("ORDER_OF_LINK", message, ("orderId",)))


class CheckoutInProgress(Refusal):
    """The PSP is being asked to open the session, or has not said what came of it."""

    def __init__(self, order_id: str, status: PaymentStatus | None = None) -> None:
        message = f"The checkout of order {order_id} is being opened. Try again in a moment."
        if status is PaymentStatus.UNKNOWN:
            message = f"The PSP has not said what came of a payment of order {order_id}. It is asked until it does."
        super().__init__(Fault("CHECKOUT_IN_PROGRESS", message, ("orderId",), retryable=True))


class PaymentConflicted(Refusal):
    """An earlier payment's amount, currency, account or mode is disputed between us and the PSP."""

    def __init__(self, order_id: str) -> None:
        message = f"A payment of order {order_id} conflicts with what the PSP says; it must be looked into first."
        super().__init__(Fault("PAYMENT_CONFLICTED", message, ("orderId",)))


@dataclass(frozen=True, slots=True)
class OrderState:
    """What decides: the order's status, its live payment's status if it has one, whether one is conflicted, and whether
    a payment link says what is sold."""

    order_id: str
    status: OrderStatus
    live: PaymentStatus | None
    conflicted: bool
    of_link: bool


_ASKING = frozenset({PaymentStatus.CREATED, PaymentStatus.UNKNOWN})
_UNDERWAY = frozenset({PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING, PaymentStatus.AUTHORIZED})


def _checkout(state: OrderState) -> Refusal | None:
    if state.live in _UNDERWAY:
        return PaymentUnderway(state.order_id, state.live)
    return PaymentConflicted(state.order_id) if state.conflicted else None


def _change(state: OrderState) -> Refusal | None:
    if state.live in _ASKING:
        return CheckoutInProgress(state.order_id, state.live)
    return _checkout(state)


def _edit(state: OrderState) -> Refusal | None:
    return OrderOfLink(state.order_id) if state.of_link else _change(state)


_GUARDS: Mapping[OrderAction, Callable[[OrderState], Refusal | None]] = {
    OrderAction.CHECKOUT: _checkout,
    OrderAction.EDIT: _edit,
    OrderAction.CANCEL: _change,
}


def refusal(action: OrderAction, state: OrderState) -> Refusal | None:
    """Why the action is refused now; None if it may be done."""
    if state.status is not OrderStatus.OPEN:
        return OrderClosed(state.order_id, state.status)
    return _GUARDS[action](state)


def guard(action: OrderAction, state: OrderState) -> None:
    """Raises the refusal, if there is one."""
    if refused := refusal(action, state):
        raise refused


class PaymentAction(StrEnum):
    """PAY: the payer can go to the hosted page. SYNC asks the PSP how the payment stands. CAPTURE takes reserved
    money, VOID gives the authorization up, REFUND gives captured money back."""

    PAY = "pay"
    SYNC = "sync"
    CAPTURE = "capture"
    VOID = "void"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentState:
    """What decides what may be done with a payment; amounts in minor units. `operating`: a capture or void is being
    asked of the PSP. `contested`: the payer's bank has yet to decide a dispute. `expired`: the time to take what is
    reserved is over. `registered`: the PSP knows the payment."""

    payment_id: str
    status: PaymentStatus
    currency: str
    authorized_minor: int
    captured_minor: int
    refunded_minor: int
    refunding_minor: int
    disputed_minor: int
    operating: bool
    contested: bool
    expired: bool
    registered: bool

    @property
    def refundable_minor(self) -> int:
        """Captured, less what was or is being given back, or was taken by the payer's bank; nothing while that has yet
        to decide."""
        if self.contested:
            return 0
        return self.captured_minor - self.refunded_minor - self.refunding_minor - self.disputed_minor


def _no(code: str, message: str, *, retryable: bool = False) -> Refusal:
    return Refusal(Fault(code, message, ("paymentId",), retryable=retryable))


def _pay(state: PaymentState) -> Refusal | None:
    if state.status is PaymentStatus.OPEN:
        return None
    return _no("PAYMENT_NOT_OPEN", f"The payment is {state.status.value}, not open.")


def _sync(state: PaymentState) -> Refusal | None:
    if state.registered or state.status in _ASKING:
        return None
    return _no("PAYMENT_NOT_REGISTERED", "The PSP has never heard of this payment.")


_NOT_AUTHORIZED: Mapping[PaymentStatus, tuple[str, str]] = {
    PaymentStatus.CAPTURED: ("ALREADY_CAPTURED", "The money was taken already."),
    PaymentStatus.CANCELED: ("ALREADY_VOIDED", "The authorization was given up."),
    PaymentStatus.EXPIRED: ("AUTHORIZATION_EXPIRED", "The authorization, or the page to pay on, has run out."),
    PaymentStatus.CONFLICTED: ("PAYMENT_CONFLICTED", "The PSP contradicts us about this payment."),
}


def _capture(state: PaymentState) -> Refusal | None:
    return _operate(state, frozenset({PaymentStatus.AUTHORIZED}))


def _void(state: PaymentState) -> Refusal | None:
    """A payer who walks away from the bank's question leaves something to give up, too."""
    return _operate(state, frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION}))


def _operate(state: PaymentState, possible: frozenset[PaymentStatus]) -> Refusal | None:
    if state.status not in possible:
        unknown = ("PAYMENT_NOT_AUTHORIZED", f"The payment is {state.status.value}: no money is reserved.")
        return _no(*_NOT_AUTHORIZED.get(state.status, unknown))
    if state.expired:
        return _no(*_NOT_AUTHORIZED[PaymentStatus.EXPIRED])
    if state.operating:
        return _no("OPERATION_IN_PROGRESS", "A capture or void is on its way. Try again in a moment.", retryable=True)
    return None


def _refund(state: PaymentState) -> Refusal | None:
    if state.captured_minor == 0:
        return _no("PAYMENT_NOT_CAPTURED", "No money was taken that could be given back.")
    if state.refundable_minor > 0:
        return None
    if state.contested:
        return _no("PAYMENT_DISPUTED", "The payer's bank contests it, and PSPs give nothing back meanwhile.")
    if state.disputed_minor:
        return _no("PAYMENT_DISPUTED", "The payer's bank has taken what was not given back.")
    return _no("ALREADY_REFUNDED", "All of it was given back, or is on its way.")


_PAYMENT_GUARDS: Mapping[PaymentAction, Callable[[PaymentState], Refusal | None]] = {
    PaymentAction.PAY: _pay,
    PaymentAction.SYNC: _sync,
    PaymentAction.CAPTURE: _capture,
    PaymentAction.VOID: _void,
    PaymentAction.REFUND: _refund,
}


def payment_refusal(action: PaymentAction, state: PaymentState) -> Refusal | None:
    """Why the action is refused now; None if it may be done."""
    return _PAYMENT_GUARDS[action](state)


def guard_payment(action: PaymentAction, state: PaymentState) -> None:
    """Raises the refusal, if there is one."""
    if refused := payment_refusal(action, state):
        raise refused


def most_minor(action: PaymentAction, state: PaymentState) -> int | None:
    """The most the action may move now, in minor units; None for one without amount or that is refused."""
    if payment_refusal(action, state):
        return None
    return {PaymentAction.CAPTURE: state.authorized_minor, PaymentAction.REFUND: state.refundable_minor}.get(action)
