"""Models that exist only to test the kit."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Thing(Model):
    id = fields.IntField(primary_key=True)
    name = fields.CharField(max_length=50, unique=True)
    count = fields.BigIntField(default=0)
    flag = fields.BooleanField(default=False)
    data: Any = fields.JSONField(null=True)
    seen_at = fields.DatetimeField(null=True)

    class Meta:
        table = "things"
