"""Disputes, early warnings of fraud, and what a merchant wants done about them."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.dispute import DisputeStatus, FraudPolicy


class Migration(migrations.Migration):
    dependencies = [("models", "0003_operations")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Dispute",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="disputes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "payment",
                    fields.ForeignKeyField(
                        "models.Payment",
                        source_field="payment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="disputes",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("gateway", fields.CharField(max_length=20)),
                ("token", fields.CharField(max_length=255)),
                (
                    "status",
                    fields.CharEnumField(description="see DisputeStatus", enum_type=DisputeStatus, max_length=32),
                ),
                ("reason", fields.CharField(max_length=60)),
                ("currency", fields.CharField(max_length=3)),
                ("amount_minor", fields.BigIntField()),
                ("withdrawn_minor", fields.BigIntField(default=0)),
                ("reinstated_minor", fields.BigIntField(default=0)),
                ("fee_minor", fields.BigIntField(default=0)),
                ("due_by", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "evidence",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("evidence_submitted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("alerted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "disputes",
                "app": "models",
                "unique_together": (("gateway", "token"),),
                "indexes": [Index(fields=["payment_id", "id"]), Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "disputes",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="FraudWarning",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="fraud_warnings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "payment",
                    fields.ForeignKeyField(
                        "models.Payment",
                        source_field="payment_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="fraud_warnings",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("gateway", fields.CharField(max_length=20)),
                ("token", fields.CharField(max_length=255)),
                ("type", fields.CharField(max_length=60)),
                ("policy", fields.CharEnumField(description="what was done", enum_type=FraudPolicy, max_length=16)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "fraud_warnings",
                "app": "models",
                "unique_together": (("gateway", "token"),),
                "indexes": [Index(fields=["payment_id", "id"])],
                "pk_attr": "id",
                "table_description": "fraud_warnings",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Merchant",
            name="fraud_policy",
            field=fields.CharField(null=True, max_length=16),
        ),
        ops.RunSQL(
            "CREATE INDEX ix_disputes_unalerted ON disputes (due_by) WHERE alerted_at IS NULL",
            "DROP INDEX ix_disputes_unalerted",
        ),
    ]
