"""What PSPs give back of their price of a dispute."""

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("models", "0005_saved_methods")]

    initial = False

    operations = [
        ops.AddField(
            model_name="Dispute",
            name="fee_returned_minor",
            field=fields.BigIntField(db_default=0),
        ),
    ]
