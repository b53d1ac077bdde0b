"""Reading disputes."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import DisputeStatus, Scope
from schema.arguments import After, Before, DisputeId, Filter, First, Last
from schema.errors import known_id
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.payments.types import Dispute
from schema.permissions import context_of, query


@strawberry.input(description="Which disputes; all conditions must hold.")
class DisputeFilter:
    status: list[DisputeStatus] | None = strawberry.field(default=None, description="In one of these statuses.")
    payment_id: strawberry.ID | None = strawberry.field(default=None, description="Of this payment.")


@strawberry.type
class DisputeQueries:
    @query(Scope.PAYMENTS_READ, description="A dispute; null when the merchant has none with this id.")
    async def dispute(self, info: Info, id: DisputeId) -> Dispute | None:
        row = await reads.by_id("disputes", context_of(info).merchant_id, known_id(id, "dp", "a dispute"))
        return Dispute.of(row) if row else None

    @query(Scope.PAYMENTS_READ, description="The merchant's disputes, 25 unless first or last (1 to 100) says else.")
    async def disputes(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[DisputeFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Dispute]:
        merchant_id = context_of(info).merchant_id
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("dp"))
        conditions = _conditions(filter) if filter else []
        return await listed("disputes", merchant_id, stretch, conditions, Dispute.of)


def _conditions(wanted: DisputeFilter) -> list[Condition]:
    conditions = []
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    if wanted.payment_id is not None:
        conditions.append(Condition("payment_id", "=", known_id(wanted.payment_id, "pay", "a payment")))
    return conditions
