"""Instruments that customers leave with a merchant, and what a payer has to do next."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0004_disputes")]

    initial = False

    operations = [
        ops.CreateModel(
            name="GatewayCustomer",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "models.Customer",
                        source_field="customer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="gateway_customers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("gateway", fields.CharField(max_length=20)),
                ("token", fields.CharField(max_length=255)),
            ],
            options={
                "table": "gateway_customers",
                "app": "models",
                "unique_together": (("customer", "gateway"),),
                "pk_attr": "id",
                "table_description": "gateway_customers",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SavedMethod",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="saved_methods",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "customer",
                    fields.ForeignKeyField(
                        "models.Customer",
                        source_field="customer_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="saved_methods",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("gateway", fields.CharField(max_length=20)),
                ("token", fields.CharField(max_length=255)),
                ("type", fields.CharField(max_length=40)),
                ("brand", fields.CharField(null=True, max_length=40)),
                ("last4", fields.CharField(null=True, max_length=8)),
                ("is_default", fields.BooleanField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("removed_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "saved_methods",
                "app": "models",
                "unique_together": (("gateway", "token"),),
                "indexes": [Index(fields=["customer_id", "id"])],
                "pk_attr": "id",
                "table_description": "saved_methods",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Payment",
            name="next_action",
            field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
        ),
        ops.AddField(
            model_name="Payment",
            name="saves_method",
            field=fields.BooleanField(null=True),
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX uq_saved_methods_default ON saved_methods (customer_id) WHERE is_default",
            "DROP INDEX uq_saved_methods_default",
        ),
    ]
