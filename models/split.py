"""How a sale's money divides: rules, the splits of an order that was sold under them, and what is held."""

from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant
from models.order import Order


class FeeBearer(StrEnum):
    """Who bears the PSP's fee: the PLATFORM, which is the merchant, or the VENDORS by their shares."""

    PLATFORM = "platform"
    VENDORS = "vendors"


class DeadlinePolicy(StrEnum):
    """What becomes of held money when the PSP's limit comes: RELEASE pays the vendors, REFUND the payer."""

    RELEASE = "release"
    REFUND = "refund"


class SplitRule(Model):
    """One version of a merchant's rule; never changed. `terms` is the rule as domain.splits.rule reads it."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="split_rules", on_delete=fields.RESTRICT
    )
    merchant_id: str
    name = fields.CharField(max_length=100)
    version = fields.IntField()
    terms = fields.JSONField[dict[str, Any]]()
    created_at = fields.DatetimeField()

    class Meta:
        table = "split_rules"
        table_description = "split_rules"
        indexes = (("merchant_id", "id"),)
        unique_together = (("merchant", "name", "version"),)


class Split(Model):
    """A part of an order's total with the rule that it was sold under: one line item, or (`line_item_id` null) all that
    the order's own rule covers. `plan` says in minor units what each party gets of all of it, in whole steps of `step`.
    `hold_days`: for how long the PSP lets it be held.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField(
        "models.Order", related_name="splits", on_delete=fields.RESTRICT
    )
    order_id: str
    position = fields.IntField()
    line_item_id = fields.CharField(max_length=40, null=True)
    rule: fields.ForeignKeyRelation[SplitRule] = fields.ForeignKeyField(
        "models.SplitRule", related_name="splits", on_delete=fields.RESTRICT
    )
    rule_id: str
    amount_minor = fields.BigIntField()
    step = fields.IntField()
    hold_days = fields.IntField()
    plan = fields.JSONField[dict[str, int]]()

    class Meta:
        table = "splits"
        table_description = "splits"
        unique_together = (("order", "position"),)


class Hold(Model):
    """What one payment captured of one split. The amounts are totals so far: whose the money is follows from them
    (domain.splits.standing). `version` counts its changes, under the order's lock. `release_by`: when the PSP's limit
    comes; `due_at`: when the next thing happens by itself, null once nothing will.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="holds", on_delete=fields.RESTRICT
    )
    merchant_id: str
    order_id = fields.CharField(max_length=40)
    payment_id = fields.CharField(max_length=40)
    split: fields.ForeignKeyRelation[Split] = fields.ForeignKeyField(
        "models.Split", related_name="holds", on_delete=fields.RESTRICT
    )
    split_id: str
    currency = fields.CharField(max_length=3)
    captured_minor = fields.BigIntField()
    returned_minor = fields.BigIntField()
    released_minor = fields.BigIntField()
    fee_minor = fields.BigIntField()
    assignee_id = fields.CharField(max_length=40, null=True)
    version = fields.IntField()
    release_at = fields.DatetimeField(null=True)
    release_by = fields.DatetimeField()
    alerted_at = fields.DatetimeField(null=True)
    due_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "holds"
        table_description = "holds"
        indexes = (("merchant_id", "id"), ("order_id", "id"))
        unique_together = (("payment_id", "split"),)
