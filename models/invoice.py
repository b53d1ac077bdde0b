"""What is owed for a period of a subscription, or for a change of it, as the PSP computed it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant
from models.subscription import Subscription


class InvoiceStatus(StrEnum):
    """OPEN awaits its money, PAID has it, UNCOLLECTIBLE is given up, VOID wants none. Drafts are not kept."""

    OPEN = "open"
    PAID = "paid"
    VOID = "void"
    UNCOLLECTIBLE = "uncollectible"


_S = InvoiceStatus

INVOICE_EDGES: Mapping[InvoiceStatus, frozenset[InvoiceStatus]] = {
    _S.OPEN: frozenset({_S.PAID, _S.VOID, _S.UNCOLLECTIBLE}),
    _S.UNCOLLECTIBLE: frozenset({_S.PAID, _S.VOID}),
    _S.PAID: frozenset(),
    _S.VOID: frozenset(),
}


class InvoiceReason(StrEnum):
    """Why there is an invoice: the subscription began, a new period, a change, or another reason of the PSP's."""

    START = "start"
    RENEWAL = "renewal"
    CHANGE = "change"
    OTHER = "other"


class Invoice(Model):
    """`total_minor` is below 0 where a change gives more back than it costs: the rest is the customer's balance.
    `due_minor` is what was to be collected, the total less what the balance paid. `lines` are as the PSP wrote them,
    taxes as given. `order_id` is the order that its money pays, null until there is some.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="invoices", on_delete=fields.RESTRICT
    )
    merchant_id: str
    subscription: fields.ForeignKeyRelation[Subscription] = fields.ForeignKeyField(
        "models.Subscription", related_name="invoices", on_delete=fields.RESTRICT
    )
    subscription_id: str
    customer_id = fields.CharField(max_length=40)
    gateway = fields.CharField(max_length=20)
    token = fields.CharField(max_length=255)
    number = fields.CharField(max_length=100, null=True)
    status = fields.CharEnumField(InvoiceStatus, max_length=16, description="see InvoiceStatus")
    reason = fields.CharEnumField(InvoiceReason, max_length=16, description="see InvoiceReason")
    currency = fields.CharField(max_length=3)
    subtotal_minor = fields.BigIntField()
    tax_minor = fields.BigIntField()
    total_minor = fields.BigIntField()
    due_minor = fields.BigIntField()
    paid_minor = fields.BigIntField()
    balance_before_minor = fields.BigIntField()
    balance_after_minor = fields.BigIntField()
    lines = fields.JSONField[list[dict[str, Any]]]()
    period_start = fields.DatetimeField()
    period_end = fields.DatetimeField()
    attempts = fields.IntField()
    next_attempt_at = fields.DatetimeField(null=True)
    requires_action = fields.BooleanField()
    payment_url = fields.TextField(null=True)
    order_id = fields.CharField(max_length=40, null=True)
    issued_at = fields.DatetimeField()
    paid_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "invoices"
        table_description = "invoices"
        indexes = (("merchant_id", "id"), ("subscription_id", "id"), ("customer_id", "id"))
        unique_together = (("gateway", "token"),)
