"""A customer's instruments at a PSP, kept as the PSP's tokens only."""

from tortoise import fields
from tortoise.models import Model

from models.customer import Customer
from models.merchant import Merchant


class GatewayCustomer(Model):
    """How a PSP knows a customer."""

    id = fields.IntField(primary_key=True)
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="gateway_customers", on_delete=fields.RESTRICT
    )
    customer_id: str
    gateway = fields.CharField(max_length=20)
    token = fields.CharField(max_length=255)

    class Meta:
        table = "gateway_customers"
        table_description = "gateway_customers"
        unique_together = (("customer", "gateway"),)


class SavedMethod(Model):
    """An instrument that a customer left with the merchant. A customer has one default, by a partial unique index."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="saved_methods", on_delete=fields.RESTRICT
    )
    merchant_id: str
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="saved_methods", on_delete=fields.RESTRICT
    )
    customer_id: str
    gateway = fields.CharField(max_length=20)
    token = fields.CharField(max_length=255)
    type = fields.CharField(max_length=40)
    brand = fields.CharField(max_length=40, null=True)
    last4 = fields.CharField(max_length=8, null=True)
    is_default = fields.BooleanField()
    created_at = fields.DatetimeField()
    removed_at = fields.DatetimeField(null=True)

    class Meta:
        table = "saved_methods"
        table_description = "saved_methods"
        indexes = (("customer_id", "id"),)
        unique_together = (("gateway", "token"),)
