"""The signed messages of PSPs, each recorded once together with what it changed."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class InboxStatus(StrEnum):
    """APPLIED: its news was taken in. IGNORED: nothing we listen to, or not ours. KEPT: to be tried again.
    STUCK: tried too often, an operator should look."""

    APPLIED = "applied"
    IGNORED = "ignored"
    KEPT = "kept"
    STUCK = "stuck"


class WebhookEvent(Model):
    id = fields.CharField(max_length=40, primary_key=True)
    gateway = fields.CharField(max_length=20)
    event_token = fields.CharField(max_length=255)
    type = fields.CharField(max_length=100)
    payload = fields.TextField()
    status = fields.CharEnumField(InboxStatus, max_length=16, description="see InboxStatus")
    detail = fields.CharField(max_length=500, null=True)
    payment_id = fields.CharField(max_length=40, null=True)
    tries = fields.IntField(default=0)
    retry_at = fields.DatetimeField(null=True)
    received_at = fields.DatetimeField()

    class Meta:
        table = "webhook_events"
        table_description = "webhook_events"
        unique_together = (("gateway", "event_token"),)
