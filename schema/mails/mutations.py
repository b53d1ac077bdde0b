"""Sending a mail again, and saying who gets the merchant's."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import contacts, idempotency, reads
from domain.mails import resend
from domain.refusals import Refusal
from kit import clock
from models import Scope
from schema.arguments import Input
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.mails.types import Mail, MerchantContact
from schema.orders.inputs import KEY
from schema.permissions import context_of, mutation


@error_codes("Why a mail was not sent again, or the contact not changed.")
class MailErrorCode(Enum):
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_EMAIL = "INVALID_EMAIL"
    CARD_NUMBER = "CARD_NUMBER"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    MAIL_QUEUED = "MAIL_QUEUED"


@strawberry.type(description="Why nothing was changed.")
class MailUserError:
    code: MailErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="A mail to send once more.")
class MailResendInput:
    mail_id: strawberry.ID = strawberry.field(description="The mail (mail_…) whose words are sent again.")
    idempotency_key: str = strawberry.field(description=KEY)


@strawberry.type(description="The new mail, or why there is none.")
class MailResendPayload:
    mail: Mail | None = strawberry.field(description="On its way; null when nothing is sent.")
    user_errors: list[MailUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.input(description="Whom at the merchant to write to from now on.")
class MerchantContactSetInput:
    email: str | None = strawberry.field(
        default=None, description="Payers' answers go there, too. Null or left out: the merchant gets no mail."
    )
    locale: str | None = strawberry.field(
        default=None, description="A language with or without a region, such as de or en-GB. Left out: English."
    )


@strawberry.type(description="The contact in force, or why it was not changed.")
class MerchantContactSetPayload:
    contact: MerchantContact | None = strawberry.field(description="As it is now.")
    user_errors: list[MailUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class MailMutations:
    @mutation(
        Scope.ORDERS_WRITE,
        description="Sends the words of a mail once more, to the same address, as a mail of its own. A mail that is"
        " still on its way is refused.",
    )
    async def mail_resend(self, info: Info, input: Input[MailResendInput]) -> MailResendPayload:
        context = context_of(info)
        try:
            mail_id = await resend.resend(
                context.merchant_id,
                checked_id(input.mail_id, "mail", "a mail", "mailId"),
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
        except Refusal as refusal:
            return MailResendPayload(mail=None, user_errors=user_errors(MailUserError, MailErrorCode, refusal))
        row = await reads.by_id("mails", context.merchant_id, mail_id)
        return MailResendPayload(mail=Mail.of(row) if row else None, user_errors=[])

    @mutation(
        Scope.PAYMENTS_WRITE,
        description="Says whom at the merchant we write to about payments, disputes and contradictions.",
    )
    async def merchant_contact_set(
        self, info: Info, input: Input[MerchantContactSetInput]
    ) -> MerchantContactSetPayload:
        merchant_id, errors = context_of(info).merchant_id, list[MailUserError]()
        try:
            await contacts.set_contact(merchant_id, contacts.checked(input.email, input.locale))
        except Refusal as refusal:
            errors = user_errors(MailUserError, MailErrorCode, refusal)
        found = await contacts.contact_of(merchant_id)
        contact = MerchantContact(email=found.email, locale=found.locale)
        return MerchantContactSetPayload(contact=contact, user_errors=errors)
