"""Early warnings of fraud, and what the merchant wants done about them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.events import NewEvent
from domain.payments.writing import Writing
from domain.refunds.rows import NewRefund, refundable, reserve
from gateways.base import FraudEvidence
from kit import ids
from kit.database import reading
from kit.database.unit import Unit
from models import FraudPolicy, RefundReason


async def observe(
    unit: Unit, payment: Mapping[str, Any], warning: FraudEvidence, writing: Writing, now: datetime
) -> None:
    """Records the warning once, and adds to `writing` what the merchant's policy brings about."""
    policy = await _policy(unit, payment["merchant_id"])
    fresh = await unit.fetch_one(
        """INSERT INTO fraud_warnings (id, merchant_id, payment_id, gateway, token, type, policy, created_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (gateway, token) DO NOTHING RETURNING id""",
        ids.new("efw", now),
        payment["merchant_id"],
        payment["id"],
        payment["gateway"],
        warning.token,
        warning.type,
        policy.value,
        now,
    )
    if fresh is None or policy is FraudPolicy.NONE:
        return
    told = {"warning_type": warning.type, "policy": policy.value}
    writing.news.append(NewEvent(type="payment.fraud_warning", payment_id=payment["id"], data=told))
    if policy is FraudPolicy.REFUND:
        await _give_back(unit, payment, writing, now)


async def capture(unit: Unit, payment: Mapping[str, Any], writing: Writing, now: datetime) -> None:
    """Reserved money that was warned of is taken after all: the policy holds for it, too."""
    warned = await unit.fetch_one(
        "SELECT id FROM fraud_warnings WHERE payment_id = $1 AND policy = $2 LIMIT 1",
        payment["id"],
        FraudPolicy.REFUND.value,
    )
    if warned:
        await _give_back(unit, payment, writing, now)


async def _give_back(unit: Unit, payment: Mapping[str, Any], writing: Writing, now: datetime) -> None:
    captured = writing.payment_columns.get("captured_minor", payment["captured_minor"])
    left = await refundable(unit, payment["id"], captured, payment["refunded_minor"])
    if left <= 0 or payment["disputed_minor"]:
        return
    refund = NewRefund(
        refund_id=ids.new("re", now),
        reason=RefundReason.FRAUDULENT,
        explanation="The card network warned of fraud.",
        amount_minor=left,
    )
    taken = await reserve(unit, payment, refund, now)
    writing.news += taken.news
    writing.entries += taken.entries


async def _policy(unit: Unit, merchant_id: str) -> FraudPolicy:
    row = await unit.fetch_one("SELECT fraud_policy FROM merchants WHERE id = $1", merchant_id)
    return FraudPolicy(row["fraud_policy"]) if row and row["fraud_policy"] else FraudPolicy.ALERT


async def set_policy(merchant_id: str, policy: FraudPolicy) -> None:
    """What early warnings of fraud bring about from now on."""
    await reading.execute("UPDATE merchants SET fraud_policy = $2 WHERE id = $1", merchant_id, policy.value)
