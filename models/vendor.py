"""Who receives shares of sales: an account at the PSP, what it may do, what it was sent and what it paid out."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.merchant import Merchant


class VendorStatus(StrEnum):
    """CREATED: the PSP is being asked for an account. ONBOARDING: it wants to know more before money may go there.
    ACTIVE: shares and payouts flow. RESTRICTED: the PSP has stopped something. REJECTED: it will have no account."""

    CREATED = "created"
    ONBOARDING = "onboarding"
    ACTIVE = "active"
    RESTRICTED = "restricted"
    REJECTED = "rejected"


_S = VendorStatus

VENDOR_EDGES: Mapping[VendorStatus, frozenset[VendorStatus]] = {
    _S.CREATED: frozenset({_S.ONBOARDING, _S.ACTIVE, _S.RESTRICTED, _S.REJECTED}),
    _S.ONBOARDING: frozenset({_S.ACTIVE, _S.RESTRICTED, _S.REJECTED}),
    _S.ACTIVE: frozenset({_S.ONBOARDING, _S.RESTRICTED, _S.REJECTED}),
    _S.RESTRICTED: frozenset({_S.ONBOARDING, _S.ACTIVE, _S.REJECTED}),
    _S.REJECTED: frozenset({_S.ONBOARDING, _S.ACTIVE, _S.RESTRICTED}),
}


class Vendor(Model):
    """Its id is the idempotency key at the PSP; `token` is the account there, null until it is known. `requirements`
    are what the PSP still wants, in its own words. `disabled_at`: when the merchant stopped it, null if not.
    `version` numbers its events. `inquire_at` is when the PSP is asked about it (again)."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="vendors", on_delete=fields.RESTRICT
    )
    merchant_id: str
    gateway = fields.CharField(max_length=20)
    token = fields.CharField(max_length=255, null=True)
    name = fields.CharField(max_length=200)
    email = fields.CharField(max_length=254)
    country = fields.CharField(max_length=2)
    status = fields.CharEnumField(VendorStatus, max_length=16, description="see VendorStatus")
    requirements = fields.JSONField[list[str]]()
    disabled_reason = fields.CharField(max_length=100, null=True)
    transfers_enabled = fields.BooleanField()
    payouts_enabled = fields.BooleanField()
    metadata = fields.JSONField[dict[str, Any]]()
    error = fields.CharField(max_length=500, null=True)
    version = fields.IntField()
    disabled_at = fields.DatetimeField(null=True)
    inquire_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "vendors"
        table_description = "vendors"
        indexes = (("merchant_id", "id"),)
        unique_together = (("gateway", "token"),)


class Share(Model):
    """What a vendor is to have of one payment, in minor units. `owed_minor` is released to it; of that
    `transferred_minor` is at the PSP or on its way there, less what was taken back, `netted_minor` was settled with
    what the vendor owed: below 0, what could not be taken back; and `withheld_minor` the merchant took back at the PSP,
    and keeps. `ask_at` is when the difference is looked at."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="shares", on_delete=fields.RESTRICT
    )
    merchant_id: str
    order_id = fields.CharField(max_length=40)
    payment_id = fields.CharField(max_length=40)
    vendor: fields.ForeignKeyRelation[Vendor] = fields.ForeignKeyField(
        "models.Vendor", related_name="shares", on_delete=fields.RESTRICT
    )
    vendor_id: str
    currency = fields.CharField(max_length=3)
    owed_minor = fields.BigIntField()
    transferred_minor = fields.BigIntField()
    netted_minor = fields.BigIntField()
    withheld_minor = fields.BigIntField()
    failures = fields.IntField()
    ask_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "shares"
        table_description = "shares"
        unique_together = (("payment_id", "vendor"),)


class TransferStatus(StrEnum):
    """RESERVED here; MADE at the PSP; FAILED: the PSP refused, and no money has moved."""

    RESERVED = "reserved"
    MADE = "made"
    FAILED = "failed"


TRANSFER_EDGES: Mapping[TransferStatus, frozenset[TransferStatus]] = {
    TransferStatus.RESERVED: frozenset({TransferStatus.MADE, TransferStatus.FAILED}),
    TransferStatus.MADE: frozenset(),
    TransferStatus.FAILED: frozenset(),
}


class Transfer(Model):
    """One attempt to send a share to its vendor's account at the PSP, or (`reverses_id`) to take a part of an earlier
    one back. Its id is the idempotency key. A share has one RESERVED at most, by a partial unique index. `sourced`: it
    is taken from the very charge, and need not wait for the money to be available."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="transfers", on_delete=fields.RESTRICT
    )
    merchant_id: str
    share: fields.ForeignKeyRelation[Share] = fields.ForeignKeyField(
        "models.Share", related_name="transfers", on_delete=fields.RESTRICT
    )
    share_id: str
    vendor_id = fields.CharField(max_length=40)
    payment_id = fields.CharField(max_length=40)
    reverses_id = fields.CharField(max_length=40, null=True)
    status = fields.CharEnumField(TransferStatus, max_length=16, description="see TransferStatus")
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()
    reversed_minor = fields.BigIntField()
    sourced = fields.BooleanField()
    token = fields.CharField(max_length=255, null=True)
    error_code = fields.CharField(max_length=100, null=True)
    error = fields.CharField(max_length=500, null=True)
    asks = fields.IntField()
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "transfers"
        table_description = "transfers"
        indexes = (("merchant_id", "id"), ("payment_id", "id"), ("share_id", "id"))


class PayoutStatus(StrEnum):
    """PENDING and IN_TRANSIT are on the way to the vendor's bank. PAID may still become FAILED."""

    PENDING = "pending"
    IN_TRANSIT = "in_transit"
    PAID = "paid"
    CANCELED = "canceled"
    FAILED = "failed"


_P = PayoutStatus

PAYOUT_EDGES: Mapping[PayoutStatus, frozenset[PayoutStatus]] = {
    _P.PENDING: frozenset({_P.IN_TRANSIT, _P.PAID, _P.CANCELED, _P.FAILED}),
    _P.IN_TRANSIT: frozenset({_P.PAID, _P.CANCELED, _P.FAILED}),
    _P.PAID: frozenset({_P.CANCELED, _P.FAILED}),
    _P.CANCELED: frozenset({_P.FAILED}),
    _P.FAILED: frozenset(),
}


class Payout(Model):
    """Money on its way from a vendor's account at the PSP to its bank, as the PSP tells it."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="payouts", on_delete=fields.RESTRICT
    )
    merchant_id: str
    vendor: fields.ForeignKeyRelation[Vendor] = fields.ForeignKeyField(
        "models.Vendor", related_name="payouts", on_delete=fields.RESTRICT
    )
    vendor_id: str
    gateway = fields.CharField(max_length=20)
    token = fields.CharField(max_length=255)
    status = fields.CharEnumField(PayoutStatus, max_length=16, description="see PayoutStatus")
    currency = fields.CharField(max_length=3)
    amount_minor = fields.BigIntField()
    arrives_at = fields.DatetimeField(null=True)
    failure_code = fields.CharField(max_length=100, null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "payouts"
        table_description = "payouts"
        indexes = (("merchant_id", "id"), ("vendor_id", "id"))
        unique_together = (("gateway", "token"),)


class BalanceSnapshot(Model):
    """What the postings of a vendor up to `upto_id` come to in one account: those after it are all there is to add."""

    id = fields.BigIntField(primary_key=True, generated=True)
    vendor_id = fields.CharField(max_length=40)
    currency = fields.CharField(max_length=3)
    account = fields.CharField(max_length=20)
    upto_id = fields.BigIntField()
    amount_minor = fields.BigIntField()
    taken_at = fields.DatetimeField()

    class Meta:
        table = "balance_snapshots"
        table_description = "balance_snapshots"
        indexes = (("vendor_id", "upto_id"),)
        unique_together = (("vendor_id", "currency", "account", "upto_id"),)
