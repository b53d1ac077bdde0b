"""Reading customers."""

import strawberry
from strawberry.types import Info

from domain import reads
from models import Scope
from schema.arguments import CustomerId
from schema.errors import known_id
from schema.orders.types import Customer
from schema.permissions import context_of, query


@strawberry.type
class CustomerQueries:
    @query(Scope.ORDERS_READ, description="A customer; null when the merchant has none with this id.")
    async def customer(self, info: Info, id: CustomerId) -> Customer | None:
        row = await reads.by_id("customers", context_of(info).merchant_id, known_id(id, "cus", "a customer"))
        return Customer.of(row) if row else None
