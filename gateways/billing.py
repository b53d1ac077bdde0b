"""What a gateway offers whose PSP bills by itself: plans, subscriptions and invoices there, in our words."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol


class SubscriptionStanding(StrEnum):
    """What the PSP says of a subscription. PAUSED: nobody is charged for now."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"


class InvoiceStanding(StrEnum):
    """What the PSP says of an invoice that is no draft any more."""

    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How a subscription stands at the PSP, as of `told_at`, the PSP's time. One second may hold several changes."""

    token: str
    standing: SubscriptionStanding
    item_token: str | None
    price_token: str | None
    quantity: int
    period_start: datetime | None
    period_end: datetime | None
    trial_end: datetime | None
    cancel_at_period_end: bool
    cancel_at: datetime | None
    paused_until: datetime | None
    canceled_at: datetime | None
    ended_at: datetime | None
    told_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionEvidence:
    """What a PSP says about a subscription. `subscription_id` is our own id as the PSP echoes it.

    `terms` None: it tells only of the hosted page, whose end without a subscription is `page_expired`.
    `trial_ending`: the PSP says that the trial is about to end. `incomplete` asks for an inquiry.
    """

    gateway: str
    livemode: bool
    account: str | None = None
    subscription_id: str | None = None
    token: str | None = None
    session_token: str | None = None
    checkout_url: str | None = None
    expires_at: datetime | None = None
    page_expired: bool = False
    terms: Terms | None = None
    trial_ending: bool = False
    incomplete: bool = False
    occurred_at: datetime | None = None


_LINE_TIMES = ("period_start", "period_end")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """A row of an invoice. `amount_minor` is below 0 for what is given back; `proration`: for a part of a period."""

    description: str
    quantity: int | None
    amount_minor: int
    period_start: datetime
    period_end: datetime
    proration: bool

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {name: getattr(self, name).isoformat() for name in _LINE_TIMES}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "InvoiceLine":
        return cls(**{**data} | {name: datetime.fromisoformat(data[name]) for name in _LINE_TIMES})


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePayment:
    """Money that came for an invoice, and the payment at the PSP that brought it."""

    intent_token: str
    amount_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceEvidence:
    """What a PSP says about an invoice, in minor units of its currency.

    `period_start` and `period_end` are those of what recurs on it. `attempts` only grows. `payments` None: this message
    does not tell them. `whole`: it tells all of its `lines`. `issued_at` is the PSP's time.
    """

    gateway: str
    livemode: bool
    account: str | None = None
    token: str
    subscription_token: str
    subscription_id: str | None
    number: str | None
    standing: InvoiceStanding
    reason: str
    currency: str
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    due_minor: int
    paid_minor: int
    balance_before_minor: int
    balance_after_minor: int
    lines: tuple[InvoiceLine, ...]
    whole: bool = True
    period_start: datetime
    period_end: datetime
    attempts: int
    next_attempt_at: datetime | None
    requires_action: bool
    payment_url: str | None
    issued_at: datetime
    paid_at: datetime | None
    payments: tuple[InvoicePayment, ...] | None = None
    occurred_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePaymentEvidence:
    """What a PSP says about one payment of an invoice."""

    gateway: str
    livemode: bool
    account: str | None = None
    invoice_token: str
    currency: str
    payment: InvoicePayment
    occurred_at: datetime | None = None


BillingEvidence = SubscriptionEvidence | InvoiceEvidence | InvoicePaymentEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionReport:
    """All that the PSP knows of a subscription now, with every invoice that is no draft, oldest first."""

    subscription: SubscriptionEvidence
    invoices: tuple[InvoiceEvidence, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRequest:
    """One version of a plan's terms, to be made known to the PSP once: `price_id` is also the idempotency key."""

    plan_id: str
    price_id: str
    product_token: str | None
    name: str
    description: str | None
    currency: str
    amount_minor: int
    interval: str
    interval_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTokens:
    product_token: str
    price_token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionRequest:
    """All that is said when a subscription begins; stored before it is asked, so that a retry says the same. With a
    `method_token` the customer's instrument is charged while the payer is away; without, a hosted page is opened."""

    subscription_id: str
    customer_token: str
    plan_name: str
    price_token: str
    quantity: int
    currency: str
    trial_days: int
    setup_fee_minor: int
    method_token: str | None
    success_url: str
    cancel_url: str
    expires_at: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SubscriptionRequest":
        return cls(**data)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRequest:
    """Another price or quantity. `proration` is now, next_invoice or none; `at` the moment that it is computed
    for, None for the PSP's present."""

    token: str
    item_token: str
    price_token: str
    quantity: int
    proration: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePreview:
    """What a change would be invoiced with, at that very `at`; amounts in minor units. `at` None: nothing of it depends
    on the moment."""

    currency: str
    lines: tuple[InvoiceLine, ...]
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    due_minor: int
    at: datetime | None


class Billing(Protocol):
    """A PSP that bills, behind one face. Every call may raise GatewayError; none is made inside a transaction."""

    async def register_price(self, request: PriceRequest) -> PriceTokens:
        """Makes a plan's terms known. The same price_id gives the same price."""
        ...

    async def rename(self, product_token: str, name: str, description: str | None) -> None:
        """What payers read on invoices from now on."""
        ...

    async def subscribe(self, request: SubscriptionRequest, *, idempotency_key: str) -> SubscriptionReport:
        """Opens the hosted page, or begins with the customer's instrument. The same key and request do it once."""
        ...

    async def find(self, request: SubscriptionRequest, *, since: datetime) -> SubscriptionReport | None:
        """What was made of a subscription whose beginning was not answered; None: nothing yet."""
        ...

    async def inquire(self, *, token: str | None, session_token: str | None) -> SubscriptionReport:
        """All that the PSP knows now."""
        ...

    async def expire_page(self, session_token: str) -> SubscriptionReport:
        """Closes the hosted page so that nobody can subscribe on it; tells how it ended if it had."""
        ...

    async def preview(self, request: ChangeRequest) -> ChangePreview:
        """What the change would be invoiced with. Nothing is changed."""
        ...

    async def change(self, request: ChangeRequest, *, idempotency_key: str) -> SubscriptionReport:
        """Another price or quantity; Declined: its price could not be collected, and nothing was changed."""
        ...

    async def cancel(self, token: str, *, at_period_end: bool, idempotency_key: str) -> SubscriptionReport:
        """Ends it now, or with the period that is paid. One that has ended is no error."""
        ...

    async def pause(self, token: str, *, until: datetime | None, idempotency_key: str) -> SubscriptionReport:
        """Charges nobody, until a time or until it is resumed."""
        ...

    async def resume(self, token: str, *, idempotency_key: str) -> SubscriptionReport:
        """Ends a pause, and takes a cancelation at the period's end back."""
        ...

    async def method_page(self, customer_token: str, *, return_url: str) -> str:
        """The address of a page where the customer leaves another instrument for what is billed. It is short-lived."""
        ...
