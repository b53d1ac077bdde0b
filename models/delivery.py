"""Where merchants want to be told, and every message that is told them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant


class DisabledReason(StrEnum):
    """Why nothing is sent to an endpoint: the MERCHANT said so, it answered 410 GONE, or it was FAILING for days."""

    MERCHANT = "merchant"
    GONE = "gone"
    FAILING = "failing"


class DeliveryStatus(StrEnum):
    """PENDING is sent when its time comes, SUCCEEDED was taken by the endpoint, FAILED has used all its attempts."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_S = DeliveryStatus
DELIVERY_EDGES: Mapping[DeliveryStatus, frozenset[DeliveryStatus]] = {
    _S.PENDING: frozenset(_S),
    _S.SUCCEEDED: frozenset({_S.PENDING}),
    _S.FAILED: frozenset({_S.PENDING}),
}


class WebhookEndpoint(Model):
    """A merchant's address for events. `event_types` are patterns, null for all; `secrets` are salts that signing
    secrets are derived from, newest first, each with its end, null for none. `told_sequence` is the number of the last
    event that has its delivery or wants none. `due_at` is when there is something to do, null for never; nobody else
    touches the endpoint before `busy_until`. `disabled_reason` is null while it is enabled. `failing_since` is the
    first failure after the last success. `slow`: its last answers took their time. `version` numbers the events about
    the endpoint.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="webhook_endpoints", on_delete=fields.RESTRICT
    )
    merchant_id: str
    url = fields.CharField(max_length=2000)
    description = fields.CharField(max_length=200, null=True)
    event_types = fields.JSONField[list[str]](null=True)
    conditions = fields.JSONField[list[dict[str, Any]]](null=True)
    mapping = fields.JSONField[list[dict[str, Any]]](null=True)
    secrets = fields.JSONField[list[dict[str, Any]]]()
    told_sequence = fields.BigIntField()
    due_at = fields.DatetimeField(null=True)
    busy_until = fields.DatetimeField()
    failing_since = fields.DatetimeField(null=True)
    slow = fields.BooleanField(db_default=False)
    disabled_reason = fields.CharEnumField(
        DisabledReason, max_length=16, null=True, description="see DisabledReason, null while enabled"
    )
    disabled_at = fields.DatetimeField(null=True)
    version = fields.IntField(default=0)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "webhook_endpoints"
        table_description = "webhook_endpoints"
        indexes = (("merchant_id", "id"),)


class WebhookDelivery(Model):
    """One message for one endpoint: the event it tells, and the bytes that every attempt sends. `due_at` is the time of
    the next attempt, null once it has ended. `attempts` counts all, `tries` those since it was last asked for.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="webhook_deliveries", on_delete=fields.RESTRICT
    )
    merchant_id: str
    endpoint: fields.ForeignKeyRelation[WebhookEndpoint] = fields.ForeignKeyField(
        "models.WebhookEndpoint", related_name="deliveries", on_delete=fields.RESTRICT
    )
    endpoint_id: str
    event_id = fields.CharField(max_length=40)
    event_type = fields.CharField(max_length=60)
    sequence = fields.BigIntField()
    body = fields.TextField()
    status = fields.CharEnumField(DeliveryStatus, max_length=16, description="see DeliveryStatus")
    attempts = fields.IntField(default=0)
    tries = fields.IntField(default=0)
    due_at = fields.DatetimeField(null=True)
    attempted_at = fields.DatetimeField(null=True)
    response_status = fields.IntField(null=True)
    response_excerpt = fields.CharField(max_length=500, null=True)
    failure = fields.CharField(max_length=200, null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "webhook_deliveries"
        table_description = "webhook_deliveries"
        indexes = (("merchant_id", "id"),)
        unique_together = (("endpoint_id", "event_id"),)
