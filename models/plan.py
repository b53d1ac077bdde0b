"""Plans: a product with a recurring price. Terms have versions; whoever subscribed keeps those of that day."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant


class Interval(StrEnum):
    """What periods are counted in."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    YEAR = "year"


class Plan(Model):
    """`product_token` is the PSP's name of it, null until the PSP knows it."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="plans", on_delete=fields.RESTRICT
    )
    merchant_id: str
    name = fields.CharField(max_length=200)
    description = fields.CharField(max_length=2000, null=True)
    metadata = fields.JSONField[dict[str, str]]()
    gateway = fields.CharField(max_length=20)
    product_token = fields.CharField(max_length=255, null=True)
    archived_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "plans"
        table_description = "plans"
        indexes = (("merchant_id", "id"),)


class PlanPrice(Model):
    """One version of a plan's terms, never changed. `amount_minor` is for one period, and for one seat if `per_seat`;
    `setup_fee_minor` comes once, with the first invoice. `features` are what subscribers may use, in the merchant's
    words. `token` is the PSP's name of it, null until the PSP knows it."""

    id = fields.CharField(max_length=40, primary_key=True)
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "models.Plan", related_name="prices", on_delete=fields.RESTRICT
    )
    plan_id: str
    number = fields.IntField()
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()
    interval = fields.CharEnumField(Interval, max_length=8, description="see Interval")
    interval_count = fields.IntField()
    per_seat = fields.BooleanField()
    trial_days = fields.IntField()
    setup_fee_minor = fields.BigIntField()
    features = fields.JSONField[list[str]]()
    token = fields.CharField(max_length=255, null=True, unique=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "plan_prices"
        table_description = "plan_prices"
        unique_together = (("plan", "number"),)
