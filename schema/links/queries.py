"""Reading payment links."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from domain.refusals import can_be_shown
from models import Scope
from schema.arguments import After, Before, Filter, First, Last, PaymentLinkId
from schema.errors import bad_request, known_id
from schema.links.types import PaymentLink
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query


@strawberry.input(description="Which links; all conditions must hold.")
class PaymentLinkFilter:
    active: bool | None = strawberry.field(default=None, description="Deactivated ones, or all others.")
    email: str | None = strawberry.field(default=None, description="For this address.")


@strawberry.type
class LinkQueries:
    @query(Scope.ORDERS_READ, description="A payment link; null when the merchant has none with this id.")
    async def payment_link(self, info: Info, id: PaymentLinkId) -> PaymentLink | None:
        context = context_of(info)
        row = await reads.by_id("payment_links", context.merchant_id, known_id(id, "plink", "a payment link"))
        return PaymentLink.of(row) if row else None

    @query(Scope.ORDERS_READ, description="The merchant's payment links, 25 unless first or last (1 to 100) says else.")
    async def payment_links(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[PaymentLinkFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[PaymentLink]:
        context = context_of(info)
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("plink"))
        conditions = _conditions(filter) if filter else []
        return await listed("payment_links", context.merchant_id, stretch, conditions, PaymentLink.of)


def _conditions(wanted: PaymentLinkFilter) -> list[Condition]:
    conditions = []
    if wanted.active is not None:
        conditions.append(Condition("active", "=", wanted.active))
    if wanted.email is not None:
        if not can_be_shown(wanted.email):
            raise bad_request("An e-mail address has visible characters only.")
        conditions.append(Condition("email", "=", wanted.email.strip().lower()))
    return conditions
