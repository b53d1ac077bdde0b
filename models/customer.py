"""A known payer of a merchant, recognized by e-mail address."""

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant


class Customer(Model):
    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="customers", on_delete=fields.RESTRICT
    )
    merchant_id: str
    email = fields.CharField(max_length=254)
    name = fields.CharField(max_length=200, null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "customers"
        table_description = "customers"
        unique_together = (("merchant", "email"),)
