"""Vendors, split rules, holds, shares, transfers and payouts."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.vendor import PayoutStatus, TransferStatus, VendorStatus


class Migration(migrations.Migration):
    dependencies = [("models", "0011_subscriptions")]

    initial = False

    operations = [
        ops.CreateModel(
            name="BalanceSnapshot",
            fields=[
                ("id", fields.BigIntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("vendor_id", fields.CharField(max_length=40)),
                ("currency", fields.CharField(max_length=3)),
                ("account", fields.CharField(max_length=20)),
                ("upto_id", fields.BigIntField()),
                ("amount_minor", fields.BigIntField()),
                ("taken_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "balance_snapshots",
                "app": "models",
                "unique_together": (("vendor_id", "currency", "account", "upto_id"),),
                "indexes": [Index(fields=["vendor_id", "upto_id"])],
                "pk_attr": "id",
                "table_description": "balance_snapshots",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="SplitRule",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="split_rules",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("name", fields.CharField(max_length=100)),
                ("version", fields.IntField()),
                ("terms", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "split_rules",
                "app": "models",
                "unique_together": (("merchant", "name", "version"),),
                "indexes": [Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "split_rules",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Split",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "order",
                    fields.ForeignKeyField(
                        "models.Order",
                        source_field="order_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="splits",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("position", fields.IntField()),
                ("line_item_id", fields.CharField(null=True, max_length=40)),
                (
                    "rule",
                    fields.ForeignKeyField(
                        "models.SplitRule",
                        source_field="rule_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="splits",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("amount_minor", fields.BigIntField()),
                ("step", fields.IntField()),
                ("hold_days", fields.IntField()),
                ("plan", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
            ],
            options={
                "table": "splits",
                "app": "models",
                "unique_together": (("order", "position"),),
                "pk_attr": "id",
                "table_description": "splits",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Hold",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="holds",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("order_id", fields.CharField(max_length=40)),
                ("payment_id", fields.CharField(max_length=40)),
                (
                    "split",
                    fields.ForeignKeyField(
                        "models.Split",
                        source_field="split_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="holds",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("currency", fields.CharField(max_length=3)),
                ("captured_minor", fields.BigIntField()),
                ("returned_minor", fields.BigIntField()),
                ("released_minor", fields.BigIntField()),
                ("fee_minor", fields.BigIntField()),
                ("assignee_id", fields.CharField(null=True, max_length=40)),
                ("version", fields.IntField()),
                ("release_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("release_by", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("alerted_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("due_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "holds",
                "app": "models",
                "unique_together": (("payment_id", "split"),),
                "indexes": [Index(fields=["merchant_id", "id"]), Index(fields=["order_id", "id"])],
                "pk_attr": "id",
                "table_description": "holds",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Vendor",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="vendors",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("gateway", fields.CharField(max_length=20)),
                ("token", fields.CharField(null=True, max_length=255)),
                ("name", fields.CharField(max_length=200)),
                ("email", fields.CharField(max_length=254)),
                ("country", fields.CharField(max_length=2)),
                ("status", fields.CharEnumField(description="see VendorStatus", enum_type=VendorStatus, max_length=16)),
                (
                    "requirements",
                    fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("disabled_reason", fields.CharField(null=True, max_length=100)),
                ("transfers_enabled", fields.BooleanField()),
                ("payouts_enabled", fields.BooleanField()),
                ("metadata", fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads)),
                ("error", fields.CharField(null=True, max_length=500)),
                ("version", fields.IntField()),
                ("disabled_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("inquire_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "vendors",
                "app": "models",
                "unique_together": (("gateway", "token"),),
                "indexes": [Index(fields=["merchant_id", "id"])],
                "pk_attr": "id",
                "table_description": "vendors",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Payout",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="payouts",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "vendor",
                    fields.ForeignKeyField(
                        "models.Vendor",
                        source_field="vendor_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="payouts",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("gateway", fields.CharField(max_length=20)),
                ("token", fields.CharField(max_length=255)),
                ("status", fields.CharEnumField(description="see PayoutStatus", enum_type=PayoutStatus, max_length=16)),
                ("currency", fields.CharField(max_length=3)),
                ("amount_minor", fields.BigIntField()),
                ("arrives_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("failure_code", fields.CharField(null=True, max_length=100)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "payouts",
                "app": "models",
                "unique_together": (("gateway", "token"),),
                "indexes": [Index(fields=["merchant_id", "id"]), Index(fields=["vendor_id", "id"])],
                "pk_attr": "id",
                "table_description": "payouts",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Share",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="shares",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("order_id", fields.CharField(max_length=40)),
                ("payment_id", fields.CharField(max_length=40)),
                (
                    "vendor",
                    fields.ForeignKeyField(
                        "models.Vendor",
                        source_field="vendor_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="shares",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("currency", fields.CharField(max_length=3)),
                ("owed_minor", fields.BigIntField()),
                ("transferred_minor", fields.BigIntField()),
                ("netted_minor", fields.BigIntField()),
                ("withheld_minor", fields.BigIntField()),
                ("failures", fields.IntField()),
                ("ask_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "shares",
                "app": "models",
                "unique_together": (("payment_id", "vendor"),),
                "pk_attr": "id",
                "table_description": "shares",
            },
            bases=["Model"],
        ),
        ops.CreateModel(
            name="Transfer",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="transfers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                (
                    "share",
                    fields.ForeignKeyField(
                        "models.Share",
                        source_field="share_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="transfers",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("vendor_id", fields.CharField(max_length=40)),
                ("payment_id", fields.CharField(max_length=40)),
                ("reverses_id", fields.CharField(null=True, max_length=40)),
                (
                    "status",
                    fields.CharEnumField(description="see TransferStatus", enum_type=TransferStatus, max_length=16),
                ),
                ("currency", fields.CharField(max_length=3)),
                ("amount_minor", fields.BigIntField()),
                ("reversed_minor", fields.BigIntField()),
                ("sourced", fields.BooleanField()),
                ("token", fields.CharField(null=True, max_length=255)),
                ("error_code", fields.CharField(null=True, max_length=100)),
                ("error", fields.CharField(null=True, max_length=500)),
                ("asks", fields.IntField()),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("updated_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "transfers",
                "app": "models",
                "indexes": [
                    Index(fields=["merchant_id", "id"]),
                    Index(fields=["payment_id", "id"]),
                    Index(fields=["share_id", "id"]),
                ],
                "pk_attr": "id",
                "table_description": "transfers",
            },
            bases=["Model"],
        ),
        ops.AddField(
            model_name="Dispute",
            name="parts",
            field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
        ),
        ops.AddField(
            model_name="Order",
            name="is_split",
            field=fields.BooleanField(db_default=False),
        ),
        ops.AddField(
            model_name="Payment",
            name="charge_token",
            field=fields.CharField(null=True, max_length=255),
        ),
        ops.AddField(
            model_name="Posting",
            name="vendor_id",
            field=fields.CharField(null=True, max_length=40),
        ),
        ops.AddField(
            model_name="Product",
            name="split_rule",
            field=fields.CharField(null=True, max_length=100),
        ),
        ops.AddField(
            model_name="Refund",
            name="items",
            field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
        ),
        ops.AddField(
            model_name="Refund",
            name="parts",
            field=fields.JSONField(null=True, encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
        ),
        ops.RunSQL(
            "CREATE INDEX ix_vendors_inquire ON vendors (inquire_at) WHERE inquire_at IS NOT NULL",
            "DROP INDEX ix_vendors_inquire",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_holds_due ON holds (due_at) WHERE due_at IS NOT NULL",
            "DROP INDEX ix_holds_due",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_shares_ask ON shares (ask_at) WHERE ask_at IS NOT NULL",
            "DROP INDEX ix_shares_ask",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_shares_unsettled ON shares (vendor_id)"
            " WHERE owed_minor <> transferred_minor + netted_minor + withheld_minor",
            "DROP INDEX ix_shares_unsettled",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_shares_netted ON shares (vendor_id, currency) WHERE netted_minor <> 0",
            "DROP INDEX ix_shares_netted",
        ),
        ops.RunSQL(
            "CREATE UNIQUE INDEX uq_transfers_reserved ON transfers (share_id) WHERE status = 'reserved'",
            "DROP INDEX uq_transfers_reserved",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_postings_shared ON postings (id) WHERE vendor_id IS NOT NULL",
            "DROP INDEX ix_postings_shared",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_postings_vendor ON postings (vendor_id, id) WHERE vendor_id IS NOT NULL",
            "DROP INDEX ix_postings_vendor",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_postings_statement ON postings (vendor_id, currency, posted_at, id)"
            " WHERE vendor_id IS NOT NULL",
            "DROP INDEX ix_postings_statement",
        ),
    ]
