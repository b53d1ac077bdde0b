"""Balance transactions: what each charge and refund does to the account's balance, in integers of minor units."""

from __future__ import annotations

from typing import Final

from sandbox.store import Json
from sandbox.stripe import currencies, ids
from sandbox.world import Call


def fee(call: Call, amount: int, currency: str) -> int:
    """The PSP's fee, minor units: basis points rounded half up plus a fixed part, never more than the amount."""
    settings = call.world.settings
    share = (amount * settings.fee_basis_points + 5000) // 10000
    return min(amount, share + from_hundredths(settings.fee_fixed, currency))


def from_hundredths(amount: int, currency: str) -> int:
    """Hundredths of the currency's unit as its minor units."""
    units: int = 10 ** currencies.decimals(currency)
    return amount * units // 100


CATEGORIES: Final = {
    "payment": "charge",
    "payout_cancel": "payout_reversal",
    "payout_failure": "payout_reversal",
    "transfer_refund": "transfer_reversal",
    "payment_refund": "refund",
    "payment_failure_refund": "refund_failure",
    "refund_failure": "refund_failure",
}


def post(
    call: Call,
    source: Json,
    type: str,
    amount: int,
    *,
    fee: int = 0,
    fee_for: str = "Stripe processing fees",
    delay: int = 0,
    description: str | None = None,
    category: str | None = None,
) -> Json:
    """Writes one line; `delay` is seconds until it counts as available."""
    currency = source["currency"]
    details = [
        {
            "amount": fee,
            "application": None,
            "currency": currency,
            "description": fee_for,
            "type": "stripe_fee",
        }
    ]
    return call.insert(
        {
            "id": ids.new("txn"),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": call.now + delay,
            "balance_type": "payments",
            "created": call.now,
            "currency": currency,
            "description": description,
            "exchange_rate": None,
            "fee": fee,
            "fee_details": details if fee else [],
            "net": amount - fee,
            "reporting_category": category or CATEGORIES.get(type, type),
            "source": source["id"],
            "status": "available" if delay <= 0 else "pending",
            "type": type,
        }
    )


def as_of(document: Json, now: float) -> Json:
    """The line with the status that it has by now."""
    if document["status"] == "pending" and document["available_on"] <= now:
        document["status"] = "available"
    return document


def totals(call: Call) -> tuple[dict[str, int], dict[str, int]]:
    """Net amounts of the account by currency: (available, pending)."""
    available: dict[str, int] = {}
    pending: dict[str, int] = {}
    for line in call.store.select(call.livemode, "balance_transaction", [call.owned()]):
        side = available if line["available_on"] <= call.now else pending
        side[line["currency"]] = side.get(line["currency"], 0) + line["net"]
    return available, pending
