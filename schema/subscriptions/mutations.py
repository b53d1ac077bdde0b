"""Beginning, changing and ending subscriptions."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.billing import alter, change, method, start
from domain.billing.alter import Wish
from domain.billing.change import Target
from domain.checkout.places import Places
from domain.refusals import Refusal
from domain.subscriptions.actions import SubscriptionAction
from gateways.billing import ChangePreview
from kit import clock
from kit.logs import bind
from models import Scope
from schema.arguments import Input
from schema.context import Context
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.invoices.types import InvoiceLine
from schema.orders.inputs import customer_of
from schema.permissions import context_of, mutation
from schema.scalars import Money, money_of
from schema.subscriptions.inputs import (
    CancelWhen,
    SubscriptionCancelInput,
    SubscriptionChangeInput,
    SubscriptionChangePreviewInput,
    SubscriptionMethodUpdateInput,
    SubscriptionPauseInput,
    SubscriptionResumeInput,
    SubscriptionStartInput,
)
from schema.subscriptions.types import Subscription


@error_codes("Why a subscription was not begun or changed.")
class SubscriptionErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_EMAIL = "INVALID_EMAIL"
    INVALID_QUANTITY = "INVALID_QUANTITY"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    RETURN_URL_NOT_ALLOWED = "RETURN_URL_NOT_ALLOWED"
    PLAN_ARCHIVED = "PLAN_ARCHIVED"
    SUBSCRIPTION_IN_PROGRESS = "SUBSCRIPTION_IN_PROGRESS"
    SUBSCRIPTION_INCOMPLETE = "SUBSCRIPTION_INCOMPLETE"
    SUBSCRIPTION_ENDED = "SUBSCRIPTION_ENDED"
    SUBSCRIPTION_PAUSED = "SUBSCRIPTION_PAUSED"
    SUBSCRIPTION_UNPAID = "SUBSCRIPTION_UNPAID"
    SUBSCRIPTION_RUNNING = "SUBSCRIPTION_RUNNING"
    NOTHING_TO_CHANGE = "NOTHING_TO_CHANGE"
    PAYMENT_DECLINED = "PAYMENT_DECLINED"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was changed.")
class SubscriptionUserError:
    code: SubscriptionErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.type(description="The subscription, or why it is not as wanted.")
class SubscriptionPayload:
    subscription: Subscription | None = strawberry.field(
        description="As it is now. Send the customer to its checkoutUrl, or to its nextAction, if it has one. Null when"
        " userErrors says why."
    )
    user_errors: list[SubscriptionUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="What a change would be invoiced with.")
class SubscriptionPreview:
    lines: list[InvoiceLine] = strawberry.field(
        description="The rows of the invoice, with what is given back; the first ten of very many."
    )
    subtotal: Money = strawberry.field(
        description="The sum of the rows, before taxes that are not within prices; below 0 for a credit."
    )
    tax: Money = strawberry.field(description="The taxes, as the PSP gives them.")
    total: Money = strawberry.field(description="What it comes to; below 0 for a credit, which is kept as a balance.")
    amount_due: Money = strawberry.field(description="What would be collected.")
    proration_date: datetime | None = strawberry.field(
        description="The moment it is computed for: give it to subscriptionChange, and these are the invoice's numbers."
        " Null where nothing depends on the moment."
    )

    @classmethod
    def of(cls, preview: ChangePreview) -> "SubscriptionPreview":
        currency = preview.currency
        return cls(
            lines=[InvoiceLine.of(line, currency) for line in preview.lines],
            subtotal=money_of(preview.subtotal_minor, currency),
            tax=money_of(preview.tax_minor, currency),
            total=money_of(preview.total_minor, currency),
            amount_due=money_of(preview.due_minor, currency),
            proration_date=preview.at,
        )


@strawberry.type(description="The preview, or why there is none.")
class SubscriptionChangePreviewPayload:
    preview: SubscriptionPreview | None = strawberry.field(description="Null when userErrors says why.")
    user_errors: list[SubscriptionUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="The way to the page, or why there is none.")
class SubscriptionMethodUpdatePayload:
    url: str | None = strawberry.field(
        description="Where the customer leaves another instrument, at the PSP. It is short-lived: send the customer"
        " there at once. Null when userErrors says why."
    )
    user_errors: list[SubscriptionUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class SubscriptionMutations:
    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Begins a subscription: opens a hosted page for the customer, or charges a saved method. However"
        " often it is called with one key, it begins once.",
    )
    async def subscription_start(self, info: Info, input: Input[SubscriptionStartInput]) -> SubscriptionPayload:
        context = context_of(info)
        try:
            subscription_id = await start.start_subscription(
                context.services.gateways,
                context.services.tokens,
                _wanted(context, input),
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            return _refused(refusal)
        return await _subscription(context, subscription_id)

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="What subscriptionChange would be invoiced with. Nothing is changed.",
    )
    async def subscription_change_preview(
        self, info: Info, input: Input[SubscriptionChangePreviewInput]
    ) -> SubscriptionChangePreviewPayload:
        context = context_of(info)
        try:
            preview = await change.preview(
                context.services.gateways,
                merchant_id=context.merchant_id,
                subscription_id=checked_id(input.subscription_id, "sub", "a subscription", "subscriptionId"),
                target=_target(input),
                now=clock.now(),
            )
        except Refusal as refusal:
            errors = user_errors(SubscriptionUserError, SubscriptionErrorCode, refusal)
            return SubscriptionChangePreviewPayload(preview=None, user_errors=errors)
        return SubscriptionChangePreviewPayload(preview=SubscriptionPreview.of(preview), user_errors=[])

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Changes plan or quantity. What it costs NOW is collected at once, or nothing is changed.",
    )
    async def subscription_change(self, info: Info, input: Input[SubscriptionChangeInput]) -> SubscriptionPayload:
        context = context_of(info)
        try:
            wish = _wish(context, SubscriptionAction.CHANGE, "subscriptionChange", input)
            await change.change(context.services.gateways, wish, _target(input), cause=context.cause, now=clock.now())
        except Refusal as refusal:
            return _refused(refusal)
        return await _subscription(context, wish.subscription_id)

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Ends a subscription, with its period or now. One that has not begun never does.",
    )
    async def subscription_cancel(self, info: Info, input: Input[SubscriptionCancelInput]) -> SubscriptionPayload:
        context = context_of(info)
        try:
            wish = _wish(context, SubscriptionAction.CANCEL, "subscriptionCancel", input)
            await alter.cancel(
                context.services.gateways,
                wish,
                at_period_end=input.when is CancelWhen.PERIOD_END,
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            return _refused(refusal)
        return await _subscription(context, wish.subscription_id)

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Pauses a subscription: nobody is charged, and the customer may use nothing of it. What is paid is"
        " not given back; periods go on.",
    )
    async def subscription_pause(self, info: Info, input: Input[SubscriptionPauseInput]) -> SubscriptionPayload:
        context = context_of(info)
        try:
            wish = _wish(context, SubscriptionAction.PAUSE, "subscriptionPause", input)
            await alter.pause(context.services.gateways, wish, until=input.until, cause=context.cause, now=clock.now())
        except Refusal as refusal:
            return _refused(refusal)
        return await _subscription(context, wish.subscription_id)

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Goes on with a subscription: ends a pause, and takes a scheduled cancelation back.",
    )
    async def subscription_resume(self, info: Info, input: Input[SubscriptionResumeInput]) -> SubscriptionPayload:
        context = context_of(info)
        try:
            wish = _wish(context, SubscriptionAction.RESUME, "subscriptionResume", input)
            await alter.resume(context.services.gateways, wish, cause=context.cause, now=clock.now())
        except Refusal as refusal:
            return _refused(refusal)
        return await _subscription(context, wish.subscription_id)

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Opens a page at the PSP on which the customer leaves another instrument for what is billed.",
    )
    async def subscription_method_update(
        self, info: Info, input: Input[SubscriptionMethodUpdateInput]
    ) -> SubscriptionMethodUpdatePayload:
        context = context_of(info)
        try:
            url = await method.update_page(
                context.services.gateways,
                context.services.tokens,
                merchant_id=context.merchant_id,
                subscription_id=checked_id(input.subscription_id, "sub", "a subscription", "subscriptionId"),
                places=Places(context.services.base_url, input.return_url),
            )
        except Refusal as refusal:
            errors = user_errors(SubscriptionUserError, SubscriptionErrorCode, refusal)
            return SubscriptionMethodUpdatePayload(url=None, user_errors=errors)
        return SubscriptionMethodUpdatePayload(url=url, user_errors=[])


def _wanted(context: Context, input: SubscriptionStartInput) -> start.Wanted:
    customer_id, method_id = input.customer_id, input.payment_method_id
    return start.Wanted(
        merchant_id=context.merchant_id,
        plan_id=checked_id(input.plan_id, "plan", "a plan", "planId"),
        quantity=input.quantity,
        customer_id=checked_id(customer_id, "cus", "a customer", "customerId") if customer_id else None,
        customer=customer_of(input.customer),
        method_id=checked_id(method_id, "pmt", "a saved method", "paymentMethodId") if method_id else None,
        metadata=[(entry.key, entry.value) for entry in input.metadata],
        places=Places(context.services.base_url, input.return_url, input.cancel_url),
    )


def _target(input: SubscriptionChangePreviewInput | SubscriptionChangeInput) -> Target:
    return Target(
        plan_id=None if input.plan_id is None else checked_id(input.plan_id, "plan", "a plan", "planId"),
        quantity=input.quantity,
        proration=input.proration,
        at=input.proration_date,
    )


def _wish(
    context: Context,
    action: SubscriptionAction,
    name: str,
    input: SubscriptionChangeInput | SubscriptionCancelInput | SubscriptionPauseInput | SubscriptionResumeInput,
) -> Wish:
    subscription_id = checked_id(input.subscription_id, "sub", "a subscription", "subscriptionId")
    bind(subscription_id=subscription_id)
    return Wish(
        merchant_id=context.merchant_id,
        subscription_id=subscription_id,
        action=action,
        mutation=name,
        idempotency_key=input.idempotency_key,
        body_digest=idempotency.digest(strawberry.asdict(input)),
    )


def _refused(refusal: Refusal) -> SubscriptionPayload:
    errors = user_errors(SubscriptionUserError, SubscriptionErrorCode, refusal)
    return SubscriptionPayload(subscription=None, user_errors=errors)


async def _subscription(context: Context, subscription_id: str) -> SubscriptionPayload:
    row = await reads.by_id("subscriptions", context.merchant_id, subscription_id)
    return SubscriptionPayload(subscription=Subscription.of(row) if row else None, user_errors=[])
