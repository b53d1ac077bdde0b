"""What a customer may use now, from all of the customer's subscriptions; told with the change that caused it."""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.events import NewEvent
from kit import ids
from kit.database.reading import decode_json
from kit.database.unit import Unit
from models import ENTITLED


async def entitle(unit: Unit, merchant_id: str, customer_id: str, now: datetime) -> list[NewEvent]:
    """Brings the customer's entitlements to what the subscriptions give, as the unit has them; the events that tell it.

    Takes the customer's lock, so that two subscriptions of one customer cannot overlook each other.
    """
    await unit.fetch_one("SELECT id FROM customers WHERE id = $1 FOR NO KEY UPDATE", customer_id)
    given = await _given(unit, customer_id)
    known = {
        row["feature"]: row
        for row in await unit.fetch(
            "SELECT id, feature, quantity FROM entitlements WHERE customer_id = $1 ORDER BY feature", customer_id
        )
    }
    news = []
    for feature in sorted(given.keys() | known.keys()):
        before = known[feature]["quantity"] if feature in known else 0
        if before != given[feature]:
            await _set(unit, merchant_id, customer_id, feature, given[feature], before, now)
            news.append(_news(customer_id, feature, before, given[feature]))
    return news


async def _given(unit: Unit, customer_id: str) -> Counter[str]:
    """How many seats of each feature."""
    rows = await unit.fetch(
        """SELECT s.quantity, v.features FROM subscriptions s JOIN plan_prices v ON v.id = s.price_id
            WHERE s.customer_id = $1 AND s.status = ANY($2)""",
        customer_id,
        [status.value for status in sorted(ENTITLED)],
    )
    given: Counter[str] = Counter()
    for row in rows:
        given.update(dict.fromkeys(decode_json(row["features"]), row["quantity"]))
    return given


async def _set(
    unit: Unit, merchant_id: str, customer_id: str, feature: str, quantity: int, before: int, now: datetime
) -> None:
    await unit.execute(
        """INSERT INTO entitlements (id, merchant_id, customer_id, feature, quantity, since, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $6)
           ON CONFLICT (customer_id, feature) DO UPDATE SET quantity = excluded.quantity,
             updated_at = excluded.updated_at,
             since = CASE WHEN $7 = 0 THEN excluded.since ELSE entitlements.since END""",
        ids.new("ent", now),
        merchant_id,
        customer_id,
        feature,
        quantity,
        now,
        before,
    )


def _news(customer_id: str, feature: str, before: int, quantity: int) -> NewEvent:
    kind = "changed" if before and quantity else "granted" if quantity else "revoked"
    facts: Mapping[str, Any] = {
        "customer_id": customer_id,
        "feature": feature,
        "from_quantity": before,
        "quantity": quantity,
    }
    return NewEvent(type=f"entitlement.{kind}", data=facts)
