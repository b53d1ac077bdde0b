"""What was sold and for how much. An order exists before any payment of it."""

from collections.abc import Mapping
from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.customer import Customer
from models.merchant import Merchant


class OrderStatus(StrEnum):
    """OPEN awaits its money, PAID has all of it, CANCELED wants none any more."""

    OPEN = "open"
    PAID = "paid"
    CANCELED = "canceled"


ORDER_EDGES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.OPEN: frozenset({OrderStatus.PAID, OrderStatus.CANCELED}),
    OrderStatus.PAID: frozenset(),
    OrderStatus.CANCELED: frozenset(),
}


class Order(Model):
    """`version` numbers the events of this order without a gap; it moves only under the order's lock. `payment_link_id`
    and `visit` tell which visit to which link it comes of, if it does: a visit has one order. `subscription_id` and
    `billed_for` tell which period of which subscription it pays, or which other invoice: each has one order."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="orders", on_delete=fields.RESTRICT
    )
    merchant_id: str
    customer: fields.ForeignKeyNullableRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="orders", on_delete=fields.RESTRICT, null=True
    )
    customer_id: str | None
    status = fields.CharEnumField(OrderStatus, max_length=16, description="see OrderStatus")
    currency = fields.CharField(max_length=3)
    total_minor = fields.BigIntField()
    version = fields.IntField()
    reference = fields.CharField(max_length=100, null=True)
    metadata = fields.JSONField[dict[str, str]]()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()
    paid_at = fields.DatetimeField(null=True)
    payment_link_id = fields.CharField(max_length=40, null=True)
    visit = fields.CharField(max_length=40, null=True)
    subscription_id = fields.CharField(max_length=40, null=True)
    billed_for = fields.CharField(max_length=60, null=True)
    is_split = fields.BooleanField(db_default=False)

    class Meta:
        table = "orders"
        table_description = "orders"
        indexes = (("merchant_id", "id"), ("payment_link_id", "id"))


class LineItem(Model):
    """A row of an order; `amount_minor` is the unit amount times the quantity."""

    id = fields.CharField(max_length=40, primary_key=True)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField(
        "models.Order", related_name="items", on_delete=fields.RESTRICT
    )
    order_id: str
    position = fields.IntField()
    product_id = fields.CharField(max_length=40, null=True)
    name = fields.CharField(max_length=200)
    unit_amount_minor = fields.BigIntField()
    quantity = fields.IntField()
    amount_minor = fields.BigIntField()

    class Meta:
        table = "line_items"
        table_description = "line_items"
        unique_together = (("order", "position"),)
