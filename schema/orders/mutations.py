"""Making, changing and paying orders."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, orders, reads
from domain.checkout.hosted import start_checkout
from domain.checkout.places import Places
from domain.refusals import Refusal
from kit import clock
from kit.logs import bind
from models import CaptureMethod, KeyKind, Scope
from schema.arguments import Input
from schema.context import Context
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.orders.inputs import (
    CheckoutStartInput,
    OrderCancelInput,
    OrderCreateInput,
    OrderUpdateInput,
    customer_of,
    items_of,
)
from schema.orders.types import Order
from schema.payments.types import Payment
from schema.permissions import check_payer, context_of, mutation


@error_codes("Why a change of an order was refused.")
class OrderErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_EMAIL = "INVALID_EMAIL"
    INVALID_ITEMS = "INVALID_ITEMS"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    INVALID_QUANTITY = "INVALID_QUANTITY"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    ORDER_ALREADY_PAID = "ORDER_ALREADY_PAID"
    ORDER_CANCELED = "ORDER_CANCELED"
    ORDER_OF_LINK = "ORDER_OF_LINK"
    PAYMENT_IN_PROGRESS = "PAYMENT_IN_PROGRESS"
    PAYMENT_CONFLICTED = "PAYMENT_CONFLICTED"
    CHECKOUT_IN_PROGRESS = "CHECKOUT_IN_PROGRESS"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    INVALID_SPLIT = "INVALID_SPLIT"
    SPLIT_EXCEEDS_AMOUNT = "SPLIT_EXCEEDS_AMOUNT"
    VENDOR_DISABLED = "VENDOR_DISABLED"
    VENDOR_NOT_READY = "VENDOR_NOT_READY"
    ORDER_PARTLY_PAID = "ORDER_PARTLY_PAID"


@error_codes("Why a checkout was not started.")
class CheckoutErrorCode(Enum):
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    RETURN_URL_NOT_ALLOWED = "RETURN_URL_NOT_ALLOWED"
    ORDER_ALREADY_PAID = "ORDER_ALREADY_PAID"
    ORDER_CANCELED = "ORDER_CANCELED"
    PAYMENT_IN_PROGRESS = "PAYMENT_IN_PROGRESS"
    PAYMENT_CONFLICTED = "PAYMENT_CONFLICTED"
    CHECKOUT_IN_PROGRESS = "CHECKOUT_IN_PROGRESS"
    METHOD_NOT_AVAILABLE = "METHOD_NOT_AVAILABLE"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was changed.")
class OrderUserError:
    code: OrderErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.type(description="Why there is no page to pay on.")
class CheckoutUserError:
    code: CheckoutErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.type(description="The order, or why it is not as wanted.")
class OrderPayload:
    order: Order | None = strawberry.field(description="Null when userErrors says why: it is as it was.")
    user_errors: list[OrderUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="The open payment with its hosted page, or why there is none.")
class CheckoutStartPayload:
    payment: Payment | None = strawberry.field(description="The one open payment; null when userErrors says why.")
    checkout_url: str | None = strawberry.field(
        description="Send the payer here. Null when userErrors says why, or this key's payment has ended by now."
    )
    user_errors: list[CheckoutUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class OrderMutations:
    @mutation(Scope.ORDERS_WRITE, description="Makes an order. Its total is computed from the items, here.")
    async def order_create(self, info: Info, input: Input[OrderCreateInput]) -> OrderPayload:
        context = context_of(info)
        try:
            order_id = await orders.create_order(
                context.services.gateways,
                merchant_id=context.merchant_id,
                currency=input.currency,
                items=items_of(input.items),
                customer=customer_of(input.customer),
                reference=input.reference,
                metadata=[(entry.key, entry.value) for entry in input.metadata],
                split_rule=input.split_rule,
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            return _order_refused(refusal)
        return await _order(context, order_id)

    @mutation(
        Scope.ORDERS_WRITE,
        description="Replaces the items of an OPEN order. An open hosted page is closed at the PSP first; if it was"
        " paid meanwhile, nothing changes.",
    )
    async def order_update(self, info: Info, input: Input[OrderUpdateInput]) -> OrderPayload:
        context = context_of(info)
        try:
            order_id = checked_id(input.order_id, "ord", "an order", "orderId")
            await orders.edit_order(
                context.services.gateways,
                merchant_id=context.merchant_id,
                order_id=order_id,
                items=items_of(input.items),
                split_rule=input.split_rule,
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            return _order_refused(refusal)
        return await _order(context, order_id)

    @mutation(
        Scope.ORDERS_WRITE,
        description="Ends an OPEN order without money. An open hosted page is closed at the PSP first; if it was paid"
        " meanwhile, nothing changes.",
    )
    async def order_cancel(self, info: Info, input: Input[OrderCancelInput]) -> OrderPayload:
        context = context_of(info)
        try:
            order_id = checked_id(input.order_id, "ord", "an order", "orderId")
            await orders.cancel_order(
                context.services.gateways,
                merchant_id=context.merchant_id,
                order_id=order_id,
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            return _order_refused(refusal)
        return await _order(context, order_id)

    @mutation(
        Scope.PAYMENTS_WRITE,
        Scope.CHECKOUT,
        description="Opens the hosted page of an order, or finds the one that is open: an order has one at a time,"
        " however often and from however many tabs this is called. A page that is open stays as it is, whatever"
        " `method` is asked for now. A publishable key needs the order's `clientSecret`.",
    )
    async def checkout_start(self, info: Info, input: Input[CheckoutStartInput]) -> CheckoutStartPayload:
        context = context_of(info)
        try:
            order_id = checked_id(input.order_id, "ord", "an order", "orderId")
            check_payer(context, order_id, input.client_secret)
            bind(order_id=order_id)
            payment_id = await start_checkout(
                context.services.gateways,
                context.services.tokens,
                merchant_id=context.merchant_id,
                order_id=order_id,
                places=Places(context.services.base_url, input.return_url, input.cancel_url),
                capture_method=_capture_method(context, input),
                method=input.method,
                idempotency_key=_key(context, input),
                body_digest=idempotency.digest(strawberry.asdict(input)),
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            errors = user_errors(CheckoutUserError, CheckoutErrorCode, refusal)
            return CheckoutStartPayload(payment=None, checkout_url=None, user_errors=errors)
        row = await reads.by_id("payments", context.merchant_id, payment_id)
        assert row is not None
        payment = Payment.of(row)
        return CheckoutStartPayload(payment=payment, checkout_url=payment.checkout_url, user_errors=[])


def _key(context: Context, input: CheckoutStartInput) -> str:
    """A payer's key counts for the payer's own order only: payers must not get in each other's way."""
    key = idempotency.check(input.idempotency_key)
    if context.actor is not None and context.actor.kind is KeyKind.SECRET:
        return key
    return idempotency.digest({"order": input.order_id, "key": key})


def _capture_method(context: Context, input: CheckoutStartInput) -> CaptureMethod:
    secret = context.actor is not None and context.actor.kind is KeyKind.SECRET
    return input.capture_method if secret else CaptureMethod.AUTOMATIC


def _order_refused(refusal: Refusal) -> OrderPayload:
    return OrderPayload(order=None, user_errors=user_errors(OrderUserError, OrderErrorCode, refusal))


async def _order(context: Context, order_id: str) -> OrderPayload:
    row = await reads.by_id("orders", context.merchant_id, order_id)
    return OrderPayload(order=Order.of(row) if row else None, user_errors=[])
