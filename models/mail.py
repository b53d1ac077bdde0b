"""What we write to payers and merchants. The rows are the outbox: a mail is here before any server hears of it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant


class MailKind(StrEnum):
    """What a mail is about. Those of TO_MERCHANT go to the merchant's contact, the others to the payer."""

    LINK = "link"
    REMINDER = "reminder"
    RECEIPT = "receipt"
    PAYMENT_FAILED = "payment_failed"
    REFUND = "refund"
    PAID = "paid"
    DISPUTE_OPENED = "dispute_opened"
    DISPUTE_DUE_SOON = "dispute_due_soon"
    PAYMENT_CONFLICTED = "payment_conflicted"
    RENEWAL_FAILED = "renewal_failed"
    TRIAL_ENDING = "trial_ending"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    HOLD_DUE_SOON = "hold_due_soon"
    WEBHOOK_ENDPOINT_DISABLED = "webhook_endpoint_disabled"


TO_MERCHANT: frozenset[MailKind] = frozenset(
    {
        MailKind.PAID,
        MailKind.DISPUTE_OPENED,
        MailKind.DISPUTE_DUE_SOON,
        MailKind.PAYMENT_CONFLICTED,
        MailKind.HOLD_DUE_SOON,
        MailKind.WEBHOOK_ENDPOINT_DISABLED,
    }
)


ABOUT_SUBSCRIPTIONS: frozenset[MailKind] = frozenset(
    {MailKind.RENEWAL_FAILED, MailKind.TRIAL_ENDING, MailKind.SUBSCRIPTION_CANCELED}
)


class MailStatus(StrEnum):
    """SENT: a mail server has taken it. KEPT: there is none to give it to. REFUSED: the server will not take it for
    this recipient. FAILED: no server took it for two days."""

    QUEUED = "queued"
    SENT = "sent"
    KEPT = "kept"
    REFUSED = "refused"
    FAILED = "failed"


_S = MailStatus

MAIL_EDGES: Mapping[MailStatus, frozenset[MailStatus]] = {
    _S.QUEUED: frozenset(_S) - {_S.QUEUED},
    _S.SENT: frozenset(),
    _S.KEPT: frozenset(),
    _S.REFUSED: frozenset(),
    _S.FAILED: frozenset(),
}


class Mail(Model):
    """`cause` is what brought it about: an event's id, or what the caller names; of each kind it makes one mail.
    `try_at` is when it is tried (again); null at the end. `error` is what stood in the way of the last try.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="mails", on_delete=fields.RESTRICT
    )
    merchant_id: str
    kind = fields.CharEnumField(MailKind, max_length=32, description="see MailKind")
    cause = fields.CharField(max_length=100)
    order_id = fields.CharField(max_length=40, null=True)
    payment_id = fields.CharField(max_length=40, null=True)
    refund_id = fields.CharField(max_length=40, null=True)
    subscription_id = fields.CharField(max_length=40, null=True)
    recipient = fields.CharField(max_length=254)
    locale = fields.CharField(max_length=20)
    facts = fields.JSONField[dict[str, Any]]()
    status = fields.CharEnumField(MailStatus, max_length=16, description="see MailStatus")
    attempts = fields.IntField()
    try_at = fields.DatetimeField(null=True)
    error = fields.CharField(max_length=500, null=True)
    created_at = fields.DatetimeField()
    sent_at = fields.DatetimeField(null=True)

    class Meta:
        table = "mails"
        table_description = "mails"
        indexes = (("merchant_id", "id"), ("order_id", "id"))
        unique_together = (("cause", "kind"),)
