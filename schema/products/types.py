"""Products and their prices."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.types import Info

from domain.reads import Row
from kit.database.reading import decode_time
from models import ProductKind
from schema.enums import show
from schema.nodes import Node
from schema.permissions import context_of
from schema.scalars import CurrencyCode, Money, money_of

show(
    ProductKind,
    "What sort of thing a product is.",
    GOODS="Shipped or handed over.",
    SERVICE="Performed.",
    PACKAGE="A bundle of several.",
)


Currency = Annotated[CurrencyCode, strawberry.argument(description="The currency to be charged in.")]


@strawberry.type(description="What is sold, with one price for each currency it is sold in.")
class Product(Node):
    kind: ProductKind = strawberry.field(description="What sort of thing it is.")
    name: str = strawberry.field(description="As payers see it.")
    description: str | None = strawberry.field(description="Null when the merchant gave none.")
    split_rule: str | None = strawberry.field(
        description="The name of the split rule that it is sold under; null for none of its own."
    )
    created_at: datetime = strawberry.field(description="When it was made here.")

    @classmethod
    def of(cls, row: Row) -> "Product":
        return cls(
            id=row["id"],
            kind=ProductKind(row["kind"]),
            name=row["name"],
            description=row["description"],
            split_rule=row["split_rule"],
            created_at=decode_time(row["created_at"]),
        )

    @strawberry.field(description="One price for each currency, by currency code.")
    async def prices(self, info: Info) -> list[Money]:
        rows = await context_of(info).load.prices.load(self.id)
        return [money_of(row["amount_minor"], row["currency"]) for row in rows]

    @strawberry.field(description="The price in this currency, null when it is not sold in it.")
    async def price(self, info: Info, currency: Currency) -> Money | None:
        rows = await context_of(info).load.prices.load(self.id)
        return next((money_of(r["amount_minor"], currency) for r in rows if r["currency"] == currency), None)
