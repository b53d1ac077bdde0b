"""The books. A posting names the account it debits and the one it credits, so it cannot be unbalanced."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class PostingKind(StrEnum):
    """The business event that a ledger transaction tells. RETURNED gives reserved money back to the merchant,
    REVERSED takes back from the PSP what it had counted as paid out. WITHHELD is the merchant's who took it back of a
    vendor, RESTORED the vendor's again for what is reclaimed."""

    CAPTURE = "capture"
    FEE = "fee"
    DISPUTE_WITHDRAWN = "dispute_withdrawn"
    DISPUTE_REINSTATED = "dispute_reinstated"
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_FEE = "dispute_fee"
    DISPUTE_FEE_RETURNED = "dispute_fee_returned"
    REFUND_RESERVED = "refund_reserved"
    REFUND_PAID = "refund_paid"
    REFUND_RETURNED = "refund_returned"
    REFUND_REVERSED = "refund_reversed"
    COMMISSION = "commission"
    COMMISSION_RETURNED = "commission_returned"
    SHARE_HELD = "share_held"
    SHARE_RETURNED = "share_returned"
    SHARE_RELEASED = "share_released"
    SHARE_RECLAIMED = "share_reclaimed"
    SHARE_WITHHELD = "share_withheld"
    SHARE_RESTORED = "share_restored"
    TRANSFER = "transfer"
    TRANSFER_REVERSED = "transfer_reversed"
    PAYOUT = "payout"
    PAYOUT_PAID = "payout_paid"
    PAYOUT_RETURNED = "payout_returned"
    PAYOUT_REVERSED = "payout_reversed"


class Posting(Model):
    """One amount from a debit to a credit account of a merchant; append-only.

    The postings with the same (kind, subject, step) are one ledger transaction; the same step cannot be
    posted twice. `step` tells apart the transactions of one kind on one subject, such as two captures.
    `vendor_id` names the vendor whose accounts it touches.
    """

    id = fields.BigIntField(primary_key=True, generated=True)
    merchant_id = fields.CharField(max_length=40)
    kind = fields.CharEnumField(PostingKind, max_length=32, description="see PostingKind")
    subject_id = fields.CharField(max_length=40)
    step = fields.CharField(max_length=40)
    line = fields.IntField()
    payment_id = fields.CharField(max_length=40, null=True)
    vendor_id = fields.CharField(max_length=40, null=True)
    debit = fields.CharField(max_length=60)
    credit = fields.CharField(max_length=60)
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()
    posted_at = fields.DatetimeField()

    class Meta:
        table = "postings"
        table_description = "postings"
        indexes = (("payment_id",), ("merchant_id", "currency"))
        unique_together = (("subject_id", "kind", "step", "line"),)
