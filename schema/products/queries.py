"""Reading the catalog."""

import strawberry
from strawberry.types import Info

from domain import reads
from models import Scope
from schema.arguments import After, Before, First, Last, ProductId
from schema.errors import known_id
from schema.pagination import Connection, Sort, SortBy, connection, row_id, window
from schema.permissions import context_of, query
from schema.products.types import Product


@strawberry.type
class ProductQueries:
    @query(Scope.PRODUCTS_READ, description="A product; null when the merchant has none with this id.")
    async def product(self, info: Info, id: ProductId) -> Product | None:
        row = await reads.by_id("products", context_of(info).merchant_id, known_id(id, "prod", "a product"))
        return Product.of(row) if row else None

    @query(Scope.PRODUCTS_READ, description="The merchant's products, 25 unless first or last (1 to 100) says else.")
    async def products(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Product]:
        merchant_id = context_of(info).merchant_id
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("prod"))
        page = await reads.page("products", merchant_id, stretch)
        return connection(
            page,
            [Product.of(row) for row in page.rows],
            [row["id"] for row in page.rows],
            lambda: reads.count("products", merchant_id),
        )
