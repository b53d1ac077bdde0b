"""Captured money on its way back to the payer; a refund has a life of its own."""

from collections.abc import Mapping
from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant
from models.payment import Payment


class RefundStatus(StrEnum):
    """RESERVED here, PENDING and SUCCEEDED at the PSP; FAILED gave the money back to us, also after success."""

    RESERVED = "reserved"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


_S = RefundStatus

REFUND_EDGES: Mapping[RefundStatus, frozenset[RefundStatus]] = {
    _S.RESERVED: frozenset({_S.PENDING, _S.SUCCEEDED, _S.FAILED, _S.CANCELED}),
    _S.PENDING: frozenset({_S.SUCCEEDED, _S.FAILED, _S.CANCELED}),
    _S.SUCCEEDED: frozenset({_S.FAILED, _S.CANCELED}),
    _S.FAILED: frozenset(),
    _S.CANCELED: frozenset(),
}

IN_FLIGHT: frozenset[RefundStatus] = frozenset({_S.RESERVED, _S.PENDING})


class RefundReason(StrEnum):
    """Why money goes back. DUPLICATE: the order was paid already, canceled, or the session superseded."""

    DUPLICATE = "duplicate"
    FRAUDULENT = "fraudulent"
    REQUESTED_BY_CUSTOMER = "requested_by_customer"
    OTHER = "other"


class Refund(Model):
    """`ask_at` is when the PSP is asked (again) for it; null once the PSP has given its token. `items` says how much of
    which line item goes back, where the merchant named them; `parts` how much is out of which split."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="refunds", on_delete=fields.RESTRICT
    )
    merchant_id: str
    payment: fields.ForeignKeyRelation[Payment] = fields.ForeignKeyField(
        "models.Payment", related_name="refunds", on_delete=fields.RESTRICT
    )
    payment_id: str
    gateway = fields.CharField(max_length=20)
    status = fields.CharEnumField(RefundStatus, max_length=16, description="see RefundStatus")
    reason = fields.CharEnumField(RefundReason, max_length=32, description="see RefundReason")
    explanation = fields.CharField(max_length=500, null=True)
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()
    token = fields.CharField(max_length=255, null=True)
    failure_code = fields.CharField(max_length=100, null=True)
    items = fields.JSONField[dict[str, int]](null=True)
    parts = fields.JSONField[dict[str, int]](null=True)
    asks = fields.IntField(default=0)
    ask_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "refunds"
        table_description = "refunds"
        indexes = (("payment_id", "id"), ("merchant_id", "id"))
        unique_together = (("gateway", "token"),)
