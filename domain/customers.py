"""Known payers."""

from datetime import datetime

from kit import ids
from kit.database.unit import Unit


async def known(unit: Unit, merchant_id: str, email: str, name: str | None, now: datetime) -> str:
    """The id of the merchant's customer with this address, who is made if there is none; a name replaces the last."""
    row = await unit.fetch_one(
        """INSERT INTO customers (id, merchant_id, email, name, created_at) VALUES ($1, $2, $3, $4, $5)
           ON CONFLICT (merchant_id, email) DO UPDATE SET name = COALESCE(excluded.name, customers.name)
           RETURNING id""",
        ids.new("cus", now),
        merchant_id,
        email,
        name,
        now,
    )
    assert row is not None
    return str(row["id"])
