"""Where merchants want to be told, and what is told them."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.delivery import DeliveryStatus, DisabledReason

_JSON = {"encoder": functools.partial(dumps, separators=(",", ":")), "decoder": loads}
_TIME = {"auto_now": False, "auto_now_add": False}
_MERCHANT = {
    "source_field": "merchant_id",
    "db_constraint": True,
    "to_field": "id",
    "on_delete": OnDelete.RESTRICT,
}
_INDEXES = {
    "ix_webhook_endpoints_due": "webhook_endpoints (due_at) WHERE due_at IS NOT NULL AND disabled_reason IS NULL",
    "ix_webhook_deliveries_due": "webhook_deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL",
}


class Migration(migrations.Migration):
    dependencies = [("models", "0006_dispute_fees")]

    initial = False

    operations = [
        ops.CreateModel(
            name="WebhookEndpoint",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("merchant", fields.ForeignKeyField("models.Merchant", related_name="webhook_endpoints", **_MERCHANT)),
                ("url", fields.CharField(max_length=2000)),
                ("description", fields.CharField(null=True, max_length=200)),
                ("event_types", fields.JSONField(null=True, **_JSON)),
                ("conditions", fields.JSONField(null=True, **_JSON)),
                ("mapping", fields.JSONField(null=True, **_JSON)),
                ("secrets", fields.JSONField(**_JSON)),
                ("told_sequence", fields.BigIntField()),
                ("due_at", fields.DatetimeField(null=True, **_TIME)),
                ("busy_until", fields.DatetimeField(**_TIME)),
                ("failing_since", fields.DatetimeField(null=True, **_TIME)),
                (
                    "disabled_reason",
                    fields.CharEnumField(
                        null=True,
                        description="see DisabledReason, null while enabled",
                        enum_type=DisabledReason,
                        max_length=16,
                    ),
                ),
                ("disabled_at", fields.DatetimeField(null=True, **_TIME)),
                ("version", fields.IntField(default=0)),
                ("created_at", fields.DatetimeField(**_TIME)),
                ("updated_at", fields.DatetimeField(**_TIME)),
            ],
            options={
                "table": "webhook_endpoints",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "webhook_endpoints",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="WebhookDelivery",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                ("merchant", fields.ForeignKeyField("models.Merchant", related_name="webhook_deliveries", **_MERCHANT)),
                (
                    "endpoint",
                    fields.ForeignKeyField(
                        "models.WebhookEndpoint",
                        source_field="endpoint_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="deliveries",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("event_id", fields.CharField(max_length=40)),
                ("event_type", fields.CharField(max_length=60)),
                ("sequence", fields.BigIntField()),
                ("body", fields.TextField(unique=False)),
                (
                    "status",
                    fields.CharEnumField(description="see DeliveryStatus", enum_type=DeliveryStatus, max_length=16),
                ),
                ("attempts", fields.IntField(default=0)),
                ("tries", fields.IntField(default=0)),
                ("due_at", fields.DatetimeField(null=True, **_TIME)),
                ("attempted_at", fields.DatetimeField(null=True, **_TIME)),
                ("response_status", fields.IntField(null=True)),
                ("response_excerpt", fields.CharField(null=True, max_length=500)),
                ("failure", fields.CharField(null=True, max_length=200)),
                ("created_at", fields.DatetimeField(**_TIME)),
                ("updated_at", fields.DatetimeField(**_TIME)),
            ],
            options={
                "table": "webhook_deliveries",
                "app": "models",
                "unique_together": (("endpoint_id", "event_id"),),
                "indexes": [Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "webhook_deliveries",
            },
            bases=["Model"],
        ),
        *(ops.RunSQL(f"CREATE INDEX {name} ON {columns}", f"DROP INDEX {name}") for name, columns in _INDEXES.items()),
    ]
