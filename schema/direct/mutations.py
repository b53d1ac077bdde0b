"""Paying without a hosted page: what a browser needs to tokenize, and charging the token."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.checkout import direct
from domain.checkout.places import Places
from domain.refusals import Fault, Refusal
from kit import clock
from kit.logs import bind
from models import CaptureMethod, KeyKind, Recurrence, Scope
from schema.arguments import Input
from schema.context import Context
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.orders.inputs import KEY
from schema.payments.types import Payment
from schema.permissions import check_payer, context_of, mutation
from schema.scalars import Money, money_of

CLIENT_SECRET = "The order's client secret; needed with a publishable key."


@error_codes("Why an order was not charged.")
class DirectErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_TOKEN = "INVALID_TOKEN"
    CARD_NUMBER = "CARD_NUMBER"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    TOKENIZATION_UNAVAILABLE = "TOKENIZATION_UNAVAILABLE"
    RETURN_URL_NOT_ALLOWED = "RETURN_URL_NOT_ALLOWED"
    ORDER_ALREADY_PAID = "ORDER_ALREADY_PAID"
    ORDER_CANCELED = "ORDER_CANCELED"
    PAYMENT_IN_PROGRESS = "PAYMENT_IN_PROGRESS"
    PAYMENT_CONFLICTED = "PAYMENT_CONFLICTED"
    CHECKOUT_IN_PROGRESS = "CHECKOUT_IN_PROGRESS"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was charged.")
class DirectUserError:
    code: DirectErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="An order that is to be paid without a hosted page.")
class PaymentInitializeInput:
    order_id: strawberry.ID = strawberry.field(description="The order (ord_…).")
    client_secret: str | None = strawberry.field(default=None, description=CLIENT_SECRET)


@strawberry.type(description="What a browser or app needs to turn a card into a token at the PSP. No card comes here.")
class Tokenization:
    gateway: str = strawberry.field(description="The gateway whose PSP tokenizes, such as stripe.")
    publishable_key: str = strawberry.field(description="The PSP's own publishable key, for its library.")
    api_base: str | None = strawberry.field(description="Where the PSP answers; null for its usual address.")
    amount: Money = strawberry.field(description="What will be charged.")


@strawberry.type(description="What is needed to tokenize, or why it is not to be had.")
class PaymentInitializePayload:
    tokenization: Tokenization | None = strawberry.field(description="Null when userErrors says why.")
    user_errors: list[DirectUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.input(description="An order to be charged on a token or a saved method.")
class PaymentAuthorizeInput:
    order_id: strawberry.ID = strawberry.field(description="The order (ord_…). Its amount is charged, nobody's word.")
    idempotency_key: str = strawberry.field(description=KEY)
    token: str | None = strawberry.field(
        default=None, description="The PSP's token (pm_…), never a card number. This or paymentMethodId."
    )
    payment_method_id: strawberry.ID | None = strawberry.field(
        default=None, description="A saved method (pmt_…) of the order's customer. A secret key's choice only."
    )
    client_secret: str | None = strawberry.field(default=None, description=CLIENT_SECRET)
    capture_method: CaptureMethod = strawberry.field(
        default=CaptureMethod.AUTOMATIC, description="MANUAL reserves the money. A secret key's choice only."
    )
    save_payment_method: bool = strawberry.field(
        default=False, description="Whether the order's customer leaves the instrument with the merchant."
    )
    off_session: bool = strawberry.field(
        default=False, description="Whether the payer is away and cannot confirm. A secret key's choice only."
    )
    type: Recurrence = strawberry.field(
        default=Recurrence.SALE,
        description="RECC for one of a series that the payer agreed to: with a paymentMethodId and offSession.",
    )
    return_url: str | None = strawberry.field(
        default=None,
        description="Where the payer comes back to from nextAction, on one of the merchant's origins. Our own page when"
        " left out.",
    )


@strawberry.type(description="The payment, or why there is none.")
class PaymentAuthorizePayload:
    payment: Payment | None = strawberry.field(
        description="CAPTURED, AUTHORIZED, PROCESSING, REQUIRES_ACTION with its nextAction, or FAILED with its"
        " lastError: a decline is no error. Null when userErrors says why."
    )
    user_errors: list[DirectUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class DirectMutations:
    @mutation(
        Scope.PAYMENTS_WRITE,
        Scope.CHECKOUT,
        description="What a browser or app needs to turn a card into a token at the PSP. Nothing is changed. A"
        " publishable key needs the order's `clientSecret`.",
    )
    async def payment_initialize(self, info: Info, input: Input[PaymentInitializeInput]) -> PaymentInitializePayload:
        context = context_of(info)
        try:
            order_id = checked_id(input.order_id, "ord", "an order", "orderId")
            check_payer(context, order_id, input.client_secret)
            tokenization = await _tokenization(context, order_id)
        except Refusal as refusal:
            errors = user_errors(DirectUserError, DirectErrorCode, refusal)
            return PaymentInitializePayload(tokenization=None, user_errors=errors)
        return PaymentInitializePayload(tokenization=tokenization, user_errors=[])

    @mutation(
        Scope.PAYMENTS_WRITE,
        Scope.CHECKOUT,
        description="Charges an order on a token or a saved method, or reserves its amount, once for each key. An open"
        " hosted page of the order is closed first. A publishable key needs the order's `clientSecret`.",
    )
    async def payment_authorize(self, info: Info, input: Input[PaymentAuthorizeInput]) -> PaymentAuthorizePayload:
        context = context_of(info)
        try:
            wanted = _wanted(context, input)
            bind(order_id=wanted.order_id)
            payment_id = await direct.authorize(
                context.services.gateways,
                context.services.tokens,
                wanted,
                idempotency_key=_key(context, input),
                body_digest=idempotency.digest(strawberry.asdict(input)),
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            errors = user_errors(DirectUserError, DirectErrorCode, refusal)
            return PaymentAuthorizePayload(payment=None, user_errors=errors)
        row = await reads.by_id("payments", context.merchant_id, payment_id)
        return PaymentAuthorizePayload(payment=Payment.of(row) if row else None, user_errors=[])


async def _tokenization(context: Context, order_id: str) -> Tokenization:
    order = await reads.by_id("orders", context.merchant_id, order_id)
    if order is None:
        raise Refusal(Fault("NOT_FOUND", f"There is no order {order_id!r}.", ("orderId",)))
    found = context.services.tokenization
    if found is None:
        message = "The server has no publishable key of the PSP: an operator sets STRIPE_PUBLISHABLE_KEY."
        raise Refusal(Fault("TOKENIZATION_UNAVAILABLE", message))
    return Tokenization(
        gateway=found.gateway,
        publishable_key=found.publishable_key,
        api_base=found.api_base,
        amount=money_of(order["total_minor"], order["currency"]),
    )


def _wanted(context: Context, input: PaymentAuthorizeInput) -> direct.Wanted:
    """What is wanted, as far as the key may want it: a payer pays, and decides nothing else."""
    order_id = checked_id(input.order_id, "ord", "an order", "orderId")
    check_payer(context, order_id, input.client_secret)
    secret = _is_secret(context)
    method_id = input.payment_method_id if secret else None
    return direct.Wanted(
        merchant_id=context.merchant_id,
        order_id=order_id,
        token=input.token,
        method_id=checked_id(method_id, "pmt", "a saved method", "paymentMethodId") if method_id else None,
        save=input.save_payment_method,
        off_session=input.off_session and secret,
        capture_method=input.capture_method if secret else CaptureMethod.AUTOMATIC,
        recurrence=input.type if secret else Recurrence.SALE,
        places=Places(context.services.base_url, input.return_url),
    )


def _key(context: Context, input: PaymentAuthorizeInput) -> str:
    """A payer's key counts for the payer's own order only."""
    key = idempotency.check(input.idempotency_key)
    return key if _is_secret(context) else idempotency.digest({"order": input.order_id, "key": key})


def _is_secret(context: Context) -> bool:
    return context.actor is not None and context.actor.kind is KeyKind.SECRET
