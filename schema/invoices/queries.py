"""Reading invoices."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import InvoiceStatus, Scope
from schema.arguments import After, Before, Filter, First, InvoiceId, Last
from schema.errors import known_id
from schema.invoices.types import Invoice
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query


@strawberry.input(description="Which invoices; all conditions must hold.")
class InvoiceFilter:
    subscription_id: strawberry.ID | None = strawberry.field(default=None, description="Of this subscription (sub_…).")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Of this customer (cus_…).")
    status: list[InvoiceStatus] | None = strawberry.field(default=None, description="In one of these.")


@strawberry.type
class InvoiceQueries:
    @query(Scope.PAYMENTS_READ, description="An invoice; null when the merchant has none with this id.")
    async def invoice(self, info: Info, id: InvoiceId) -> Invoice | None:
        row = await reads.by_id("invoices", context_of(info).merchant_id, known_id(id, "inv", "an invoice"))
        return Invoice.of(row) if row else None

    @query(Scope.PAYMENTS_READ, description="The merchant's invoices, 25 unless first or last (1 to 100) says else.")
    async def invoices(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[InvoiceFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Invoice]:
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("inv"))
        conditions = _conditions(filter) if filter else []
        return await listed("invoices", context_of(info).merchant_id, stretch, conditions, Invoice.of)


def _conditions(wanted: InvoiceFilter) -> list[Condition]:
    conditions = []
    if wanted.subscription_id is not None:
        subscription_id = known_id(wanted.subscription_id, "sub", "a subscription")
        conditions.append(Condition("subscription_id", "=", subscription_id))
    if wanted.customer_id is not None:
        conditions.append(Condition("customer_id", "=", known_id(wanted.customer_id, "cus", "a customer")))
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    return conditions
