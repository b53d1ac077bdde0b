"""Payment links, and the orders that come of visits to them."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0007_deliveries")]

    initial = False

    operations = [
        ops.CreateModel(
            name="PaymentLink",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="payment_links",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("slug", fields.CharField(unique=True, max_length=40)),
                ("active", fields.BooleanField()),
                ("purpose", fields.CharField(max_length=200)),
                ("currency", fields.CharField(max_length=3)),
                ("items", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("total_minor", fields.BigIntField(null=True)),
                ("least_minor", fields.BigIntField(null=True)),
                ("most_minor", fields.BigIntField(null=True)),
                ("presets", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("reusable", fields.BooleanField()),
                ("in_parts", fields.BooleanField()),
                ("email", fields.CharField(null=True, max_length=254)),
                ("name", fields.CharField(null=True, max_length=200)),
                ("reference", fields.CharField(null=True, max_length=100)),
                ("metadata", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "reminders",
                    fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("remind_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "payment_links",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "payment_links",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Order",
            name="payment_link_id",
            field=fields.CharField(null=True, max_length=40),
        ),
        ops.AddField(
            model_name="Order",
            name="visit",
            field=fields.CharField(null=True, max_length=40),
        ),
        ops.AddIndex(
            model_name="Order",
            index=Index(fields=["payment_link_id", "id"]),
        ),
        ops.RunSQL(
            "CREATE INDEX ix_payment_links_remind ON payment_links (remind_at) WHERE remind_at IS NOT NULL",
            "DROP INDEX ix_payment_links_remind",
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX uq_orders_visit ON orders (payment_link_id, visit) WHERE payment_link_id IS NOT NULL",
            "DROP INDEX uq_orders_visit",
        ),
    ]
