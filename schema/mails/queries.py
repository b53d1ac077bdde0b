"""Reading mails, and who gets the merchant's."""

import strawberry
from strawberry.types import Info

from domain import contacts, reads
from domain.reads import Condition
from models import MailKind, MailStatus, Scope
from schema.arguments import After, Before, Filter, First, Last, MailId
from schema.errors import known_id
from schema.mails.types import Mail, MerchantContact
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query


@strawberry.input(description="Which mails; all conditions must hold.")
class MailFilter:
    order_id: strawberry.ID | None = strawberry.field(default=None, description="About this order.")
    status: list[MailStatus] | None = strawberry.field(default=None, description="In one of these statuses.")
    kind: list[MailKind] | None = strawberry.field(default=None, description="Of one of these kinds.")


@strawberry.type
class MailQueries:
    @query(Scope.ORDERS_READ, description="A mail; null when the merchant has none with this id.")
    async def mail(self, info: Info, id: MailId) -> Mail | None:
        row = await reads.by_id("mails", context_of(info).merchant_id, known_id(id, "mail", "a mail"))
        return Mail.of(row) if row else None

    @query(
        Scope.ORDERS_READ,
        description="Mails to the merchant and its payers, 25 unless first or last (1 to 100) says else.",
    )
    async def mails(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[MailFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Mail]:
        merchant_id = context_of(info).merchant_id
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("mail"))
        conditions = _conditions(filter) if filter else []
        return await listed("mails", merchant_id, stretch, conditions, Mail.of)

    @query(Scope.PAYMENTS_READ, description="Whom at the merchant we write to.")
    async def merchant_contact(self, info: Info) -> MerchantContact:
        found = await contacts.contact_of(context_of(info).merchant_id)
        return MerchantContact(email=found.email, locale=found.locale)


def _conditions(wanted: MailFilter) -> list[Condition]:
    conditions = []
    if wanted.order_id is not None:
        conditions.append(Condition("order_id", "=", known_id(wanted.order_id, "ord", "an order")))
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    if wanted.kind is not None:
        conditions.append(Condition("kind", "IN", [kind.value for kind in wanted.kind]))
    return conditions
