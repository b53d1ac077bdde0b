"""The rows of invoices, read and written under their subscription's lock."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateways.billing import InvoiceEvidence
from kit import ids
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit
from models import SUBSCRIPTION_ENDED, InvoiceReason, InvoiceStatus, SubscriptionStatus

_TIMES = ("period_start", "period_end", "next_attempt_at", "issued_at", "paid_at")
_TOLD = (
    *("gateway", "token", "number", "currency", "subtotal_minor", "tax_minor", "total_minor", "due_minor"),
    *("paid_minor", "balance_before_minor", "balance_after_minor", "period_start", "period_end", "attempts"),
    *("requires_action", "payment_url", "issued_at", "paid_at"),
)

OWED = """(status = 'open' OR status = 'uncollectible' AND period_end >
          (SELECT s.period_start FROM subscriptions s WHERE s.id = invoices.subscription_id))"""
"""Of invoices: whether it awaits its money, or was given up while its period still runs."""

Row = dict[str, Any]


async def find(unit: Unit, gateway: str, token: str) -> Row | None:
    row = await unit.fetch_one(
        """SELECT id, subscription_id, number, status, reason, currency, due_minor, paid_minor, lines, period_start,
                  period_end, attempts, next_attempt_at, requires_action, order_id, issued_at, paid_at
             FROM invoices WHERE gateway = $1 AND token = $2""",
        gateway,
        token,
    )
    if row is None:
        return None
    times = {name: decode_time(row[name]) if row[name] else None for name in _TIMES}
    return (
        row
        | times
        | {
            "status": InvoiceStatus(row["status"]),
            "reason": InvoiceReason(row["reason"]),
            "lines": decode_json(row["lines"]),
            "requires_action": bool(row["requires_action"]),
        }
    )


async def insert(unit: Unit, subscription: Mapping[str, Any], evidence: InvoiceEvidence, now: datetime) -> Row:
    status = InvoiceStatus(evidence.standing.value)
    columns = {
        "id": ids.new("inv", now),
        "merchant_id": subscription["merchant_id"],
        "subscription_id": subscription["id"],
        "customer_id": subscription["customer_id"],
        **{name: getattr(evidence, name) for name in _TOLD},
        "status": status,
        "reason": InvoiceReason(evidence.reason),
        "next_attempt_at": evidence.next_attempt_at if status is InvoiceStatus.OPEN else None,
        "lines": [line.to_json() for line in evidence.lines],
        "order_id": None,
        "created_at": now,
        "updated_at": now,
    }
    await unit.insert("invoices", columns)
    return columns


async def update(unit: Unit, invoice_id: str, columns: Mapping[str, Any], now: datetime) -> None:
    if not columns:
        return
    changed = {**columns, "updated_at": now}
    changes = ", ".join(f"{name} = ${number}" for number, name in enumerate(changed, 2))
    await unit.execute(f"UPDATE invoices SET {changes} WHERE id = $1", invoice_id, *changed.values())  # noqa: S608


def is_payable(status: InvoiceStatus, subscription: SubscriptionStatus) -> bool:
    """Whether its customer can pay it; nobody is asked for it once the subscription has ended."""
    return status in (InvoiceStatus.OPEN, InvoiceStatus.UNCOLLECTIBLE) and subscription not in SUBSCRIPTION_ENDED


async def is_owing(unit: Unit, subscription_id: str) -> bool:
    """Whether money is owed for the subscription."""
    owed = f"SELECT 1 AS n FROM invoices WHERE subscription_id = $1 AND {OWED} LIMIT 1"  # noqa: S608
    return await unit.fetch_one(owed, subscription_id) is not None


async def is_collected(unit: Unit, invoice: Mapping[str, Any]) -> bool:
    """Whether all that was paid for it came by payments that we know."""
    if invoice["paid_minor"] == 0:
        return True
    if invoice["order_id"] is None:
        return False
    row = await unit.fetch_one(
        "SELECT CAST(COALESCE(SUM(amount_minor), 0) AS BIGINT) AS n FROM payments WHERE order_id = $1",
        invoice["order_id"],
    )
    assert row is not None
    return bool(row["n"] >= invoice["paid_minor"])
