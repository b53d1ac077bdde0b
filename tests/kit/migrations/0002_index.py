from typing import Any, ClassVar

from tortoise import migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies: ClassVar[list[Any]] = [("models", "0001_initial")]

    operations: ClassVar[list[Any]] = [
        ops.RunSQL("CREATE UNIQUE INDEX uq_short ON things (name) WHERE length(name) < 3"),
    ]
