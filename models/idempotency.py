"""The callers' names for their intents, and what each one came to."""

from typing import Any

from tortoise import fields
from tortoise.models import Model


class IdempotencyRecord(Model):
    """`answer` names what the mutation made; a repeated call with the same body gets the same."""

    id = fields.BigIntField(primary_key=True, generated=True)
    merchant_id = fields.CharField(max_length=40)
    mutation = fields.CharField(max_length=60)
    key = fields.CharField(max_length=255)
    body_digest = fields.CharField(max_length=64)
    answer = fields.JSONField[dict[str, Any]]()
    created_at = fields.DatetimeField()

    class Meta:
        table = "idempotency_records"
        table_description = "idempotency_records"
        unique_together = (("merchant_id", "mutation", "key"),)
