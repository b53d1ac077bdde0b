"""What is sold: a product with one price for each currency it is sold in."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant


class ProductKind(StrEnum):
    """GOODS are shipped or handed over, a SERVICE is performed, a PACKAGE bundles several."""

    GOODS = "goods"
    SERVICE = "service"
    PACKAGE = "package"


class Product(Model):
    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="products", on_delete=fields.RESTRICT
    )
    merchant_id: str
    kind = fields.CharEnumField(ProductKind, max_length=16, description="goods, service or package")
    name = fields.CharField(max_length=200)
    description = fields.CharField(max_length=2000, null=True)
    split_rule = fields.CharField(max_length=100, null=True)
    created_at = fields.DatetimeField()
    prices: fields.ReverseRelation["Price"]

    class Meta:
        table = "products"
        table_description = "products"
        indexes = (("merchant_id", "id"),)


class Price(Model):
    id = fields.IntField(primary_key=True)
    product: fields.ForeignKeyRelation[Product] = fields.ForeignKeyField(
        "models.Product", related_name="prices", on_delete=fields.RESTRICT
    )
    product_id: str
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()

    class Meta:
        table = "prices"
        table_description = "prices"
        unique_together = (("product", "currency"),)
