"""Reading holds."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import Scope
from schema.arguments import After, Before, Filter, First, HoldId, Last
from schema.errors import known_id
from schema.holds.types import Hold
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query


@strawberry.input(description="Which holds; all conditions must hold.")
class HoldFilter:
    order_id: strawberry.ID | None = strawberry.field(default=None, description="Of this order.")
    payment_id: strawberry.ID | None = strawberry.field(default=None, description="Of this payment.")
    release_before: datetime | None = strawberry.field(
        default=None, description="Whose limit at the PSP comes before this time."
    )


@strawberry.type
class HoldQueries:
    @query(Scope.PAYMENTS_READ, description="A hold; null when the merchant has none with this id.")
    async def hold(self, info: Info, id: HoldId) -> Hold | None:
        row = await reads.by_id("holds", context_of(info).merchant_id, known_id(id, "hold", "a hold"))
        return Hold.of(row) if row else None

    @query(
        Scope.PAYMENTS_READ,
        description="What was captured under split rules, 25 unless first or last (1 to 100) says else; also what was"
        " released at once.",
    )
    async def holds(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[HoldFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Hold]:
        merchant_id, newest_first = context_of(info).merchant_id, sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("hold"))
        conditions = _conditions(filter) if filter else []
        return await listed("holds", merchant_id, stretch, conditions, Hold.of)


def _conditions(wanted: HoldFilter) -> list[Condition]:
    conditions = []
    if wanted.order_id is not None:
        conditions.append(Condition("order_id", "=", known_id(wanted.order_id, "ord", "an order")))
    if wanted.payment_id is not None:
        conditions.append(Condition("payment_id", "=", known_id(wanted.payment_id, "pay", "a payment")))
    if wanted.release_before is not None:
        conditions.append(Condition("release_by", "<", wanted.release_before))
    return conditions
