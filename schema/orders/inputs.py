"""What a caller says to make, edit and pay an order."""

import strawberry

from domain.catalog import Amount
from domain.methods.method import PaymentMethodType
from domain.order_input import NewCustomer, NewItem
from models import CaptureMethod
from schema.scalars import CurrencyCode, MoneyInput

KEY = "Your name for this intent, 1 to 255 characters. The same key and input give the same answer."


@strawberry.input(description="A row of an order: a product of the catalog, or a name with a unit amount.")
class LineItemInput:
    quantity: int = strawberry.field(default=1, description="How many, 1 to 1,000,000.")
    product_id: strawberry.ID | None = strawberry.field(
        default=None, description="The catalog's product; its name and price come from there."
    )
    name: str | None = strawberry.field(default=None, description="A free row's name, up to 200 characters.")
    unit_amount: MoneyInput | None = strawberry.field(default=None, description="A free row's price of one.")
    split_rule: str | None = strawberry.field(
        default=None, description="The name of the split rule that it is sold under; its product's when left out."
    )


@strawberry.input(description="Who buys, recognized by e-mail address.")
class CustomerInput:
    email: str = strawberry.field(description="The e-mail address.")
    name: str | None = strawberry.field(default=None, description="The name, if it is known.")


@strawberry.input(description="A pair of texts to keep.")
class MetadataInput:
    key: str = strawberry.field(description="Up to 40 characters.")
    value: str = strawberry.field(description="Up to 500 characters.")


@strawberry.input(description="An order to make.")
class OrderCreateInput:
    idempotency_key: str = strawberry.field(description=KEY)
    currency: CurrencyCode = strawberry.field(description="The currency of all its amounts.")
    items: list[LineItemInput] = strawberry.field(description="1 to 100 rows. The total is computed here.")
    customer: CustomerInput | None = strawberry.field(default=None, description="Who buys, if it is known.")
    reference: str | None = strawberry.field(default=None, description="Your own number, up to 100 characters.")
    metadata: list[MetadataInput] = strawberry.field(
        default_factory=list, description="Up to 20 pairs to keep with the order."
    )
    split_rule: str | None = strawberry.field(
        default=None,
        description="The name of the split rule for all rows without one of their own. What no rule covers is yours.",
    )


@strawberry.input(description="A change of an order.")
class OrderUpdateInput:
    order_id: strawberry.ID = strawberry.field(description="The order (ord_…). It must be OPEN.")
    items: list[LineItemInput] = strawberry.field(description="The new rows, 1 to 100, in place of all old ones.")
    split_rule: str | None = strawberry.field(
        default=None, description="The name of the split rule for all rows that have none of their own."
    )


@strawberry.input(description="An order to cancel.")
class OrderCancelInput:
    order_id: strawberry.ID = strawberry.field(description="The order (ord_…). It must be OPEN.")


@strawberry.input(description="An order to be paid on the hosted page.")
class CheckoutStartInput:
    order_id: strawberry.ID = strawberry.field(description="The order (ord_…). Its amount is its total, nobody's word.")
    idempotency_key: str = strawberry.field(description=KEY)
    client_secret: str | None = strawberry.field(
        default=None, description="The order's client secret; needed with a publishable key."
    )
    return_url: str | None = strawberry.field(
        default=None,
        description="Where the payer goes after paying, on one of the merchant's origins. Our own page when left out."
        " Arriving there proves nothing: follow orderUpdates.",
    )
    cancel_url: str | None = strawberry.field(
        default=None, description="Where the payer goes to give up, on one of the merchant's origins."
    )
    capture_method: CaptureMethod = strawberry.field(
        default=CaptureMethod.AUTOMATIC, description="MANUAL reserves the money. A secret key's choice only."
    )
    method: PaymentMethodType | None = strawberry.field(
        default=None,
        description="The only method that a new page shows; all that the gateway has when left out. A page that is"
        " open already stays as it is.",
    )


def items_of(rows: list[LineItemInput]) -> list[NewItem]:
    return [
        NewItem(
            quantity=row.quantity,
            product_id=row.product_id,
            name=row.name,
            unit_amount=Amount(row.unit_amount.amount_minor, row.unit_amount.currency) if row.unit_amount else None,
            split_rule=row.split_rule,
        )
        for row in rows
    ]


def customer_of(customer: CustomerInput | None) -> NewCustomer | None:
    return NewCustomer(customer.email, customer.name) if customer else None
