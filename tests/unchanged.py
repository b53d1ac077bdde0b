"""A refusal changes nothing: what a merchant's tables hold, and what the PSP was asked, before and after."""

import contextlib
from collections.abc import Iterator
from typing import Any

import httpx

from kit.database import reading
from tests.town import Shop, eventually

TABLES = {
    "orders": "merchant_id = $1",
    "line_items": "order_id IN (SELECT id FROM orders WHERE merchant_id = $1)",
    "payments": "merchant_id = $1",
    "refunds": "merchant_id = $1",
    "postings": "merchant_id = $1",
    "events": "merchant_id = $1",
    "customers": "merchant_id = $1",
    "payment_links": "merchant_id = $1",
    "products": "merchant_id = $1",
    "plans": "merchant_id = $1",
    "plan_prices": "plan_id IN (SELECT id FROM plans WHERE merchant_id = $1)",
    "subscriptions": "merchant_id = $1",
    "invoices": "merchant_id = $1",
    "entitlements": "merchant_id = $1",
    "prices": "product_id IN (SELECT id FROM products WHERE merchant_id = $1)",
    "vendors": "merchant_id = $1",
    "split_rules": "merchant_id = $1",
    "splits": "order_id IN (SELECT id FROM orders WHERE merchant_id = $1)",
    "holds": "merchant_id = $1",
    "shares": "merchant_id = $1",
    "transfers": "merchant_id = $1",
    "payouts": "merchant_id = $1",
    "idempotency_records": "merchant_id = $1",
    "merchants": "id = $1",
    "merchant_origins": "merchant_id = $1",
    "api_keys": "merchant_id = $1",
    "webhook_endpoints": "merchant_id = $1",
    "webhook_deliveries": "merchant_id = $1",
}
"""Every table with rows of a merchant's, and which of them are this one's."""

_PASSES = {
    *("sequence", "event_sequence", "mailed_sequence", "inquire_at", "inquiries"),
    *("told_sequence", "due_at", "busy_until", "closes_at", "told_at"),
}
"""What the relay, the sweeps, mail, deliveries and the closing of pages move on their own."""


async def _rows(merchant_id: str) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table, of_merchant in TABLES.items():
        rows = await reading.fetch(f"SELECT * FROM {table} WHERE {of_merchant}", merchant_id)
        kept = [{name: value for name, value in row.items() if name not in _PASSES} for row in rows]
        found[table] = sorted(kept, key=repr)
    return found


def remembered(shop: Shop) -> dict[str, list[dict[str, Any]]]:
    """All that the database holds of the merchant."""
    return shop.town.call(_rows(shop.merchant_id))


def last_asked(shop: Shop) -> str | None:
    """The last thing that anybody asked the PSP to do."""
    found = shop.town.http.get(f"{shop.town.sandbox_url}/sandbox/calls", params={"method": "POST", "limit": 1}).json()
    return found["calls"][0]["request_id"] if found["calls"] else None


def fees_are_known(shop: Shop) -> None:
    """Waits for what the PSP tells of itself some time after a capture, if it does."""
    waiting = "SELECT id FROM payments WHERE merchant_id = $1 AND status = 'captured' AND fee_minor IS NULL"
    with contextlib.suppress(AssertionError):
        eventually(lambda: shop.town.call(reading.fetch(waiting, shop.merchant_id)), lambda rows: not rows)


@contextlib.contextmanager
def nothing_happens(*shops: Shop) -> Iterator[None]:
    """Fails unless the block leaves the merchants' rows as they were, and the PSP alone."""
    for shop in shops:
        fees_are_known(shop)
    rows, asked = [remembered(shop) for shop in shops], last_asked(shops[0])
    yield
    assert [remembered(shop) for shop in shops] == rows
    assert last_asked(shops[0]) == asked


def told(payload: Any) -> list[tuple[str, str]]:
    """The user errors of a payload, as (code, path)."""
    return [(error["code"], ".".join(error["path"] or [])) for error in payload["userErrors"]]


def refused(response: httpx.Response) -> str:
    """The one code of an answer with top-level errors and no data."""
    answer = response.json()
    assert not any((answer.get("data") or {}).values()), answer
    codes = {error["extensions"]["code"] for error in answer["errors"]}
    assert len(codes) == 1, answer
    return str(codes.pop())


def outcome(response: httpx.Response) -> Any:
    """The user errors of a mutation, or the code of its top-level error: a table of cases compares these."""
    answer = response.json()
    return refused(response) if "errors" in answer else told(*answer["data"].values())
