"""What a payer's bank contests, from the first inquiry to the end, and early warnings of fraud."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant
from models.payment import Payment


class DisputeStatus(StrEnum):
    """WARNING_*: an inquiry, no money has moved. PREVENTED: settled before it became a dispute."""

    WARNING_NEEDS_RESPONSE = "warning_needs_response"
    WARNING_UNDER_REVIEW = "warning_under_review"
    WARNING_CLOSED = "warning_closed"
    NEEDS_RESPONSE = "needs_response"
    UNDER_REVIEW = "under_review"
    WON = "won"
    LOST = "lost"
    PREVENTED = "prevented"


_S = DisputeStatus
_ENDS = frozenset({_S.WON, _S.LOST, _S.PREVENTED})
AWAITING_RESPONSE: frozenset[DisputeStatus] = frozenset({_S.WARNING_NEEDS_RESPONSE, _S.NEEDS_RESPONSE})
"""The merchant may answer."""

CONTESTING: frozenset[DisputeStatus] = frozenset({_S.NEEDS_RESPONSE, _S.UNDER_REVIEW})
"""The bank has the money, or is about to, and has not decided."""

DISPUTE_ENDED: frozenset[DisputeStatus] = _ENDS | {_S.WARNING_CLOSED}

DISPUTE_EDGES: Mapping[DisputeStatus, frozenset[DisputeStatus]] = {
    _S.WARNING_NEEDS_RESPONSE: frozenset(_S) - {_S.WARNING_NEEDS_RESPONSE},
    _S.WARNING_UNDER_REVIEW: frozenset({_S.WARNING_CLOSED, _S.NEEDS_RESPONSE, _S.UNDER_REVIEW}) | _ENDS,
    _S.WARNING_CLOSED: frozenset({_S.NEEDS_RESPONSE, _S.UNDER_REVIEW}) | _ENDS,
    _S.NEEDS_RESPONSE: frozenset({_S.UNDER_REVIEW}) | _ENDS,
    _S.UNDER_REVIEW: _ENDS,
    _S.WON: frozenset(),
    _S.LOST: frozenset(),
    _S.PREVENTED: frozenset(),
}


class Dispute(Model):
    """The amounts moved and the fees are totals as the PSP tells them; they only grow. What was withdrawn and not
    reinstated is what the bank holds. `due_by`: until when the merchant may answer. `parts`: how much of the contested
    amount is out of which split.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="disputes", on_delete=fields.RESTRICT
    )
    merchant_id: str
    payment: fields.ForeignKeyRelation[Payment] = fields.ForeignKeyField(
        "models.Payment", related_name="disputes", on_delete=fields.RESTRICT
    )
    payment_id: str
    gateway = fields.CharField(max_length=20)
    token = fields.CharField(max_length=255)
    status = fields.CharEnumField(DisputeStatus, max_length=32, description="see DisputeStatus")
    reason = fields.CharField(max_length=60)
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()
    withdrawn_minor = fields.BigIntField(default=0)
    reinstated_minor = fields.BigIntField(default=0)
    fee_minor = fields.BigIntField(default=0)
    fee_returned_minor = fields.BigIntField(db_default=0)
    due_by = fields.DatetimeField(null=True)
    evidence = fields.JSONField[dict[str, Any]](null=True)
    evidence_submitted_at = fields.DatetimeField(null=True)
    alerted_at = fields.DatetimeField(null=True)
    parts = fields.JSONField[dict[str, int]](null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "disputes"
        table_description = "disputes"
        indexes = (("payment_id", "id"), ("merchant_id", "id"))
        unique_together = (("gateway", "token"),)


class FraudPolicy(StrEnum):
    """What an early warning of fraud brings about: NONE records it, ALERT tells the merchant, REFUND gives the money
    back before the bank takes it."""

    NONE = "none"
    ALERT = "alert"
    REFUND = "refund"


class FraudWarning(Model):
    """A card network's early warning that a payment was fraud; a dispute may follow."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="fraud_warnings", on_delete=fields.RESTRICT
    )
    merchant_id: str
    payment: fields.ForeignKeyRelation[Payment] = fields.ForeignKeyField(
        "models.Payment", related_name="fraud_warnings", on_delete=fields.RESTRICT
    )
    payment_id: str
    gateway = fields.CharField(max_length=20)
    token = fields.CharField(max_length=255)
    type = fields.CharField(max_length=60)
    policy = fields.CharEnumField(FraudPolicy, max_length=16, description="what was done")
    created_at = fields.DatetimeField()

    class Meta:
        table = "fraud_warnings"
        table_description = "fraud_warnings"
        indexes = (("payment_id", "id"),)
        unique_together = (("gateway", "token"),)
