"""Records the instruments that customers leave with a merchant."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from gateways.base import MethodFact
from kit import ids
from kit.database.unit import Unit


async def remember(unit: Unit, owner: Mapping[str, Any], token: str, method: MethodFact, now: datetime) -> str:
    """Records the instrument once; a customer's first one becomes the default. Returns its id."""
    await unit.fetch_one("SELECT id FROM customers WHERE id = $1 FOR UPDATE", owner["customer_id"])
    known = await unit.fetch_one(
        "SELECT id FROM saved_methods WHERE gateway = $1 AND token = $2", owner["gateway"], token
    )
    if known:
        return str(known["id"])
    others = await unit.fetch_one(
        "SELECT id FROM saved_methods WHERE customer_id = $1 AND is_default", owner["customer_id"]
    )
    method_id = ids.new("pmt", now)
    await unit.execute(
        """INSERT INTO saved_methods (id, merchant_id, customer_id, gateway, token, type, brand, last4, is_default,
                                      created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)""",
        method_id,
        owner["merchant_id"],
        owner["customer_id"],
        owner["gateway"],
        token,
        method.type,
        method.brand,
        method.last4,
        others is None,
        now,
    )
    return method_id
