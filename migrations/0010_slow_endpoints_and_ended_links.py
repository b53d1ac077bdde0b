"""Which webhook endpoints answer slowly, and when the pages of payment links are to be closed."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0009_mail")]

    initial = False

    operations = [
        ops.AddField(model_name="WebhookEndpoint", name="slow", field=fields.BooleanField(db_default=False)),
        ops.AddField(
            model_name="PaymentLink",
            name="closes_at",
            field=fields.DatetimeField(null=True, auto_now=False, auto_now_add=False),
        ),
        ops.RunSQL(
            "UPDATE payment_links SET closes_at = expires_at WHERE active",
            "UPDATE payment_links SET closes_at = NULL",
        ),
        ops.RunSQL(
            "CREATE INDEX ix_payment_links_closes ON payment_links (closes_at) WHERE closes_at IS NOT NULL",
            "DROP INDEX ix_payment_links_closes",
        ),
    ]
