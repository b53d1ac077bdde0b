"""What payers read: how their payment stands, why a try failed, why money goes back."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.billing.shown import Subscribed
from domain.refusals import Refusal
from domain.returning.shown import RefundCause, Shown, State
from models import LinkStatus, SubscriptionStatus


@dataclass(frozen=True, slots=True)
class Words:
    """`sign` is the drawing beside the title. `reload` is in how many seconds a page without scripts looks again."""

    sign: str
    title: str
    text: str
    reload: int | None = None


WORDS: Mapping[State, Words] = {
    State.PAID: Words("done", "Thank you, it is paid", "We have your payment. There is nothing more to do."),
    State.PAID_OTHERWISE: Words(
        "done",
        "This order is paid",
        "Another payment paid it, not this one. Should money still come from this one, it goes back by itself.",
        30,
    ),
    State.AUTHORIZED: Words(
        "done",
        "Thank you, the amount is reserved",
        "Your bank has set the amount aside. It is taken when the seller confirms the order.",
        60,
    ),
    State.PROCESSING: Words(
        "wait",
        "Your payment is on its way",
        "Your bank may take several days to confirm it. There is nothing more to do; please do not pay again.",
        60,
    ),
    State.OPEN: Words("open", "Not paid yet", "Nothing has been taken from you.", 15),
    State.DECLINED: Words("open", "That did not go through", "Nothing has been taken from you.", 15),
    State.FAILED: Words("ended", "The payment failed", "No money has been taken."),
    State.EXPIRED: Words("ended", "The payment page has expired", "It can no longer be used. No money has been taken."),
    State.CANCELED: Words("ended", "The payment was canceled", "No money has been taken."),
    State.ORDER_CANCELED: Words("ended", "The order was canceled", "No money has been taken."),
    State.REFUNDED: Words("back", "Your money is on its way back", "", 30),
    State.REFUND_FAILED: Words(
        "ask",
        "We owe you money",
        "This payment was not needed, and giving it back did not work. Please contact the seller.",
    ),
    State.REVIEW: Words(
        "ask",
        "The seller has to look at this",
        "What your bank says does not match the order. Please do not pay again; contact the seller.",
        60,
    ),
    State.UNKNOWN: Words(
        "wait",
        "We are still finding out",
        "Your bank has not told us yet how this payment ended. Please do not pay again.",
        5,
    ),
}

_BACK = {
    RefundCause.ORDER_PAID: "The order was paid already, so this payment was not needed.",
    RefundCause.ORDER_CANCELED: "The order was canceled.",
    RefundCause.SUPERSEDED: "A newer payment page had taken the place of the one you paid on.",
    RefundCause.OTHER: "The seller has given your money back.",
}

_ANOTHER_CARD = "Please try another card or another way to pay."
_DECLINES = {
    "insufficient_funds": "There was not enough money on the account. " + _ANOTHER_CARD,
    "withdrawal_count_limit_exceeded": "The card has reached its limit. " + _ANOTHER_CARD,
    "card_velocity_exceeded": "The card has reached its limit. " + _ANOTHER_CARD,
    "expired_card": "The card has expired. " + _ANOTHER_CARD,
    "incorrect_number": "The card number was not right. Please check it and try again.",
    "invalid_number": "The card number was not right. Please check it and try again.",
    "incorrect_cvc": "The security code was not right. Please check it and try again.",
    "invalid_cvc": "The security code was not right. Please check it and try again.",
    "invalid_expiry_month": "The expiry date was not right. Please check it and try again.",
    "invalid_expiry_year": "The expiry date was not right. Please check it and try again.",
    "incorrect_zip": "The postal code was not right. Please check it and try again.",
    "authentication_required": "Your bank wants you to confirm the payment. Please try again.",
    "payment_intent_authentication_failure": "Your bank could not confirm that it was you. Please try again.",
    "card_not_supported": "This card cannot be used here. " + _ANOTHER_CARD,
    "currency_not_supported": "This card cannot pay in this currency. " + _ANOTHER_CARD,
    "processing_error": "Something went wrong between the banks. Please try again.",
    "issuer_not_available": "Your bank could not be reached. Please try again in a few minutes.",
    "try_again_later": "Your bank could not be reached. Please try again in a few minutes.",
    "account_closed": "The bank account is closed. Please use another one.",
    "no_account": "The bank does not know this account. Please check it or use another one.",
    "bank_account_closed": "The bank account is closed. Please use another one.",
    "debit_not_authorized": "Your bank did not allow the debit. Please use another account or another way to pay.",
    "payment_method_provider_decline": "The payment was turned down. Please try another way to pay.",
    "payment_intent_payment_attempt_expired": "The payment was not finished in time.",
}
_SOME_DECLINE = "Your bank said no and gave no reason we may show. " + _ANOTHER_CARD

_METHODS = {
    "us_bank_account": "Bank account (US)",
    "sepa_debit": "SEPA direct debit",
    "bacs_debit": "Bacs direct debit",
    "au_becs_debit": "BECS direct debit",
    "acss_debit": "Pre-authorized debit",
    "ideal": "iDEAL",
    "eps": "EPS",
    "blik": "BLIK",
    "p24": "Przelewy24",
}
_BRANDS = {"amex": "American Express", "jcb": "JCB", "diners": "Diners Club", "unionpay": "UnionPay"}

_REFUSALS = {
    "ORDER_ALREADY_PAID": "This order is paid already. Nothing more is to be paid.",
    "ORDER_CANCELED": "This order was canceled. It can no longer be paid.",
    "PAYMENT_IN_PROGRESS": "Another payment of this order is on its way. Please wait for its end.",
    "PAYMENT_CONFLICTED": "The seller has to look at this order first. Please do not pay again.",
    "IDEMPOTENCY_KEY_REUSED": "This form was used for something else. Please go back and reload the page.",
    "CHECKOUT_IN_PROGRESS": "The payment page is just being opened. Please try again in a moment.",
    "GATEWAY_UNAVAILABLE": "The payment page cannot be opened just now. Please try again in a moment.",
    "GATEWAY_REFUSED": "This cannot be paid here: the payment provider refuses it.",
    "NOT_FOUND": "This product is not for sale any more.",
    "UNKNOWN_CURRENCY": "This product is not for sale in that currency.",
    "CURRENCY_MISMATCH": "This product is not for sale in that currency.",
}

CLOSED: Mapping[LinkStatus, Words] = {
    LinkStatus.INACTIVE: Words("ended", "This link is closed", "The seller has closed it. Nothing can be paid here."),
    LinkStatus.EXPIRED: Words("ended", "This link has expired", "Nothing can be paid here any more."),
    LinkStatus.USED_UP: Words("ended", "This link is used up", "Nothing more can be paid here."),
}


@dataclass(frozen=True, slots=True)
class SubscriptionWords:
    """`runs`: it goes on, and what comes next is shown. `reload` is in how many seconds a page without scripts looks
    again."""

    sign: str
    title: str
    text: str | None
    runs: bool
    reload: int | None = None


SUBSCRIPTIONS: Mapping[SubscriptionStatus, SubscriptionWords] = {
    SubscriptionStatus.INCOMPLETE: SubscriptionWords(
        "wait", "Not begun yet", "It begins as soon as the first payment has come.", False, 15
    ),
    SubscriptionStatus.INCOMPLETE_EXPIRED: SubscriptionWords(
        "ended", "This subscription never began", "Nothing has been taken from you.", False
    ),
    SubscriptionStatus.TRIALING: SubscriptionWords("done", "Your trial runs", None, True),
    SubscriptionStatus.ACTIVE: SubscriptionWords("done", "Your subscription runs", None, True),
    SubscriptionStatus.PAST_DUE: SubscriptionWords(
        "wait", "A payment did not go through", "It is tried again by itself. You can also pay now.", True, 60
    ),
    SubscriptionStatus.UNPAID: SubscriptionWords(
        "ended", "A payment did not go through", "Pay it to go on with your subscription.", True, 60
    ),
    SubscriptionStatus.PAUSED: SubscriptionWords(
        "wait", "Your subscription is paused", "You are not charged meanwhile.", True
    ),
    SubscriptionStatus.CANCELED: SubscriptionWords(
        "ended", "Your subscription has ended", "Nothing more will be charged.", False
    ),
}


_STUCK = SubscriptionWords(
    "ended", "A payment did not go through", "Nothing can be paid here any more: please write to the seller.", True
)


def subscription(shown: Subscribed) -> SubscriptionWords:
    """The title and the sentence for how the subscription stands."""
    if shown.status is SubscriptionStatus.UNPAID and shown.payment_url is None:
        return _STUCK
    given_up = shown.status is SubscriptionStatus.PAST_DUE and shown.next_attempt_at is None
    return SUBSCRIPTIONS[SubscriptionStatus.UNPAID if given_up else shown.status]


SLOW = "The payment page takes long to open. Please try again."
_PASSING = frozenset({"CHECKOUT_IN_PROGRESS", "GATEWAY_UNAVAILABLE"})


def words(shown: Shown) -> Words:
    """The title and the sentence for how the payment stands."""
    found = WORDS[shown.state]
    if shown.state is State.REFUNDED and shown.returned:
        done = shown.returned.done
        title = "Your money has been given back" if done else found.title
        way = "The full amount went back the way it came" if done else "The full amount goes back the way it came"
        text = f"{_BACK[shown.returned.cause]} {way}; it may take some days until you see it."
        return Words(found.sign, title, text, found.reload)
    return found


def decline(shown: Shown) -> str | None:
    """Why the last try failed, in words that help the payer; what protects against thieves is not said."""
    return _DECLINES.get(shown.decline, _SOME_DECLINE) if shown.decline else None


def method(shown: Shown) -> str | None:
    """The instrument, such as "Visa ending in 4242"."""
    if not shown.method:
        return None
    brand, kind, last4 = shown.method.get("brand"), shown.method["type"], shown.method.get("last4")
    name = _BRANDS.get(brand, brand.title()) if brand else _METHODS.get(kind, kind.replace("_", " ").title())
    return f"{name} ending in {last4}" if last4 else name


def refusal(refused: Refusal) -> str:
    """Why there is no payment page."""
    return next((_REFUSALS[f.code] for f in refused.faults if f.code in _REFUSALS), "This purchase is not possible.")


def is_passing(refused: Refusal) -> bool:
    """Whether the same wish may be granted in a moment."""
    return any(fault.code in _PASSING for fault in refused.faults)
