"""A customer's agreement to a plan, and what the customer may use because of it. The PSP bills; we follow."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tortoise import fields
from tortoise.models import Model

from models.customer import Customer
from models.merchant import Merchant
from models.plan import Plan, PlanPrice


class SubscriptionStatus(StrEnum):
    """Where a subscription stands, as the PSP tells."""

    INCOMPLETE = "incomplete"
    INCOMPLETE_EXPIRED = "incomplete_expired"
    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    UNPAID = "unpaid"
    PAUSED = "paused"
    CANCELED = "canceled"


_S = SubscriptionStatus

SUBSCRIPTION_ENDED: frozenset[SubscriptionStatus] = frozenset({_S.INCOMPLETE_EXPIRED, _S.CANCELED})

ENTITLED: frozenset[SubscriptionStatus] = frozenset({_S.TRIALING, _S.ACTIVE, _S.PAST_DUE})
"""The customer may use what the plan gives; also while the PSP still tries to collect."""

_LIVING = frozenset(_S) - SUBSCRIPTION_ENDED - {_S.INCOMPLETE}

SUBSCRIPTION_EDGES: Mapping[SubscriptionStatus, frozenset[SubscriptionStatus]] = {
    _S.INCOMPLETE: frozenset(_S) - {_S.INCOMPLETE},
    **{status: (_LIVING | {_S.CANCELED}) - {status} for status in _LIVING},
    _S.INCOMPLETE_EXPIRED: frozenset(),
    _S.CANCELED: frozenset(),
}


class Subscription(Model):
    """`request` is what the PSP is asked when it begins, kept so that a retry asks for the very same. `session_token`
    is the hosted page's, `token` the PSP's subscription, `item_token` its one item. `told_at` is the PSP's time of the
    newest word that was taken in. `inquire_at` is when reconciliation asks about it next, null once nothing is left to
    learn. `trial_told_at`: the customer was told that the trial ends. `version` numbers its events without a gap.
    """

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="subscriptions", on_delete=fields.RESTRICT
    )
    merchant_id: str
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="subscriptions", on_delete=fields.RESTRICT
    )
    customer_id: str
    plan: fields.ForeignKeyRelation[Plan] = fields.ForeignKeyField(
        "models.Plan", related_name="subscriptions", on_delete=fields.RESTRICT
    )
    plan_id: str
    price: fields.ForeignKeyRelation[PlanPrice] = fields.ForeignKeyField(
        "models.PlanPrice", related_name="subscriptions", on_delete=fields.RESTRICT
    )
    price_id: str
    quantity = fields.IntField()
    status = fields.CharEnumField(SubscriptionStatus, max_length=32, description="see SubscriptionStatus")
    gateway = fields.CharField(max_length=20)
    livemode = fields.BooleanField()
    request = fields.JSONField[dict[str, Any]]()
    session_token = fields.CharField(max_length=255, null=True)
    checkout_url = fields.TextField(null=True)
    expires_at = fields.DatetimeField(null=True)
    token = fields.CharField(max_length=255, null=True)
    item_token = fields.CharField(max_length=255, null=True)
    period_start = fields.DatetimeField(null=True)
    period_end = fields.DatetimeField(null=True)
    trial_end = fields.DatetimeField(null=True)
    cancel_at_period_end = fields.BooleanField(default=False)
    cancel_at = fields.DatetimeField(null=True)
    paused_until = fields.DatetimeField(null=True)
    canceled_at = fields.DatetimeField(null=True)
    ended_at = fields.DatetimeField(null=True)
    last_error = fields.JSONField[dict[str, Any]](null=True)
    metadata = fields.JSONField[dict[str, str]]()
    version = fields.IntField()
    told_at = fields.DatetimeField(null=True)
    trial_told_at = fields.DatetimeField(null=True)
    asked_at = fields.DatetimeField(null=True)
    inquire_at = fields.DatetimeField(null=True)
    created_at = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "subscriptions"
        table_description = "subscriptions"
        indexes = (("merchant_id", "id"), ("customer_id", "id"), ("plan_id", "id"))
        unique_together = (("gateway", "token"), ("gateway", "session_token"))


class Entitlement(Model):
    """What a customer may use: a feature of the plans subscribed to, and how many seats of it; none of it at 0.
    `since` is when it was last granted."""

    id = fields.CharField(max_length=40, primary_key=True)
    merchant: fields.ForeignKeyRelation[Merchant] = fields.ForeignKeyField(
        "models.Merchant", related_name="entitlements", on_delete=fields.RESTRICT
    )
    merchant_id: str
    customer: fields.ForeignKeyRelation[Customer] = fields.ForeignKeyField(
        "models.Customer", related_name="entitlements", on_delete=fields.RESTRICT
    )
    customer_id: str
    feature = fields.CharField(max_length=100)
    quantity = fields.IntField()
    since = fields.DatetimeField()
    updated_at = fields.DatetimeField()

    class Meta:
        table = "entitlements"
        table_description = "entitlements"
        indexes = (("merchant_id", "id"),)
        unique_together = (("customer", "feature"),)
