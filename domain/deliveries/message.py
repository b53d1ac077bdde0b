"""The message that tells of an event: the event's facts, and the order and the payment that they are about."""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from kit.database.reading import decode_json, decode_time

API_VERSION = "2026-11-01"
"""Names the shape of the messages; a new date when it changes in a way that readers could notice."""

Row = Mapping[str, Any]
Fetch = Callable[..., Awaitable[list[dict[str, Any]]]]

_ORDERS = """SELECT o.id, o.status, o.currency, o.total_minor, o.version, o.reference, o.metadata, o.created_at,
                    o.paid_at, o.payment_link_id, c.id AS customer_id, c.email, c.name
               FROM orders o LEFT JOIN customers c ON c.id = o.customer_id
              WHERE o.merchant_id = $1 AND o.id = ANY($2)"""
_ITEMS = """SELECT i.order_id, i.product_id, i.name, i.quantity, i.unit_amount_minor, i.amount_minor
              FROM line_items i JOIN orders o ON o.id = i.order_id
             WHERE o.merchant_id = $1 AND i.order_id = ANY($2) ORDER BY i.order_id, i.position"""
_PAYMENTS = """SELECT id, gateway, status, currency, amount_minor, authorized_minor, captured_minor, refunded_minor,
                      disputed_minor, method, created_at
                 FROM payments WHERE merchant_id = $1 AND id = ANY($2)"""


async def tell(fetch: Fetch, merchant_id: str, events: Sequence[Row]) -> list[dict[str, Any]]:
    """A message for each of the merchant's events, in their order. Orders and payments are as `fetch` sees them now;
    however many events there are, it is asked three times."""
    order_ids = sorted({event["subject_id"] for event in events})
    payment_ids = sorted({event["payment_id"] for event in events if event["payment_id"]})
    items: dict[str, list[Row]] = {}
    for row in await fetch(_ITEMS, merchant_id, order_ids):
        items.setdefault(row["order_id"], []).append(row)
    orders = {row["id"]: _order(row, items.get(row["id"], ())) for row in await fetch(_ORDERS, merchant_id, order_ids)}
    payments = {row["id"]: _payment(row) for row in await fetch(_PAYMENTS, merchant_id, payment_ids)}
    return [_message(event, orders.get(event["subject_id"]), payments.get(event["payment_id"])) for event in events]


def encode(value: object) -> str:
    """The body as it is sent and signed."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def facts(data: Any) -> dict[str, Any]:
    """An event's facts as clients see them; amounts in minor units."""
    known: dict[str, Any] = decode_json(data)
    return {_camel(name): value for name, value in known.items()}


def _message(event: Row, order: dict[str, Any] | None, payment: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "id": event["id"],
        "type": event["type"],
        "timestamp": _time(event["recorded_at"]),
        "occurredAt": _time(event["occurred_at"]),
        "sequence": event["sequence"],
        "apiVersion": API_VERSION,
        "data": {**facts(event["data"]), "order": order, "payment": payment},
    }


def _order(row: Row, items: Iterable[Row]) -> dict[str, Any]:
    customer = {"id": row["customer_id"], "email": row["email"], "name": row["name"]} if row["customer_id"] else None
    return {
        **_told(row, "id", "currency", "total_minor", "version", "reference", "payment_link_id"),
        "status": row["status"].upper(),
        "metadata": decode_json(row["metadata"]),
        "customer": customer,
        "items": [_told(i, "product_id", "name", "quantity", "unit_amount_minor", "amount_minor") for i in items],
        "createdAt": _time(row["created_at"]),
        "paidAt": _time(row["paid_at"]),
    }


def _payment(row: Row) -> dict[str, Any]:
    amounts = ("amount_minor", "authorized_minor", "captured_minor", "refunded_minor", "disputed_minor")
    return {
        **_told(row, "id", "gateway", "currency", *amounts),
        "status": row["status"].upper(),
        "method": decode_json(row["method"]),
        "createdAt": _time(row["created_at"]),
    }


def _told(row: Row, *columns: str) -> dict[str, Any]:
    return {_camel(column): row[column] for column in columns}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _time(value: Any) -> str | None:
    return decode_time(value).isoformat() if value else None
