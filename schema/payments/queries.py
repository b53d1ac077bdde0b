"""Reading payments."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import PaymentStatus, Scope
from schema.arguments import After, Before, Filter, First, Last, PaymentId, RefundId
from schema.errors import known_id
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.payments.types import Payment, Refund
from schema.permissions import context_of, query


@strawberry.input(description="Which payments; all conditions must hold.")
class PaymentFilter:
    status: list[PaymentStatus] | None = strawberry.field(default=None, description="In one of these statuses.")
    order_id: strawberry.ID | None = strawberry.field(default=None, description="Tries at collecting this order.")
    created_from: datetime | None = strawberry.field(default=None, description="Made at this time or later.")
    created_before: datetime | None = strawberry.field(default=None, description="Made before this time.")


@strawberry.type
class PaymentQueries:
    @query(Scope.PAYMENTS_READ, description="A refund; null when the merchant has none with this id.")
    async def refund(self, info: Info, id: RefundId) -> Refund | None:
        row = await reads.by_id("refunds", context_of(info).merchant_id, known_id(id, "re", "a refund"))
        return Refund.of(row) if row else None

    @query(Scope.PAYMENTS_READ, description="A payment; null when the merchant has none with this id.")
    async def payment(self, info: Info, id: PaymentId) -> Payment | None:
        row = await reads.by_id("payments", context_of(info).merchant_id, known_id(id, "pay", "a payment"))
        return Payment.of(row) if row else None

    @query(Scope.PAYMENTS_READ, description="The merchant's payments, 25 unless first or last (1 to 100) says else.")
    async def payments(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[PaymentFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Payment]:
        merchant_id = context_of(info).merchant_id
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("pay"))
        conditions = _conditions(filter) if filter else []
        return await listed("payments", merchant_id, stretch, conditions, Payment.of)


def _conditions(wanted: PaymentFilter) -> list[Condition]:
    conditions = reads.created_between(wanted.created_from, wanted.created_before)
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    if wanted.order_id is not None:
        conditions.append(Condition("order_id", "=", known_id(wanted.order_id, "ord", "an order")))
    return conditions
