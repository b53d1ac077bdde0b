from typing import Any, ClassVar

from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    initial = True

    operations: ClassVar[list[Any]] = [
        ops.CreateModel(
            name="Thing",
            fields=[
                ("id", fields.IntField(generated=True, primary_key=True, unique=True, db_index=True)),
                ("name", fields.CharField(unique=True, max_length=50)),
            ],
            options={"table": "things", "app": "models", "pk_attr": "id"},
            bases=["Model"],
        ),
    ]
