"""Stripe's test cards: what each number and pm_card_* token does. Whole numbers are handled here and never kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from sandbox.stripe.errors import Json

Challenge = Literal["never", "always", "unless_set_up", "unless_off_session"]


@dataclass(frozen=True)
class Decline:
    """Why the issuer says no: the API's code and decline_code, its advice, and what the payer reads."""

    code: str
    decline_code: str | None
    advice: str
    message: str


def _declined(decline_code: str, advice: str = "try_again_later", message: str = "Your card was declined.") -> Decline:
    return Decline("card_declined", decline_code, advice, message)


GENERIC: Final = _declined("generic_decline")
INSUFFICIENT: Final = _declined("insufficient_funds", message="Your card has insufficient funds.")
LOST: Final = _declined("lost_card", "do_not_try_again")
STOLEN: Final = _declined("stolen_card", "do_not_try_again")
VELOCITY: Final = _declined(
    "card_velocity_exceeded",
    message="Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
NOT_A_TEST_CARD: Final = _declined(
    "test_mode_live_card",
    "do_not_try_again",
    "Your card was declined. Your request was in test mode, but used a non test card.",
)
BLOCKED: Final = _declined("fraudulent", "do_not_try_again")
EXPIRED: Final = Decline("expired_card", None, "do_not_try_again", "Your card has expired.")
BAD_CVC: Final = Decline("incorrect_cvc", None, "confirm_card_data", "Your card's security code is incorrect.")
AUTHENTICATION_REQUIRED: Final = Decline(
    "authentication_required",
    "authentication_required",
    "try_again_later",
    "Your card was declined. This transaction requires authentication.",
)
PROCESSING: Final = Decline(
    "processing_error",
    None,
    "try_again_later",
    "An error occurred while processing your card. Try again in a little bit.",
)
DECLINES: Final = {
    "card_velocity_exceeded": VELOCITY,
    "expired_card": EXPIRED,
    "generic_decline": GENERIC,
    "insufficient_funds": INSUFFICIENT,
    "lost_card": LOST,
    "processing_error": PROCESSING,
    "stolen_card": STOLEN,
}
"""By what a bank can be told to say from now on."""


@dataclass(frozen=True)
class TestCard:
    """A test card and everything that it is known for. `key` is its pm_card_* name without the prefix."""

    number: str
    key: str
    title: str
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    decline: Decline | None = None
    challenge: Challenge = "never"
    attachable: bool = True
    refund: Literal["succeeds", "pending", "fails"] = "succeeds"
    funds_at_once: bool = False
    dispute: str | None = None
    """Why the cardholder disputes the payment, soon after it."""
    inquiry: bool = False
    """The dispute is an inquiry at first: nothing is debited."""
    fraud_warning: bool = False
    blocked: bool = False
    risk: Literal["normal", "elevated", "highest"] = "normal"


def _refused(number: str, key: str, decline: Decline, title: str) -> TestCard:
    return TestCard(number, key, title, decline=decline, attachable=False)


CARDS: Final = (
    TestCard("4242424242424242", "visa", "Succeeds"),
    TestCard("4000056655665556", "visa_debit", "Succeeds, debit", funding="debit"),
    TestCard("5555555555554444", "mastercard", "Succeeds, Mastercard", "mastercard"),
    TestCard("2223003122003222", "mastercard_2_series", "Succeeds, Mastercard 2-series", "mastercard"),
    TestCard("5200828282828210", "mastercard_debit", "Succeeds, Mastercard debit", "mastercard", "debit"),
    TestCard("378282246310005", "amex", "Succeeds, American Express", "amex"),
    TestCard("6011111111111117", "discover", "Succeeds, Discover", "discover"),
    TestCard("3056930009020004", "diners", "Succeeds, Diners Club", "diners"),
    TestCard("3566002020360505", "jcb", "Succeeds, JCB", "jcb", country="JP"),
    TestCard("6200000000000005", "unionpay", "Succeeds, UnionPay", "unionpay", country="CN"),
    TestCard("4000008260000000", "gb", "Succeeds, United Kingdom", country="GB"),
    TestCard("4000002760000016", "de", "Succeeds, Germany", country="DE"),
    TestCard("4000003560000008", "in", "Succeeds, India", country="IN"),
    _refused("4000000000000002", "visa_chargeDeclined", GENERIC, "Declined"),
    _refused("4000000000009995", "visa_chargeDeclinedInsufficientFunds", INSUFFICIENT, "Insufficient funds"),
    _refused("4000000000009987", "visa_chargeDeclinedLostCard", LOST, "Lost card"),
    _refused("4000000000009979", "visa_chargeDeclinedStolenCard", STOLEN, "Stolen card"),
    _refused("4000000000000069", "chargeDeclinedExpiredCard", EXPIRED, "Expired card"),
    _refused("4000000000000127", "chargeDeclinedIncorrectCvc", BAD_CVC, "Wrong security code"),
    _refused("4000000000000119", "chargeDeclinedProcessingError", PROCESSING, "Processing error"),
    _refused("4000000000006975", "visa_chargeDeclinedVelocityLimitExceeded", VELOCITY, "Velocity limit exceeded"),
    TestCard("4000000000000341", "chargeCustomerFail", "Can be saved, then declines", decline=GENERIC),
    TestCard("4000002500003155", "authenticationRequiredOnSetup", "3DS unless saved", challenge="unless_set_up"),
    TestCard("4000002760003184", "authenticationRequired", "3DS every time", challenge="always"),
    TestCard(
        "4000003800000446",
        "authenticationRequiredSetupForOffSession",
        "Challenge, saved for later",
        challenge="unless_off_session",
    ),
    TestCard(
        "4000008260003178",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        "3DS, then insufficient funds",
        decline=INSUFFICIENT,
        challenge="always",
    ),
    TestCard("4000000000003220", "threeDSecure2Required", "3DS challenge", challenge="always"),
    TestCard(
        "4000008400001629",
        "threeDSecureRequiredChargeDeclined",
        "3DS, then declined",
        decline=GENERIC,
        challenge="always",
    ),
    TestCard("4100000000000019", "radarBlock", "Blocked as fraudulent", decline=BLOCKED, blocked=True, risk="highest"),
    TestCard("4000000000004954", "riskLevelHighest", "Risk highest", risk="highest"),
    TestCard("4000000000009235", "riskLevelElevated", "Risk elevated", risk="elevated"),
    TestCard("4000000000000259", "createDispute", "Succeeds, then disputed as fraudulent", dispute="fraudulent"),
    TestCard(
        "4000000000002685",
        "createDisputeProductNotReceived",
        "Succeeds, then disputed as not received",
        dispute="product_not_received",
    ),
    TestCard(
        "4000000000001976",
        "createDisputeInquiry",
        "Succeeds, then an inquiry",
        dispute="fraudulent",
        inquiry=True,
    ),
    TestCard(
        "4000000000005423",
        "createIssuerFraudRecord",
        "Succeeds, then an early fraud warning",
        fraud_warning=True,
    ),
    TestCard("4000000000007726", "pendingRefund", "A refund stays pending at first", refund="pending"),
    TestCard("4000000000005126", "refundFail", "A refund fails later", refund="fails"),
    TestCard("4000000000000077", "bypassPending", "Funds available at once", funds_at_once=True),
)
BY_NUMBER: Final = {card.number: card for card in CARDS}
BY_KEY: Final = {card.key: card for card in CARDS}
UNKNOWN: Final = TestCard("", "unknown", "Not a test card", decline=NOT_A_TEST_CARD, attachable=False)


@dataclass(frozen=True)
class Problem:
    """What is wrong with the card's data, before any issuer is asked. `field` is number, expiry or cvc."""

    field: str
    code: str
    message: str


def digits(text: str) -> str:
    return "".join(char for char in text if char not in " -\u2009\u00a0")


def passes_luhn(number: str) -> bool:
    total = 0
    for place, char in enumerate(reversed(number)):
        value = int(char) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and 12 <= len(text) <= 19 and passes_luhn(text)


def problems(number: str, month: int, year: int, cvc: str | None, now: Any) -> list[Problem]:
    """Faults of the data itself; `now` is a datetime of the sandbox's clock. An absent cvc (None) is no fault."""
    found = []
    if not is_number(number):
        found.append(Problem("number", "incorrect_number", "Your card number is incorrect."))
    if not 1 <= month <= 12:
        found.append(Problem("expiry", "invalid_expiry_month", "Your card's expiration month is invalid."))
    elif not now.year <= year <= now.year + 50 or (year, month) < (now.year, now.month):
        found.append(Problem("expiry", "invalid_expiry_year", "Your card's expiration year is in the past."))
    length = 4 if number[:2] in ("34", "37") else 3
    if cvc is not None and not (cvc.isascii() and cvc.isdigit() and len(cvc) in (length, 3)):
        found.append(Problem("cvc", "invalid_cvc", "Your card's security code is invalid."))
    return found


def brand_of(number: str) -> str:
    if number[:2] in ("34", "37"):
        return "amex"
    if number[:2] in ("36", "38", "30"):
        return "diners"
    return {"4": "visa", "5": "mastercard", "2": "mastercard", "6": "discover", "3": "jcb"}.get(number[:1], "unknown")


def details(card: TestCard, last4: str, month: int, year: int, fingerprint: str, brand: str, cvc: bool) -> Json:
    """The `card` part of a PaymentMethod."""
    display = {"amex": "american_express", "diners": "diners_club", "unionpay": "union_pay"}.get(brand, brand)
    return {
        "brand": brand,
        "checks": {
            "address_line1_check": None,
            "address_postal_code_check": None,
            "cvc_check": "unchecked" if cvc else None,
        },
        "country": card.country,
        "display_brand": display,
        "exp_month": month,
        "exp_year": year,
        "fingerprint": fingerprint,
        "funding": card.funding,
        "generated_from": None,
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
