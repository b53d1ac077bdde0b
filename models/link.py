"""Payment links: an address that a merchant gives away, and what is paid there."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant


class LinkStatus(StrEnum):
    """Where a link stands. ACTIVE and INACTIVE are stored. EXPIRED and USED_UP follow from its end and its order."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    EXPIRED = "expired"
    USED_UP = "used_up"


SINGLE_VISIT = "single"
"""The visit of a link that has one order, whoever opens it."""


class PaymentLink(Model):
    """What is for sale at `/l/{slug}`: `items`, or an amount that the payer chooses between the two bounds. A link that
    is not `reusable` has one order, whoever opens it. `in_parts`: the payer may pay less than what is outstanding.
    `reminders` are days before `due_at`, and `remind_at` the next of them. `closes_at` is when the pages that are open
    then are to be closed, null once they are."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="payment_links", on_delete=fields.RESTRICT
    )
    merchant_id: str
    slug = fields.CharField(max_length=40, unique=True)
    active = fields.BooleanField()
    purpose = fields.CharField(max_length=200)
    currency = fields.CharField(max_length=3)
    items = fields.JSONField[list[dict[str, Any]]]()
    total_minor = fields.BigIntField(null=True)
    least_minor = fields.BigIntField(null=True)
    most_minor = fields.BigIntField(null=True)
    presets = fields.JSONField[list[int]]()
    reusable = fields.BooleanField()
    in_parts = fields.BooleanField()
    email = fields.CharField(max_length=254, null=True)
    name = fields.CharField(max_length=200, null=True)
    reference = fields.CharField(max_length=100, null=True)
    metadata = fields.JSONField[dict[str, str]]()
    due_at = fields.DatetimeField(null=True)
    expires_at = fields.DatetimeField(null=True)
    reminders = fields.JSONField[list[int]]()
    remind_at = fields.DatetimeField(null=True)
    closes_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "payment_links"
        table_description = "payment_links"
        indexes = (("merchant_id", "id"),)
