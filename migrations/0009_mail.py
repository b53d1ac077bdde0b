"""Mail to payers and merchants: the outbox, whom to write to, and up to which event the mails are written."""

import functools
from json import dumps, loads

from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from models.mail import MailKind, MailStatus


class Migration(migrations.Migration):
    dependencies = [("models", "0008_payment_links")]

    initial = False

    operations = [
        ops.CreateModel(
            name="Mail",
            fields=[
                ("id", fields.CharField(primary_key=True, unique=True, db_index=True, max_length=40)),
                (
                    "merchant",
                    fields.ForeignKeyField(
                        "models.Merchant",
                        source_field="merchant_id",
                        db_constraint=True,
                        to_field="id",
                        related_name="mails",
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("kind", fields.CharEnumField(description="see MailKind", enum_type=MailKind, max_length=32)),
                ("cause", fields.CharField(max_length=100)),
                ("order_id", fields.CharField(null=True, max_length=40)),
                ("payment_id", fields.CharField(null=True, max_length=40)),
                ("refund_id", fields.CharField(null=True, max_length=40)),
                ("recipient", fields.CharField(max_length=254)),
                ("locale", fields.CharField(max_length=20)),
                (
                    "facts",
                    fields.JSONField(encoder=functools.partial(dumps, separators=(",", ":")), decoder=loads),
                ),
                ("status", fields.CharEnumField(description="see MailStatus", enum_type=MailStatus, max_length=16)),
                ("attempts", fields.IntField()),
                ("try_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
                ("error", fields.CharField(null=True, max_length=500)),
                ("created_at", fields.DatetimeField(auto_now=False, auto_now_add=False)),
                ("sent_at", fields.DatetimeField(null=True, auto_now=False, auto_now_add=False)),
            ],
            options={
                "table": "mails",
                "app": "models",
                "unique_together": (("cause", "kind"),),
                "indexes": [Index(fields=["merchant_id", "id"]), Index(fields=["order_id", "id"])],
                "pk_attr": "id",
                "table_description": "mails",
            },
            bases=["Model"],
        ),
        ops.AddField(model_name="Merchant", name="mailed_sequence", field=fields.BigIntField(db_default=0)),
        ops.AddField(model_name="Merchant", name="contact_email", field=fields.CharField(null=True, max_length=254)),
        ops.AddField(model_name="Merchant", name="contact_locale", field=fields.CharField(null=True, max_length=20)),
        # Nobody gets mail about what happened before there was any.
        ops.RunSQL("UPDATE merchants SET mailed_sequence = event_sequence", ""),
        ops.RunSQL(
            "CREATE INDEX ix_mails_try ON mails (try_at) WHERE try_at IS NOT NULL",
            "DROP INDEX ix_mails_try",
        ),
    ]
