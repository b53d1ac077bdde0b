"""Plans, subscriptions, invoices, entitlements, and the orders that invoices are."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.invoice import InvoiceReason, InvoiceStatus
from models.plan import Interval
from models.subscription import SubscriptionStatus


class Migration(migrations.Migration):
    dependencies = [("models", "0010_slow_endpoints_and_ended_links")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Entitlement",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="entitlements",
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
                        related_name="entitlements",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("feature", fields.CharField(max_length=100)),
                ("quantity", fields.IntField()),
                ("since", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "entitlements",
                "app": "models",
                "unique_together": (("customer", "feature"),),
                "indexes": [Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "entitlements",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Plan",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="plans",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=200)),
                ("description", fields.CharField(null=True, max_length=2000)),
                ("metadata", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("gateway", fields.CharField(max_length=20)),
                ("product_token", fields.CharField(null=True, max_length=255)),
                ("archived_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "plans",
                "app": "models",
                "indexes": [Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "plans",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="PlanPrice",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "models.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="prices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("number", fields.IntField()),
                ("currency", fields.CharField(max_length=3)),
                ("amount_minor", fields.BigIntField()),
                ("interval", fields.CharEnumField(description="see Interval", enum_type=Interval, max_length=8)),
                ("interval_count", fields.IntField()),
                ("per_seat", fields.BooleanField()),
                ("trial_days", fields.IntField()),
                ("setup_fee_minor", fields.BigIntField()),
                ("features", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("token", fields.CharField(null=True, unique=True, max_length=255)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "plan_prices",
                "app": "models",
                "unique_together": (("plan", "number"),),
                "pk_attr": "id",
                "table_description": "plan_prices",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Subscription",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="subscriptions",
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
                        related_name="subscriptions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "plan",
                    fields.ForeignKeyField(
                        "models.Plan",
                        source_field="plan_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="subscriptions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "price",
                    fields.ForeignKeyField(
                        "models.PlanPrice",
                        source_field="price_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="subscriptions",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("quantity", fields.IntField()),
                (
                    "status",
                    fields.CharEnumField(
                        description="see SubscriptionStatus", enum_type=SubscriptionStatus, max_length=32
                    ),
                ),
                ("gateway", fields.CharField(max_length=20)),
                ("livemode", fields.BooleanField()),
                ("request", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("session_token", fields.CharField(null=True, max_length=255)),
                ("checkout_url", fields.TextField(null=True, unique=False)),
                ("expires_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("token", fields.CharField(null=True, max_length=255)),
                ("item_token", fields.CharField(null=True, max_length=255)),
                ("period_start", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("period_end", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("trial_end", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("cancel_at_period_end", fields.BooleanField(default=False)),
                ("cancel_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("paused_until", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("canceled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("ended_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                (
                    "last_error",
                    fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("metadata", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("version", fields.IntField()),
                ("told_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("trial_told_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("asked_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("inquire_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "subscriptions",
                "app": "models",
                "unique_together": (("gateway", "token"), ("gateway", "session_token")),
                "indexes": [
                    Index(fields=["merchant_id", "id"]),
                    Index(fields=["customer_id", "id"]),
                    Index(fields=["plan_id", "id"]),
                ],
                "pk_attr": "id",
                "table_description": "subscriptions",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Invoice",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="invoices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "subscription",
                    fields.ForeignKeyField(
                        "models.Subscription",
                        source_field="subscription_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="invoices",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("customer_id", fields.CharField(max_length=40)),
                ("gateway", fields.CharField(max_length=20)),
                ("token", fields.CharField(max_length=255)),
                ("number", fields.CharField(null=True, max_length=100)),
                (
                    "status",
                    fields.CharEnumField(description="see InvoiceStatus", enum_type=InvoiceStatus, max_length=16),
                ),
                (
                    "reason",
                    fields.CharEnumField(description="see InvoiceReason", enum_type=InvoiceReason, max_length=16),
                ),
                ("currency", fields.CharField(max_length=3)),
                ("subtotal_minor", fields.BigIntField()),
                ("tax_minor", fields.BigIntField()),
                ("total_minor", fields.BigIntField()),
                ("due_minor", fields.BigIntField()),
                ("paid_minor", fields.BigIntField()),
                ("balance_before_minor", fields.BigIntField()),
                ("balance_after_minor", fields.BigIntField()),
                ("lines", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("period_start", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("period_end", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("attempts", fields.IntField()),
                ("next_attempt_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("requires_action", fields.BooleanField()),
                ("payment_url", fields.TextField(null=True, unique=False)),
                ("order_id", fields.CharField(null=True, max_length=40)),
                ("issued_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("paid_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "invoices",
                "app": "models",
                "unique_together": (("gateway", "token"),),
                "indexes": [
                    Index(fields=["merchant_id", "id"]),
                    Index(fields=["subscription_id", "id"]),
                    Index(fields=["customer_id", "id"]),
                ],
                "pk_attr": "id",
                "table_description": "invoices",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Mail",
            name="subscription_id",
            field=fields.CharField(null=True, max_length=40),
        ),
        ops.AddField(
            model_name="Order",
            name="billed_for",
            field=fields.CharField(null=True, max_length=60),
        ),
        ops.AddField(
            model_name="Order",
            name="subscription_id",
            field=fields.CharField(null=True, max_length=40),
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX uq_orders_billed ON orders (subscription_id, billed_for)"
            " WHERE subscription_id IS NOT NULL",
            "DROP INDEX uq_orders_billed",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_subscriptions_inquire ON subscriptions (inquire_at) WHERE inquire_at IS NOT NULL",
            "DROP INDEX ix_subscriptions_inquire",
        ),
    ]
