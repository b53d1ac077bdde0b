"""What every gateway offers: the protocol, what is asked and answered, the PSP's word as evidence, and the errors."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from gateways.billing import Billing, BillingEvidence
from gateways.capabilities import Capabilities
from gateways.connect import AccountHint, Connect, PayoutEvidence, TransferEvidence


class Standing(StrEnum):
    """What the PSP says of a payment. Where we stand is a PaymentStatus; the two are not the same thing.
    UNKNOWN: it was asked, and gave no answer that tells."""

    UNKNOWN = "unknown"
    OPEN = "open"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A decline or a failure. `code`, `decline_code` and `advice` are the PSP's own; `token` names the try."""

    code: str
    decline_code: str | None
    advice: str | None
    message: str
    token: str | None
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodFact:
    """The instrument that was used. `kind` is CARD or APM; `type` the PSP's name of it."""

    kind: str
    type: str
    brand: str | None = None
    last4: str | None = None
    country: str | None = None
    wallet: str | None = None


class RefundStanding(StrEnum):
    """What the PSP says of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundEvidence:
    """One refund as the PSP knows it; `refund_id` is ours, echoed, None when it was made elsewhere."""

    token: str
    refund_id: str | None
    standing: RefundStanding
    amount_minor: int
    currency: str
    reason: str | None
    failure_code: str | None


class DisputeStanding(StrEnum):
    """What the PSP says of a dispute."""

    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    PREVENTED = "prevented"


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEvidence:
    """One dispute as the PSP knows it. The amounts moved and the fees are totals that only grow. `due_by` is until
    when it may be answered."""

    token: str
    standing: DisputeStanding
    reason: str
    amount_minor: int
    currency: str
    withdrawn_minor: int
    reinstated_minor: int
    fee_minor: int
    fee_returned_minor: int
    due_by: datetime | None
    submitted: bool


@dataclass(frozen=True, slots=True)
class FraudEvidence:
    """A card network's early warning."""

    token: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a PSP says about a payment, in our words. Totals are cumulative, never increments, in minor units.

    `payment_id` is our own id as the PSP echoes it; None when it echoes none. `standing` None says nothing of the
    status. `amount_minor` and `currency` are what the PSP thinks it collects. `incomplete` asks for an inquiry,
    because this message tells only a part."""

    gateway: str
    livemode: bool
    account: str | None = None
    payment_id: str | None = None
    session_token: str | None = None
    intent_token: str | None = None
    charge_token: str | None = None
    standing: Standing | None = None
    amount_minor: int | None = None
    currency: str | None = None
    authorized_minor: int = 0
    captured_minor: int = 0
    fee_minor: int | None = None
    fee_currency: str | None = None
    capture_before: datetime | None = None
    refunds: tuple[RefundEvidence, ...] = ()
    disputes: tuple[DisputeEvidence, ...] = ()
    warning: FraudEvidence | None = None
    method: MethodFact | None = None
    failure: Failure | None = None
    risk_level: str | None = None
    method_token: str | None = None
    next_action: Mapping[str, str] | None = None
    checkout_url: str | None = None
    expires_at: datetime | None = None
    occurred_at: datetime | None = None
    incomplete: bool = False


class EventKind(StrEnum):
    """What a PSP's message is about, as far as we listen."""

    PAYMENT = "payment"
    SUBSCRIPTION = "subscription"
    INVOICE = "invoice"
    INVOICE_PAYMENT = "invoice_payment"
    ACCOUNT = "account"
    PAYOUT = "payout"
    TRANSFER = "transfer"
    UNREADABLE = "unreadable"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayEvent:
    """One signed message of a PSP. `evidence` is None for OTHER, which is stored and has no effect, and for UNREADABLE,
    which we listen to and do not understand: it is kept until somebody does."""

    gateway: str
    token: str
    type: str
    kind: EventKind
    evidence: Evidence | BillingEvidence | AccountHint | PayoutEvidence | TransferEvidence | None


@dataclass(frozen=True, slots=True)
class RequestItem:
    name: str
    unit_amount_minor: int
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRequest:
    """All that is said when a hosted page is opened; stored before it is asked, so that a retry says the same.

    `method_types` are the gateway's names of the only methods the page may show; empty stands for all it has.
    """

    payment_id: str
    order_id: str
    currency: str
    amount_minor: int
    items: tuple[RequestItem, ...]
    manual_capture: bool
    customer_email: str | None
    success_url: str
    cancel_url: str
    expires_at: int
    method_types: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SessionRequest":
        items = tuple(RequestItem(**item) for item in data["items"])
        return cls(**{**data, "items": items, "method_types": tuple(data.get("method_types", ()))})


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectRequest:
    """All that is said when an instrument is charged without a hosted page; stored before it is asked. `token` is the
    PSP's, never a card number. `customer_token` is needed to save the instrument or to use a saved one; `off_session`:
    the payer is not there to confirm; `recurring`: it is one of a series that the payer agreed to."""

    payment_id: str
    order_id: str
    currency: str
    amount_minor: int
    token: str
    manual_capture: bool
    customer_token: str | None
    save: bool
    off_session: bool
    return_url: str
    recurring: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"direct": True}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "DirectRequest":
        return cls(**{name: value for name, value in data.items() if name != "direct"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupEvidence:
    """What came of leaving an instrument with the merchant: saved, or the payer has something to do first."""

    token: str | None
    method: MethodFact | None
    next_action: Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundRequest:
    """A refund of captured money; `refund_id` is also the idempotency key."""

    refund_id: str
    payment_id: str
    intent_token: str
    currency: str
    amount_minor: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentTokens:
    """How the PSP knows a payment: by a hosted page's session, by the payment it became, or by both."""

    session_token: str | None = None
    intent_token: str | None = None


class Gateway(Protocol):
    """A PSP behind one face. Every call may raise GatewayError; none is made inside a database transaction."""

    name: str
    livemode: bool
    capabilities: Capabilities
    connect: Connect

    @property
    def billing(self) -> Billing: ...

    async def open_session(self, request: SessionRequest, *, idempotency_key: str) -> Evidence:
        """Opens a hosted payment page. The same key and request give the same session, however often asked."""
        ...

    async def find(self, payment_id: str, *, direct: bool, since: datetime) -> Evidence | None:
        """What was made of a payment whose registration was not answered; None: the PSP has nothing of it now.
        `direct`: it was charged without a hosted page. `since`: when it was first asked for."""
        ...

    async def authorize(self, request: DirectRequest, *, idempotency_key: str) -> Evidence:
        """Charges or reserves on an instrument. A decline is evidence, not an error."""
        ...

    async def open_customer(self, customer_id: str, email: str, name: str | None) -> str:
        """The PSP's token of a customer; the same customer_id gives the same one."""
        ...

    async def save_method(
        self, token: str, customer_token: str, *, return_url: str, idempotency_key: str
    ) -> SetupEvidence:
        """Leaves an instrument with the merchant, to be used while the payer is away."""
        ...

    async def remove_method(self, token: str) -> None:
        """Forgets an instrument; one that is gone already is no error."""
        ...

    async def expire_session(self, session_token: str) -> Evidence:
        """Closes a hosted page so that nobody can pay on it; tells how it stands if it was ended already."""
        ...

    async def inquire(self, tokens: PaymentTokens) -> Evidence:
        """All that the PSP knows about the payment now, with its fee and refunds."""
        ...

    async def capture(self, intent_token: str, amount_minor: int, currency: str, *, idempotency_key: str) -> Evidence:
        """Takes that much of an authorization; what remains of it is given up."""
        ...

    async def void(self, intent_token: str, *, idempotency_key: str) -> Evidence:
        """Gives an authorization up."""
        ...

    async def refund(self, request: RefundRequest) -> Evidence:
        """Asks for a refund; the same refund_id gives the same refund."""
        ...

    async def find_refund(self, request: RefundRequest) -> Evidence | None:
        """What was made of a refund that was not answered; None: the PSP has none."""
        ...

    async def answer_dispute(
        self, token: str, answer: Mapping[str, str], *, submit: bool, idempotency_key: str
    ) -> Evidence:
        """Stages the answer to a dispute, or submits it, which is done once."""
        ...

    def verify_event(self, body: bytes, signature: str | None, now: datetime) -> GatewayEvent:
        """The event in a signed message; raises BadSignature or BadEvent, and nothing else, for any bytes."""
        ...

    def read_event(self, payload: str) -> GatewayEvent:
        """The event in a message that was verified and stored before."""
        ...


class GatewayError(Exception):
    """A call to a PSP did not give an answer.

    `money_may_have_moved` says whether the PSP may have acted; `retry_is_safe` whether the same call, with
    the same key, may be made again.
    """

    money_may_have_moved = False
    retry_is_safe = False

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message, self.code = message, code


class NotSent(GatewayError):
    """The PSP did not take the request (busy, or our key is wrong): nothing happened."""

    retry_is_safe = True


class Refused(GatewayError):
    """The PSP says that the request makes no sense to it: nothing happened, and asking again will not help."""


class Declined(GatewayError):
    """The issuer said no."""


class OutcomeUnknown(GatewayError):
    """No answer, or none that tells: the PSP may have acted. Ask again with the same key, never with another."""

    money_may_have_moved = True
    retry_is_safe = True


class AnswerStored(OutcomeUnknown):
    """The PSP failed at the work and gives this key the same answer from now on: what it made must be looked up."""


class BadSignature(Exception):
    """A message that does not prove to come from the PSP, or is too old."""


class BadEvent(Exception):
    """A message with a good signature that is no event."""
