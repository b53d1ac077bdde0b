"""Which webhook endpoints answer slowly, and which payment links end when."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0009_mail")]

    initial = False

    operations = [
        ops.AddField(model_name="WebhookEndpoint", name="slow", field=fields.BooleanField(db_default=False)),
        ops.RunSQL(
            "CREATE INDEX ix_payment_links_expiry ON payment_links (expires_at) WHERE expires_at IS NOT NULL",
            "DROP INDEX ix_payment_links_expiry",
        ),
    ]
