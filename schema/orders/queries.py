"""Reading orders."""

from datetime import datetime

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from domain.refusals import can_be_shown
from models import OrderStatus, Scope
from schema.arguments import After, Before, ClientSecret, Filter, First, Last, OrderId
from schema.errors import bad_request, known_id
from schema.orders.types import Order
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import check_payer, context_of, query


@strawberry.input(description="Which orders; all conditions must hold.")
class OrderFilter:
    status: list[OrderStatus] | None = strawberry.field(default=None, description="In one of these statuses.")
    reference: str | None = strawberry.field(default=None, description="With exactly this reference.")
    customer_id: strawberry.ID | None = strawberry.field(default=None, description="Of this customer.")
    created_from: datetime | None = strawberry.field(default=None, description="Made at this time or later.")
    created_before: datetime | None = strawberry.field(default=None, description="Made before this time.")


@strawberry.type
class OrderQueries:
    @query(
        Scope.ORDERS_READ,
        Scope.CHECKOUT,
        description="An order; null when the merchant has none with this id. A publishable key needs the order's"
        " `clientSecret`.",
    )
    async def order(self, info: Info, id: OrderId, client_secret: ClientSecret = None) -> Order | None:
        order_id = known_id(id, "ord", "an order")
        check_payer(context_of(info), order_id, client_secret)
        row = await reads.by_id("orders", context_of(info).merchant_id, order_id)
        return Order.of(row) if row else None

    @query(Scope.ORDERS_READ, description="The merchant's orders, 25 unless first or last (1 to 100) says else.")
    async def orders(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[OrderFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Order]:
        merchant_id = context_of(info).merchant_id
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("ord"))
        conditions = _conditions(filter) if filter else []
        return await listed("orders", merchant_id, stretch, conditions, Order.of)


def _conditions(wanted: OrderFilter) -> list[Condition]:
    conditions = reads.created_between(wanted.created_from, wanted.created_before)
    if wanted.status is not None:
        conditions.append(Condition("status", "IN", [status.value for status in wanted.status]))
    if wanted.reference is not None:
        if not can_be_shown(wanted.reference):
            raise bad_request("A reference has visible characters only.")
        conditions.append(Condition("reference", "=", wanted.reference))
    if wanted.customer_id is not None:
        conditions.append(Condition("customer_id", "=", known_id(wanted.customer_id, "cus", "a customer")))
    return conditions
