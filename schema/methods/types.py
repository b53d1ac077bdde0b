"""Payment methods: what is known of each, which can be offered, and which was used."""

from collections.abc import Mapping
from typing import Any

import strawberry

from domain.methods import availability
from domain.methods.availability import Exclusion, ExclusionReason, Offer
from domain.methods.method import MethodFamily, MethodKind, OutcomeDelay, PaymentMethodType, RefundSupport
from domain.methods.table import TABLE, named
from models import Recurrence
from schema.enums import show
from schema.scalars import CurrencyCode, Money, money_of

_FAMILIES = {
    MethodFamily.CARD: "A credit, debit or prepaid card.",
    MethodFamily.WALLET: "An app or account that holds money, or other ways to pay.",
    MethodFamily.BNPL: "Buy now, pay later: the merchant gets the whole amount, the payer pays in parts or later.",
    MethodFamily.REAL_TIME: "A payment between bank accounts, made in the payer's app at once.",
    MethodFamily.NETBANKING: "A bank transfer of India, made in the payer's online bank.",
    MethodFamily.BANK_REDIRECT: "The payer confirms at the bank, online.",
    MethodFamily.BANK_DEBIT: "The merchant pulls the money from the payer's account; the bank may refuse days later.",
    MethodFamily.BANK_TRANSFER: "The payer sends the money from a bank account.",
    MethodFamily.VOUCHER: "The payer gets a reference number and pays with it, at a shop, a machine or a bank.",
    MethodFamily.CRYPTO: "Coins on a blockchain.",
}

show(
    PaymentMethodType,
    "A way to pay.",
    **{row.type.name: f"{row.title}. {_FAMILIES[row.family]}" for row in TABLE},
)
show(MethodFamily, "What sort of thing a method is.", **{family.name: text for family, text in _FAMILIES.items()})
show(
    MethodKind,
    "Whether a method runs on a card network.",
    CARD="On a card network.",
    APM="An alternative payment method: on no card network.",
)
show(
    OutcomeDelay,
    "How long after checkout it may take until the outcome is known; the payment is PROCESSING so long.",
    IMMEDIATE="At once.",
    MINUTES="Some minutes.",
    DAYS="Days, and it may fail then.",
)
show(
    RefundSupport,
    "What can be given back through the gateway.",
    NONE="Nothing: pay it back in another way.",
    FULL="All or nothing.",
    PARTIAL="Any part, in one refund or several.",
)
show(
    ExclusionReason,
    "Why a method is not offered: the first of these that holds.",
    GATEWAY="The gateway cannot do it, whatever the payer wants.",
    COUNTRY="Payers in this country do not have it.",
    CURRENCY="It cannot be paid in this currency, or not in this country.",
    AMOUNT_TOO_SMALL="The amount is less than it takes.",
    AMOUNT_TOO_LARGE="The amount is more than it takes.",
    NOT_RECURRING="It cannot be charged again without the payer.",
)
show(Recurrence, "Whether a payment recurs.", SALE="One-time.", RECC="Recurring.")


@strawberry.type(description="A payment method that can be offered for what was asked.")
class AvailablePaymentMethod:
    method: PaymentMethodType = strawberry.field(description="The method: what checkoutStart may be told.")
    title: str = strawberry.field(description="Its name as payers know it.")
    kind: MethodKind = strawberry.field(description="Whether it runs on a card network.")
    family: MethodFamily = strawberry.field(description="What sort of thing it is.")
    countries: list[str] | None = strawberry.field(
        description="Where its payers are, as ISO 3166-1 alpha-2 codes; null when they may be anywhere."
    )
    currencies: list[CurrencyCode] | None = strawberry.field(
        description="What it is paid in; null when that is all that the gateway charges."
    )
    min_amount: Money | None = strawberry.field(
        description="The least it takes in the currency that was asked for; null when none is known."
    )
    max_amount: Money | None = strawberry.field(
        description="The most it takes in the currency that was asked for; null when none is known."
    )
    delay: OutcomeDelay = strawberry.field(
        description="How long after checkout it may take until the outcome is known."
    )
    delay_days: int | None = strawberry.field(
        description="The most business days that takes; null for a delay that is not of days, or has no known end."
    )
    manual_capture: bool = strawberry.field(description="Whether the money can be reserved first (captureMethod).")
    recurring: bool = strawberry.field(description="Whether it can be charged again without the payer.")
    refunds: RefundSupport = strawberry.field(description="What can be given back through the gateway.")
    refund_days: int | None = strawberry.field(
        description="For how many days after the payment it can be given back; null when no limit is known."
    )
    comes_with: PaymentMethodType | None = strawberry.field(
        description="The method whose page shows it, for one that has no page of its own, such as a wallet of cards."
    )
    note: str | None = strawberry.field(description="What else to know, for people; null when there is nothing.")

    @classmethod
    def of(cls, offer: Offer, currency: str) -> "AvailablePaymentMethod":
        row = offer.method
        return cls(
            method=row.type,
            title=row.title,
            kind=row.kind,
            family=row.family,
            countries=sorted(row.countries) if row.countries is not None else None,
            currencies=[CurrencyCode(code) for code in sorted(row.currencies)] if row.currencies is not None else None,
            min_amount=money_of(offer.min_minor, currency) if offer.min_minor is not None else None,
            max_amount=money_of(offer.max_minor, currency) if offer.max_minor is not None else None,
            delay=row.delay,
            delay_days=row.delay_days,
            manual_capture=row.manual_capture,
            recurring=row.recurring,
            refunds=row.refunds,
            refund_days=row.refund_days,
            comes_with=row.comes_with,
            note=row.note,
        )


@strawberry.type(description="A payment method that cannot be offered for what was asked.")
class ExcludedPaymentMethod:
    method: PaymentMethodType = strawberry.field(description="The method.")
    title: str = strawberry.field(description="Its name as payers know it.")
    kind: MethodKind = strawberry.field(description="Whether it runs on a card network.")
    family: MethodFamily = strawberry.field(description="What sort of thing it is.")
    reason: ExclusionReason = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description="Why not, for people. The wording may change: decide by the reason.")

    @classmethod
    def of(cls, exclusion: Exclusion) -> "ExcludedPaymentMethod":
        row = exclusion.method
        return cls(
            method=row.type,
            title=row.title,
            kind=row.kind,
            family=row.family,
            reason=exclusion.reason,
            message=exclusion.sentence,
        )


@strawberry.type(description="Every payment method that is known here, either available or excluded with a reason.")
class PaymentMethodAvailability:
    version: str = strawberry.field(description="The version of the table of methods, a date such as 2026-11-21.")
    gateway: str = strawberry.field(description="The gateway that new payments go through, such as stripe.")
    available: list[AvailablePaymentMethod] = strawberry.field(
        description="What can be offered. On its page the gateway shows what the merchant has switched on there."
    )
    excluded: list[ExcludedPaymentMethod] = strawberry.field(description="What cannot, and why not.")

    @classmethod
    def of(cls, found: availability.Availability, gateway: str, currency: str) -> "PaymentMethodAvailability":
        return cls(
            version=found.version,
            gateway=gateway,
            available=[AvailablePaymentMethod.of(offer, currency) for offer in found.available],
            excluded=[ExcludedPaymentMethod.of(exclusion) for exclusion in found.excluded],
        )


@strawberry.type(description="The instrument that was used, as the PSP tells it.")
class UsedMethod:
    kind: str = strawberry.field(description="CARD or APM.")
    type: str = strawberry.field(description="The PSP's name of the method, such as card or ideal.")
    name: PaymentMethodType | None = strawberry.field(description="Our name of the method; null when we have none.")
    brand: str | None = strawberry.field(description="A card's brand, null for other methods.")
    last4: str | None = strawberry.field(description="The last four digits, null where there are none.")
    country: str | None = strawberry.field(description="The country of issue, null where it is not told.")
    wallet: str | None = strawberry.field(description="The wallet the card was in, null without one.")

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "UsedMethod":
        return cls(name=named(facts["type"], facts["wallet"]), **facts)
