"""A customer's balance: what is credited to them (negative) or still owed (positive), kept for their next invoice."""

from __future__ import annotations

from typing import Any

from sandbox.store import Json
from sandbox.stripe import events, ids
from sandbox.world import Call


def post(
    call: Call,
    customer: Json,
    amount: int,
    type: str,
    *,
    now: int,
    currency: str,
    invoice: str | None = None,
    **more: Any,
) -> Json:
    """Adds `amount` minor units to the balance, and says why: customer.updated."""
    balance = customer["balance"] + amount
    events.change(call, customer, "customer.updated", balance=balance)
    return call.insert(
        {
            "id": ids.new("cbtxn"),
            "object": "customer_balance_transaction",
            "amount": amount,
            "checkout_session": None,
            "created": now,
            "credit_note": None,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": more.get("description"),
            "ending_balance": balance,
            "invoice": invoice,
            "livemode": call.livemode,
            "metadata": dict(more.get("metadata") or {}),
            "type": type,
        }
    )
