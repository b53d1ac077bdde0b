"""Who sells through us, and the keys they hold. A merchant lives in one mode: test and live are two merchants."""

from enum import StrEnum

from tortoise import fields
from tortoise.models import Model


class KeyKind(StrEnum):
    """SECRET acts for the merchant on servers; PUBLISHABLE may be shown in browsers and apps."""

    SECRET = "secret"
    PUBLISHABLE = "publishable"


class Scope(StrEnum):
    """What a key may do. A publishable key has CHECKOUT and nothing else."""

    PRODUCTS_READ = "products:read"
    PRODUCTS_WRITE = "products:write"
    ORDERS_READ = "orders:read"
    ORDERS_WRITE = "orders:write"
    PAYMENTS_READ = "payments:read"
    PAYMENTS_WRITE = "payments:write"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    VENDORS_READ = "vendors:read"
    VENDORS_WRITE = "vendors:write"
    CHECKOUT = "checkout"


class Merchant(Model):
    """Owner of everything below. `event_sequence` is the number of the last event the relay gave out,
    `mailed_sequence` of the last whose mails are written; `fraud_policy` is a FraudPolicy, null for ALERT.
    Without a `contact_email` the merchant gets no mail; `contact_locale` is null for English."""

    id = fields.CharField(max_length=40, primary_key=True)
    name = fields.CharField(max_length=200)
    livemode = fields.BooleanField()
    fraud_policy = fields.CharField(max_length=16, null=True)
    event_sequence = fields.BigIntField(db_default=0)
    mailed_sequence = fields.BigIntField(db_default=0)
    contact_email = fields.CharField(max_length=254, null=True)
    contact_locale = fields.CharField(max_length=20, null=True)
    created_at = fields.DatetimeField()

    class Meta:
        table = "merchants"
        table_description = "merchants"


class MerchantOrigin(Model):
    """A web origin the merchant trusts: its pages may call the API, and payers may be sent back to it."""

    id = fields.IntField(primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="origins", on_delete=fields.RESTRICT
    )
    merchant_id: str
    origin = fields.CharField(max_length=255, db_index=True)

    class Meta:
        table = "merchant_origins"
        table_description = "merchant_origins"
        unique_together = (("merchant", "origin"),)


class ApiKey(Model):
    """A key of a merchant: only its SHA-256 digest is kept; `hint` is what a person may recognize it by."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="keys", on_delete=fields.RESTRICT
    )
    merchant_id: str
    kind = fields.CharEnumField(KeyKind, max_length=16, description="secret or publishable")
    scopes = fields.JSONField[list[str]]()
    digest = fields.CharField(max_length=64, unique=True)
    hint = fields.CharField(max_length=32)
    created_at = fields.DatetimeField()
    expires_at = fields.DatetimeField(null=True)

    class Meta:
        table = "api_keys"
        table_description = "api_keys"
