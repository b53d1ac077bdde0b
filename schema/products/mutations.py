"""Changing the catalog."""

from enum import Enum

import strawberry
from strawberry.types import Info

from domain import catalog, idempotency, reads
from domain.catalog import Amount
from domain.refusals import Refusal
from kit import clock
from models import ProductKind, Scope
from schema.arguments import Input
from schema.errors import MESSAGE, PATH, RETRYABLE, error_codes, user_errors
from schema.permissions import context_of, mutation
from schema.products.types import Product
from schema.scalars import MoneyInput


@error_codes("Why a change of the catalog was refused.")
class ProductErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    UNKNOWN_CURRENCY = "UNKNOWN_CURRENCY"
    INVALID_AMOUNT = "INVALID_AMOUNT"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"


@strawberry.type(description="Why nothing was changed.")
class ProductUserError:
    code: ProductErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="A product to make.")
class ProductCreateInput:
    idempotency_key: str = strawberry.field(description="Your name for this intent, 1 to 255 characters.")
    name: str = strawberry.field(description="As payers see it, up to 200 characters.")
    prices: list[MoneyInput] = strawberry.field(description="One for each currency, 1 to 50.")
    kind: ProductKind = strawberry.field(default=ProductKind.GOODS, description="What sort of thing it is.")
    description: str | None = strawberry.field(default=None, description="Up to 2,000 characters.")
    split_rule: str | None = strawberry.field(
        default=None, description="The name of the split rule that it is sold under; an item's own wins over it."
    )


@strawberry.type(description="The new product, or why there is none.")
class ProductCreatePayload:
    product: Product | None = strawberry.field(description="Null when userErrors says why.")
    user_errors: list[ProductUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class ProductMutations:
    @mutation(
        Scope.PRODUCTS_WRITE,
        description="Makes a product. The same key and input give the same product.",
    )
    async def product_create(self, info: Info, input: Input[ProductCreateInput]) -> ProductCreatePayload:
        merchant_id = context_of(info).merchant_id
        try:
            product_id = await catalog.create_product(
                merchant_id=merchant_id,
                kind=input.kind,
                name=input.name,
                description=input.description,
                split_rule=input.split_rule,
                prices=[Amount(price.amount_minor, price.currency) for price in input.prices],
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                now=clock.now(),
            )
        except Refusal as refusal:
            return ProductCreatePayload(
                product=None, user_errors=user_errors(ProductUserError, ProductErrorCode, refusal)
            )
        row = await reads.by_id("products", merchant_id, product_id)
        return ProductCreatePayload(product=Product.of(row) if row else None, user_errors=[])
