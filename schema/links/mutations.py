"""Making, changing and ending payment links."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.catalog import Amount
from domain.links import mailing, manage
from domain.links.offer import Choice, NewLink
from domain.refusals import Refusal
from kit import clock
from models import Scope
from schema.arguments import Input
from schema.context import Context
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.links.types import PaymentLink
from schema.mails.types import Mail
from schema.orders.inputs import KEY, CustomerInput, LineItemInput, MetadataInput, customer_of, items_of
from schema.permissions import context_of, mutation
from schema.scalars import CurrencyCode, MinorUnits, MoneyInput

_DUE = "When it should be paid, at most five years from now. An order that is paid later says so."
_EXPIRES = "When it can be paid no more, at most five years from now."


@error_codes("Why a payment link was not made or changed.")
class PaymentLinkErrorCode(Enum):
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
    LINK_INACTIVE = "LINK_INACTIVE"
    LINK_EXPIRED = "LINK_EXPIRED"
    LINK_USED_UP = "LINK_USED_UP"


@strawberry.type(description="Why nothing was changed.")
class PaymentLinkUserError:
    code: PaymentLinkErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.type(description="The link, or why it is not as wanted.")
class PaymentLinkPayload:
    payment_link: PaymentLink | None = strawberry.field(description="Null when userErrors says why.")
    user_errors: list[PaymentLinkUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.input(description="An amount that the payer names, as for a donation.")
class AmountChoiceInput:
    least: MinorUnits = strawberry.field(description="No less than this, in minor units of the link's currency.")
    most: MinorUnits = strawberry.field(description="No more than this.")
    presets: list[MinorUnits] = strawberry.field(default_factory=list, description="What to propose, up to six.")


@strawberry.input(
    description="A link to make. One of `amount`, `items` and `choice` says what is to be paid, within what the PSP can"
    " charge at once in the currency."
)
class PaymentLinkCreateInput:
    idempotency_key: str = strawberry.field(description=KEY)
    purpose: str = strawberry.field(description="What it is for, as the payer sees it, up to 200 characters.")
    currency: CurrencyCode = strawberry.field(description="The currency of all its amounts.")
    amount: MoneyInput | None = strawberry.field(default=None, description="What is to be paid.")
    items: list[LineItemInput] | None = strawberry.field(
        default=None, description="What is sold, 1 to 100 rows. A product's price is the one it has now."
    )
    choice: AmountChoiceInput | None = strawberry.field(default=None, description="What the payer may name.")
    reusable: bool = strawberry.field(
        default=False, description="Whether each visitor gets an order of their own; else there is one order for all."
    )
    in_parts: bool = strawberry.field(
        default=False, description="Whether the payer may pay less at once. Not for reusable links and choices."
    )
    customer: CustomerInput | None = strawberry.field(default=None, description="Whom it is for, if it is known.")
    reference: str | None = strawberry.field(default=None, description="Your own number, up to 100 characters.")
    metadata: list[MetadataInput] = strawberry.field(
        default_factory=list, description="Up to 20 pairs to keep with it and with its orders."
    )
    due_at: datetime | None = strawberry.field(default=None, description=_DUE)
    expires_at: datetime | None = strawberry.field(default=None, description=_EXPIRES)
    reminders: list[int] = strawberry.field(
        default_factory=list,
        description="Days before dueAt on which the customer is reminded while it is not paid; negative for days after."
        " Up to five, from 60 to -60.",
    )
    send: bool = strawberry.field(default=False, description="Whether to mail it to the customer at once.")


@strawberry.input(description="A change of a link. What is left out stays as it is.")
class PaymentLinkUpdateInput:
    payment_link_id: strawberry.ID = strawberry.field(description="The link (plink_…). It must not be deactivated.")
    purpose: str | None = strawberry.field(default=None, description="What it is for, as the payer sees it.")
    due_at: datetime | None = strawberry.field(default=None, description=_DUE)
    expires_at: datetime | None = strawberry.field(default=None, description=_EXPIRES)


@strawberry.input(description="A link to end.")
class PaymentLinkDeactivateInput:
    payment_link_id: strawberry.ID = strawberry.field(description="The link (plink_…).")


@strawberry.input(description="A link to mail to its customer.")
class PaymentLinkSendInput:
    payment_link_id: strawberry.ID = strawberry.field(description="The link (plink_…). It must be ACTIVE.")
    idempotency_key: str = strawberry.field(description=KEY)


@strawberry.type(description="The mail with the link, or why there is none.")
class PaymentLinkSendPayload:
    payment_link: PaymentLink | None = strawberry.field(description="As it is now; null when there is none.")
    mail: Mail | None = strawberry.field(description="On its way; null when userErrors says why.")
    user_errors: list[PaymentLinkUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class LinkMutations:
    @mutation(Scope.ORDERS_WRITE, description="Makes a payment link.")
    async def payment_link_create(self, info: Info, input: Input[PaymentLinkCreateInput]) -> PaymentLinkPayload:
        context = context_of(info)
        try:
            link_id = await manage.create_link(
                context.services.gateways,
                merchant_id=context.merchant_id,
                wanted=_wanted(input),
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
            if input.send:
                await _send(context, link_id, input.idempotency_key)
        except Refusal as refusal:
            return _refused(refusal)
        return await _link(context, link_id)

    @mutation(
        Scope.ORDERS_WRITE,
        description="Mails the link to the customer that it names, once more if it was mailed before.",
    )
    async def payment_link_send(self, info: Info, input: Input[PaymentLinkSendInput]) -> PaymentLinkSendPayload:
        context, mail, errors = context_of(info), None, list[PaymentLinkUserError]()
        try:
            link_id = checked_id(input.payment_link_id, "plink", "a payment link", "paymentLinkId")
            mail_id = await _send(context, link_id, input.idempotency_key)
            mail = await reads.by_id("mails", context.merchant_id, mail_id)
        except Refusal as refusal:
            errors = user_errors(PaymentLinkUserError, PaymentLinkErrorCode, refusal)
        row = await reads.by_id("payment_links", context.merchant_id, input.payment_link_id)
        return PaymentLinkSendPayload(
            payment_link=PaymentLink.of(row) if row else None,
            mail=Mail.of(mail) if mail else None,
            user_errors=errors,
        )

    @mutation(Scope.ORDERS_WRITE, description="Changes what a link says. What it sells stays as it is.")
    async def payment_link_update(self, info: Info, input: Input[PaymentLinkUpdateInput]) -> PaymentLinkPayload:
        context = context_of(info)
        try:
            link_id = checked_id(input.payment_link_id, "plink", "a payment link", "paymentLinkId")
            await manage.update_link(
                merchant_id=context.merchant_id,
                link_id=link_id,
                purpose=input.purpose,
                due_at=input.due_at,
                expires_at=input.expires_at,
                now=clock.now(),
            )
        except Refusal as refusal:
            return _refused(refusal)
        return await _link(context, link_id)

    @mutation(
        Scope.ORDERS_WRITE,
        description="Ends a link for good: nobody can begin to pay there any more. The hosted pages that are open are"
        " closed at the PSP at once, behind this call. Ending it again changes nothing.",
    )
    async def payment_link_deactivate(self, info: Info, input: Input[PaymentLinkDeactivateInput]) -> PaymentLinkPayload:
        context = context_of(info)
        try:
            link_id = checked_id(input.payment_link_id, "plink", "a payment link", "paymentLinkId")
            await manage.deactivate_link(merchant_id=context.merchant_id, link_id=link_id, now=clock.now())
        except Refusal as refusal:
            return _refused(refusal)
        return await _link(context, link_id)


async def _send(context: Context, link_id: str, key: str) -> str:
    return await mailing.send_link(
        merchant_id=context.merchant_id,
        link_id=link_id,
        base_url=context.services.base_url,
        idempotency_key=key,
        body_digest=idempotency.digest({"link": link_id}),
        now=clock.now(),
    )


def _wanted(input: PaymentLinkCreateInput) -> NewLink:
    return NewLink(
        purpose=input.purpose,
        currency=input.currency,
        amount=Amount(input.amount.amount_minor, input.amount.currency) if input.amount else None,
        items=items_of(input.items) if input.items is not None else None,
        choice=Choice(input.choice.least, input.choice.most, tuple(input.choice.presets)) if input.choice else None,
        reusable=input.reusable,
        in_parts=input.in_parts,
        customer=customer_of(input.customer),
        reference=input.reference,
        metadata=[(entry.key, entry.value) for entry in input.metadata],
        due_at=input.due_at,
        expires_at=input.expires_at,
        reminders=input.reminders,
    )


def _refused(refusal: Refusal) -> PaymentLinkPayload:
    errors = user_errors(PaymentLinkUserError, PaymentLinkErrorCode, refusal)
    return PaymentLinkPayload(payment_link=None, user_errors=errors)


async def _link(context: Context, link_id: str) -> PaymentLinkPayload:
    row = await reads.by_id("payment_links", context.merchant_id, link_id)
    link = PaymentLink.of(row) if row else None
    return PaymentLinkPayload(payment_link=link, user_errors=[])
