"""Captures and voids: asked of the PSP once, whoever else asks."""

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.operation import OperationKind, OperationStatus


class Migration(migrations.Migration):
    dependencies = [("models", "0002_guards")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Operation",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="operations",
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
                        related_name="operations",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharEnumField(description="capture or void", enum_type=OperationKind, max_length=16)),
                (
                    "status",
                    fields.CharEnumField(description="see OperationStatus", enum_type=OperationStatus, max_length=16),
                ),
                ("amount_minor", fields.BigIntField()),
                ("error", fields.CharField(null=True, max_length=500)),
                ("ask_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "operations",
                "app": "models",
                "indexes": [Index(fields=["payment_id", "id"])],
                "pk_attr": "id",
                "table_description": "operations",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Payment",
            name="capture_before",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX uq_operations_reserved ON operations (payment_id) WHERE status = 'reserved'",
            "DROP INDEX uq_operations_reserved",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_operations_ask ON operations (ask_at) WHERE ask_at IS NOT NULL",
            "DROP INDEX ix_operations_ask",
        ),
    ]
