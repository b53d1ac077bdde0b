"""User errors: business refusals as data, with a code, a sentence for people, and the way to the input."""

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

from strawberry.utils.str_converters import to_camel_case

from domain.refusals import Fault, Refusal
from kit import ids
from schema.enums import EnumT, show
from schema.transport.errors import ApiError, ErrorCode

UserErrorT = TypeVar("UserErrorT")

MESSAGE = "What is wrong and what to do, for people. The wording may change: decide by the code."
PATH = "The way to the input field at fault, null when it is none in particular."
RETRYABLE = "Whether the same call, with the same idempotency key, may succeed later."

_CODES = {
    "REQUIRED": "Something that must be given is missing or empty.",
    "INVALID": "A value makes no sense; the message says why.",
    "INVALID_ID": "This cannot be the id of such an object: it is malformed, or of another kind.",
    "INVALID_EMAIL": "This is no e-mail address.",
    "INVALID_ITEMS": "An order has 1 to 100 items.",
    "INVALID_AMOUNT": "An amount is less than 1 minor unit, or it or the total is more than 2^53-1.",
    "INVALID_QUANTITY": "A quantity is less than 1 or more than 1,000,000.",
    "TOO_LONG": "A text is longer than it may be.",
    "CARD_NUMBER": "A text looks like a card number, which is never taken in.",
    "UNKNOWN_CURRENCY": "This is no ISO 4217 currency in use.",
    "CURRENCY_MISMATCH": "An amount, or a product's prices, are not in the order's currency.",
    "NOT_FOUND": "The merchant has no such object.",
    "IDEMPOTENCY_KEY_REUSED": "The idempotency key was used before, with another input. Use a new one.",
    "RETURN_URL_NOT_ALLOWED": "The URL is not on one of the merchant's origins.",
    "ORDER_ALREADY_PAID": "The order has all its money and does not change any more.",
    "ORDER_CANCELED": "The order was canceled and does not change any more.",
    "ORDER_OF_LINK": "A payment link says what the order is for, and that stays as it is.",
    "PAYMENT_IN_PROGRESS": "A payment of the order has begun that cannot be called back; wait for its end.",
    "PAYMENT_CONFLICTED": "The PSP contradicts us about a payment of the order; somebody has to look into it first.",
    "CHECKOUT_IN_PROGRESS": "The PSP is being asked for the order's page right now. Try again in a moment.",
    "PAYMENT_NOT_AUTHORIZED": "No money of this payment is reserved.",
    "ALREADY_CAPTURED": "The money was taken already; it can be refunded.",
    "ALREADY_VOIDED": "The authorization was given up.",
    "AUTHORIZATION_EXPIRED": "The authorization, or the page to pay on, has run out.",
    "AMOUNT_EXCEEDS_AUTHORIZED": "More than is reserved.",
    "OPERATION_IN_PROGRESS": "A capture or void of this payment is on its way. Try again in a moment.",
    "PAYMENT_NOT_CAPTURED": "No money was taken that could be given back.",
    "ALREADY_REFUNDED": "All of it was given back, or is on its way.",
    "AMOUNT_EXCEEDS_REFUNDABLE": "More than is left to give back.",
    "REASON_NOT_EXPLAINED": "OTHER is no reason by itself: the explanation says which.",
    "PAYMENT_DISPUTED": "The payer's bank contests the money, or has taken it: answer the dispute.",
    "EVIDENCE_SUBMITTED": "The answer to the dispute was submitted already; it is given once.",
    "DISPUTE_CLOSED": "The dispute takes no answer any more.",
    "EVIDENCE_OVERDUE": "The deadline for an answer has passed.",
    "MAIL_QUEUED": "The mail is still on its way, and is tried again by itself.",
    "TOO_MANY_ENDPOINTS": "The merchant has as many enabled endpoints as may be; disable one first.",
    "ENDPOINT_DISABLED": "Nothing is sent to a disabled endpoint; enable it first.",
    "INVALID_TOKEN": "This is no token of the PSP.",
    "TOKENIZATION_UNAVAILABLE": "The server has no publishable key of the PSP: an operator sets it.",
    "GATEWAY_UNAVAILABLE": "The PSP did not answer, or not clearly. Try again: nobody is charged twice.",
    "UNKNOWN_COUNTRY": "The PSP opens no accounts in this country, or it is none.",
    "VENDOR_REJECTED": "The PSP has rejected the vendor.",
    "VENDOR_DISABLED": "The vendor was disabled.",
    "VENDOR_NOT_READY": "The PSP has not cleared the vendor for money: onboarding is not complete.",
    "INVALID_SPLIT": "The parts of the rule make no sense together, or are too many; the message says why.",
    "SPLIT_EXCEEDS_AMOUNT": "The rule gives away more than there is.",
    "ORDER_PARTLY_PAID": "A part of the order is paid and divided by its rules: its items stay as they are.",
    "HOLD_UNASSIGNED": "No vendor is assigned to the hold yet.",
    "FEE_NOT_KNOWN": "The vendors bear the PSP's fee, which it has not told yet. Try again in a moment.",
    "HOLD_RELEASED": "All of the hold was released.",
    "HOLD_REFUNDED": "All that was held went back to the payer, or was taken by the payer's bank.",
    "HOLD_NOT_ASSIGNABLE": "The hold's rule names its vendors, or some of it was released.",
    "ORDER_NOT_PAID": "No money of the order is held: it is not paid, or was never split.",
    "AMOUNT_EXCEEDS_HELD": "More than is held.",
    "METHOD_NOT_AVAILABLE": "The chosen payment method cannot pay this order; availablePaymentMethods tells which can.",
    "LINK_INACTIVE": "The payment link was deactivated, and does not come back.",
    "LINK_EXPIRED": "The payment link's time is over.",
    "LINK_USED_UP": "The payment link's one order is paid, or was canceled.",
    "PLAN_ARCHIVED": "The plan was archived: nobody subscribes to it, and it does not change.",
    "SUBSCRIPTION_IN_PROGRESS": "The PSP is being asked for the subscription right now. Try again in a moment.",
    "SUBSCRIPTION_INCOMPLETE": "The subscription has not begun: its first payment has not come.",
    "SUBSCRIPTION_ENDED": "The subscription has ended, or never began, and does not change any more.",
    "SUBSCRIPTION_PAUSED": "The subscription is paused: resume it first.",
    "SUBSCRIPTION_UNPAID": "Something is owed for the subscription: its open invoice is to be paid first.",
    "SUBSCRIPTION_RUNNING": "The subscription is neither paused nor about to end.",
    "NOTHING_TO_CHANGE": "The subscription has that plan and quantity already.",
    "PAYMENT_DECLINED": "What the change costs at once could not be collected: nothing was changed.",
    "GATEWAY_REFUSED": "The PSP says that this cannot be paid so, such as an amount that is too small for it.",
}
"""Every code of a refusal, and what it means."""


def error_codes(description: str) -> Callable[[type[EnumT]], type[EnumT]]:
    """Shows an enum of these codes."""
    return lambda kind: show(kind, description, **_CODES)


def user_errors(kind: type[UserErrorT], codes: type[Enum], refusal: Refusal) -> list[UserErrorT]:
    """The refusal's faults as the payload's user errors."""
    build: Any = kind
    return [
        build(code=codes[fault.code], message=fault.message, path=_path(fault), retryable=fault.retryable)
        for fault in refusal.faults
    ]


def _path(fault: Fault) -> list[str] | None:
    return [to_camel_case(part) for part in fault.path] or None


def checked_id(value: str, prefix: str, what: str, path: str) -> str:
    """The id, for a mutation; raises a Refusal for one that cannot be of this kind."""
    if ids.prefix_of(value) != prefix:
        message = f"{value[:60]!r} is not the id of {what}; those begin with {prefix}_."
        raise Refusal(Fault("INVALID_ID", message, (path,)))
    return value


def known_id(value: str, prefix: str, what: str) -> str:
    """The id, for a query; raises BAD_REQUEST for one that cannot be of this kind."""
    if ids.prefix_of(value) != prefix:
        raise bad_request(f"{value[:60]!r} is not the id of {what}; those begin with {prefix}_.")
    return value


def bad_request(message: str) -> ApiError:
    return ApiError(ErrorCode.BAD_REQUEST, message)
