"""What we ask a PSP to do with an authorized payment: to take the money, or to give the authorization up."""

from collections.abc import Mapping
from enum import StrEnum

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant
from models.payment import Payment


class OperationKind(StrEnum):
    """CAPTURE takes reserved money, VOID gives the authorization up."""

    CAPTURE = "capture"
    VOID = "void"


class OperationStatus(StrEnum):
    """RESERVED here; SUCCEEDED at the PSP; FAILED: the PSP refused, and nothing happened."""

    RESERVED = "reserved"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


OPERATION_EDGES: Mapping[OperationStatus, frozenset[OperationStatus]] = {
    OperationStatus.RESERVED: frozenset({OperationStatus.SUCCEEDED, OperationStatus.FAILED}),
    OperationStatus.SUCCEEDED: frozenset(),
    OperationStatus.FAILED: frozenset(),
}


class Operation(Model):
    """Its id is the idempotency key at the PSP. A payment has at most one RESERVED operation, by a partial unique
    index: of a capture and a void that race, one wins. `ask_at` is when the PSP is asked (again); null at the end.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="operations", on_delete=fields.RESTRICT
    )
    merchant_id: str
    payment: fields.ForeignKeyRelation[Payment] = fields.ForeignKeyField(
        "models.Payment", related_name="operations", on_delete=fields.RESTRICT
    )
    payment_id: str
    kind = fields.CharEnumField(OperationKind, max_length=16, description="capture or void")
    status = fields.CharEnumField(OperationStatus, max_length=16, description="see OperationStatus")
    amount_minor = fields.BigIntField()
    error = fields.CharField(max_length=500, null=True)
    ask_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "operations"
        table_description = "operations"
        indexes = (("payment_id", "id"),)
