"""An immutable fact: at once the outbox, the timeline and the live stream."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class Event(Model):
    """`version` counts per subject (an order) from 1 without a gap, given under the subject's lock.
    `sequence` counts per merchant without a gap, given by the relay after the commit; null until then.
    `occurred_at` is the PSP's time of what happened, null when it happened here; `recorded_at` is ours.
    """

    position = fields.BigIntField(primary_key=True, generated=True)
    id = fields.CharField(max_length=40, unique=True)
    merchant_id = fields.CharField(max_length=40)
    subject_id = fields.CharField(max_length=40)
    payment_id = fields.CharField(max_length=40, null=True)
    version = fields.IntField()
    sequence = fields.BigIntField(null=True)
    type = fields.CharField(max_length=60)
    cause = fields.JSONField[dict[str, str]]()
    data = fields.JSONField[dict[str, Any]]()
    occurred_at = fields.DatetimeField(null=True)
    recorded_at = fields.DatetimeField()

    class Meta:
        table = "events"
        table_description = "events"
        indexes = (("payment_id", "version"),)
        unique_together = (("subject_id", "version"), ("merchant_id", "sequence"))
