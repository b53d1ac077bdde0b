"""One try at collecting an order's amount through one gateway."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant
from models.order import Order


class PaymentStatus(StrEnum):
    """Where a payment stands. Refunded and disputed are amounts, not statuses."""

    CREATED = "created"
    OPEN = "open"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    CANCELED = "canceled"
    EXPIRED = "expired"
    UNKNOWN = "unknown"
    CONFLICTED = "conflicted"


_S = PaymentStatus

LIVE: frozenset[PaymentStatus] = frozenset(
    {_S.CREATED, _S.OPEN, _S.REQUIRES_ACTION, _S.PROCESSING, _S.AUTHORIZED, _S.UNKNOWN}
)
"""A payment that may still bring money; an order has at most one, by a partial unique index."""

FINAL: frozenset[PaymentStatus] = frozenset({_S.CAPTURED, _S.CONFLICTED, _S.FAILED, _S.CANCELED, _S.EXPIRED})
"""Nothing more is expected."""

PAYMENT_EDGES: Mapping[PaymentStatus, frozenset[PaymentStatus]] = {
    _S.CREATED: frozenset(_S) - {_S.CREATED},
    _S.UNKNOWN: frozenset(_S) - {_S.CREATED, _S.UNKNOWN},
    _S.OPEN: frozenset(_S) - {_S.CREATED, _S.UNKNOWN, _S.OPEN},
    _S.REQUIRES_ACTION: frozenset({_S.PROCESSING, _S.AUTHORIZED}) | FINAL,
    _S.PROCESSING: frozenset({_S.AUTHORIZED}) | FINAL,
    _S.AUTHORIZED: FINAL,
    # The PSP may tell the same end in two ways; the more telling one stays. Late money is real money all the same.
    _S.CANCELED: frozenset({_S.FAILED, _S.EXPIRED, _S.CONFLICTED, _S.CAPTURED}),
    _S.FAILED: frozenset({_S.EXPIRED, _S.CONFLICTED, _S.CAPTURED}),
    _S.EXPIRED: frozenset({_S.CONFLICTED, _S.CAPTURED}),
    _S.CONFLICTED: frozenset({_S.CAPTURED}),
    _S.CAPTURED: frozenset(),
}


class CaptureMethod(StrEnum):
    """AUTOMATIC takes the money at once, MANUAL reserves it until it is captured."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


class Recurrence(StrEnum):
    """SALE is one-time, RECC recurs."""

    SALE = "sale"
    RECC = "recc"


class Payment(Model):
    """The PSP's answer is found again by `idempotency_key` before it has given us its `session_token`.

    `request` is what we ask the PSP for, kept so that a retry asks for the very same. `fee_minor` is null
    until the PSP has told the fee, which is in the currency it settles in. `conflict` says in what the PSP's word
    differs from the order's. `inquire_at` is when reconciliation asks the PSP about it next, null once
    nothing is left to learn. `next_action` is what the payer has to do while REQUIRES_ACTION. `saves_method`: the
    customer leaves the instrument with us. `capture_before` is when the authorization runs out.
    `charge_token` is the charge that took the money, which shares of it are transferred from.
    `superseded_at` marks a try that another took the place of: money on it goes back.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="payments", on_delete=fields.RESTRICT
    )
    merchant_id: str
    order: fields.ForeignKeyRelation[Order] = fields.ForeignKeyField(
        "models.Order", related_name="payments", on_delete=fields.RESTRICT
    )
    order_id: str
    gateway = fields.CharField(max_length=20)
    livemode = fields.BooleanField()
    status = fields.CharEnumField(PaymentStatus, max_length=16, description="see PaymentStatus")
    recurrence = fields.CharEnumField(Recurrence, max_length=8, description="sale or recc")
    capture_method = fields.CharEnumField(CaptureMethod, max_length=16, description="automatic or manual")
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()
    authorized_minor = fields.BigIntField(default=0)
    captured_minor = fields.BigIntField(default=0)
    refunded_minor = fields.BigIntField(default=0)
    disputed_minor = fields.BigIntField(default=0)
    fee_minor = fields.BigIntField(null=True)
    fee_currency = fields.CharField(max_length=3, null=True)
    idempotency_key = fields.CharField(max_length=64, unique=True)
    request = fields.JSONField[dict[str, Any]]()
    session_token = fields.CharField(max_length=255, null=True)
    intent_token = fields.CharField(max_length=255, null=True)
    charge_token = fields.CharField(max_length=255, null=True)
    checkout_url = fields.TextField(null=True)
    expires_at = fields.DatetimeField(null=True)
    method = fields.JSONField[dict[str, Any]](null=True)
    last_error = fields.JSONField[dict[str, Any]](null=True)
    risk_level = fields.CharField(max_length=20, null=True)
    conflict = fields.CharField(max_length=200, null=True)
    next_action = fields.JSONField[dict[str, Any]](null=True)
    saves_method = fields.BooleanField(null=True)
    capture_before = fields.DatetimeField(null=True)
    superseded_at = fields.DatetimeField(null=True)
    asked_at = fields.DatetimeField(null=True)
    inquire_at = fields.DatetimeField(null=True)
    inquiries = fields.IntField(default=0)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "payments"
        table_description = "payments"
        indexes = (("merchant_id", "id"), ("order_id", "id"))
        unique_together = (("gateway", "session_token"), ("gateway", "intent_token"))
