"""Saving, choosing and removing the instruments that customers leave."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads, saved_methods
from domain.checkout import direct
from domain.refusals import Refusal
from kit import clock
from models import Scope
from schema.arguments import Input
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.orders.inputs import KEY
from schema.orders.types import SavedMethod
from schema.payments.types import NextAction
from schema.permissions import context_of, mutation


@error_codes("Why a customer's instruments were not changed.")
class CustomerErrorCode(Enum):
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_TOKEN = "INVALID_TOKEN"
    CARD_NUMBER = "CARD_NUMBER"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was changed.")
class CustomerUserError:
    code: CustomerErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="An instrument to leave with the merchant.")
class PaymentMethodSaveInput:
    customer_id: strawberry.ID = strawberry.field(description="The customer (cus_…).")
    token: str = strawberry.field(description="The PSP's token of the instrument (pm_…). Never a card number.")
    idempotency_key: str = strawberry.field(description=KEY)


@strawberry.input(description="One of a customer's instruments.")
class PaymentMethodInput:
    payment_method_id: strawberry.ID = strawberry.field(description="The saved method (pmt_…).")


@strawberry.type(description="The saved instrument, what the payer has to do first, or why it was not saved.")
class PaymentMethodPayload:
    payment_method: SavedMethod | None = strawberry.field(description="Null when it is not saved, or was removed.")
    next_action: NextAction | None = strawberry.field(
        description="What the payer has to do first; then the same call, with the same key, saves it. Else null."
    )
    user_errors: list[CustomerUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class CustomerMutations:
    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Leaves an instrument with the merchant, to be charged while the payer is away. No money moves.",
    )
    async def payment_method_save(self, info: Info, input: Input[PaymentMethodSaveInput]) -> PaymentMethodPayload:
        context = context_of(info)
        try:
            method_id, action = await saved_methods.save(
                context.services.gateways,
                merchant_id=context.merchant_id,
                customer_id=checked_id(input.customer_id, "cus", "a customer", "customerId"),
                token=direct.checked_token(input.token),
                return_url=context.services.base_url,
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
        except Refusal as refusal:
            return _refused(refusal)
        row = await reads.by_id("saved_methods", context.merchant_id, method_id) if method_id else None
        return PaymentMethodPayload(
            payment_method=SavedMethod.of(row) if row else None,
            next_action=NextAction(type=action["type"], url=action.get("url")) if action else None,
            user_errors=[],
        )

    @mutation(Scope.PAYMENTS_WRITE, description="Makes an instrument the customer's default.")
    async def payment_method_set_default(self, info: Info, input: Input[PaymentMethodInput]) -> PaymentMethodPayload:
        context = context_of(info)
        try:
            method_id = checked_id(input.payment_method_id, "pmt", "a saved method", "paymentMethodId")
            await saved_methods.set_default(context.merchant_id, method_id)
        except Refusal as refusal:
            return _refused(refusal)
        row = await reads.by_id("saved_methods", context.merchant_id, method_id)
        return PaymentMethodPayload(
            payment_method=SavedMethod.of(row) if row else None, next_action=None, user_errors=[]
        )

    @mutation(Scope.PAYMENTS_WRITE, description="Forgets an instrument, here and at the PSP.")
    async def payment_method_remove(self, info: Info, input: Input[PaymentMethodInput]) -> PaymentMethodPayload:
        context = context_of(info)
        try:
            method_id = checked_id(input.payment_method_id, "pmt", "a saved method", "paymentMethodId")
            await saved_methods.remove(context.services.gateways, context.merchant_id, method_id, clock.now())
        except Refusal as refusal:
            return _refused(refusal)
        return PaymentMethodPayload(payment_method=None, next_action=None, user_errors=[])


def _refused(refusal: Refusal) -> PaymentMethodPayload:
    errors = user_errors(CustomerUserError, CustomerErrorCode, refusal)
    return PaymentMethodPayload(payment_method=None, next_action=None, user_errors=errors)
