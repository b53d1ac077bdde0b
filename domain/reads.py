"""What a merchant may read. Every statement here names the merchant, so that nobody reads another's rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.invoices.rows import OWED
from kit.database import reading
from models import SINGLE_VISIT

Row = Mapping[str, Any]

_COLUMNS: Mapping[str, str] = {
    "orders": "id, customer_id, status, currency, total_minor, version, reference, metadata, created_at, updated_at,"
    " paid_at, payment_link_id, subscription_id",
    "payments": "id, order_id, gateway, livemode, status, recurrence, capture_method, currency, amount_minor,"
    " authorized_minor, captured_minor, refunded_minor, disputed_minor, fee_minor, fee_currency, session_token,"
    " checkout_url, expires_at, method, last_error, risk_level, conflict, capture_before, intent_token, next_action,"
    " superseded_at, created_at, updated_at",
    "payment_links": "id, slug, active, purpose, currency, items, total_minor, least_minor, most_minor, presets,"
    " reusable, in_parts, email, name, reference, metadata, due_at, expires_at, reminders, remind_at,"
    " created_at, updated_at",
    "products": "id, kind, name, description, split_rule, created_at",
    "plans": "id, name, description, metadata, archived_at, created_at, updated_at",
    "subscriptions": "id, customer_id, plan_id, price_id, quantity, status, checkout_url, session_token, token,"
    " expires_at, period_start, period_end, trial_end, cancel_at_period_end, cancel_at, paused_until, canceled_at,"
    " ended_at, last_error, metadata, version, created_at, updated_at",
    "invoices": "id, subscription_id, customer_id, number, status, reason, currency, subtotal_minor, tax_minor,"
    " total_minor, due_minor, paid_minor, balance_before_minor, balance_after_minor, lines, period_start, period_end,"
    " attempts, next_attempt_at, requires_action, payment_url, order_id, issued_at, paid_at,"
    " (SELECT s.status FROM subscriptions s WHERE s.id = invoices.subscription_id\n"
    "   AND s.merchant_id = invoices.merchant_id) AS subscription_status",
    "entitlements": "id, customer_id, feature, quantity, since, updated_at",
    "refunds": "id, payment_id, status, reason, explanation, currency, amount_minor, failure_code, created_at,"
    " updated_at",
    "disputes": "id, payment_id, status, reason, currency, amount_minor, withdrawn_minor, reinstated_minor, fee_minor,"
    " fee_returned_minor, due_by, evidence, evidence_submitted_at, created_at, updated_at",
    "saved_methods": "id, customer_id, type, brand, last4, is_default, created_at, removed_at",
    "customers": "id, email, name, created_at",
    "mails": "id, kind, order_id, payment_id, refund_id, subscription_id, recipient, locale, status, attempts, try_at,"
    " error, created_at, sent_at",
    "webhook_endpoints": "id, url, description, event_types, conditions, mapping, failing_since, disabled_reason,"
    " disabled_at, created_at, updated_at",
    "webhook_deliveries": "id, endpoint_id, event_id, event_type, sequence, body, status, attempts, due_at,"
    " attempted_at, response_status, response_excerpt, failure, created_at",
    "vendors": "id, token, name, email, country, status, requirements, disabled_reason, transfers_enabled,"
    " payouts_enabled, metadata, error, disabled_at, created_at, updated_at",
    "split_rules": "id, name, version, terms, created_at",
    "holds": "id, order_id, payment_id, split_id, currency, captured_minor, returned_minor, released_minor, fee_minor,"
    " assignee_id, release_at, release_by, created_at, updated_at",
    "transfers": "id, vendor_id, payment_id, reverses_id, status, currency, amount_minor, reversed_minor, token,"
    " error_code, error, asks, created_at, updated_at",
    "payouts": "id, vendor_id, token, status, currency, amount_minor, arrives_at, failure_code, created_at, updated_at",
    "events": "id, subject_id, payment_id, version, sequence, type, cause, data, occurred_at, recorded_at",
}
_PREFIXES: Mapping[str, str] = {
    "ord": "orders",
    "pay": "payments",
    "plink": "payment_links",
    "prod": "products",
    "plan": "plans",
    "sub": "subscriptions",
    "inv": "invoices",
    "ent": "entitlements",
    "re": "refunds",
    "dp": "disputes",
    "pmt": "saved_methods",
    "cus": "customers",
    "mail": "mails",
    "evt": "events",
    "whe": "webhook_endpoints",
    "whd": "webhook_deliveries",
    "ven": "vendors",
    "rule": "split_rules",
    "hold": "holds",
    "tr": "transfers",
    "po": "payouts",
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`column operator value`, all three from our own code but the value; None stands for NULL."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A stretch of a list, by key. `after` and `before` are keys of rows; `backward` takes the last `limit` rows."""

    limit: int
    after: Any = None
    before: Any = None
    backward: bool = False
    descending: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """The rows in the list's order, and whether there are more on either side."""

    rows: Sequence[Row]
    has_next: bool
    has_previous: bool


@dataclass(slots=True)
class _Where:
    clauses: list[str]
    args: list[Any] = field(default_factory=list)

    def add(self, column: str, operator: str, value: Any) -> None:
        if value is None:
            self.clauses.append(f"{column} {operator} NULL")
            return
        self.args.append(value)
        number = f"${len(self.args)}"
        self.clauses.append(f"{column} = ANY({number})" if operator == "IN" else f"{column} {operator} {number}")

    def __str__(self) -> str:
        return " AND ".join(self.clauses)


def _where(merchant_id: str, conditions: Sequence[Condition]) -> _Where:
    where = _Where([])
    where.add("merchant_id", "=", merchant_id)
    for condition in conditions:
        where.add(condition.column, condition.operator, condition.value)
    return where


async def page(
    table: str, merchant_id: str, window: Window, conditions: Sequence[Condition] = (), *, key: str = "id"
) -> Page:
    """One stretch of the merchant's rows, ordered by `key`."""
    where = _where(merchant_id, conditions)
    forward_operator, backward_operator = ("<", ">") if window.descending else (">", "<")
    if window.after is not None:
        where.add(key, forward_operator, window.after)
    if window.before is not None:
        where.add(key, backward_operator, window.before)
    direction = "DESC" if window.descending != window.backward else "ASC"
    rows = await reading.fetch(
        f"SELECT {_COLUMNS[table]} FROM {table} WHERE {where} ORDER BY {key} {direction} LIMIT {window.limit + 1}",  # noqa: S608
        *where.args,
    )
    more, rows = len(rows) > window.limit, rows[: window.limit]
    if window.backward:
        return Page(rows[::-1], has_next=window.before is not None, has_previous=more)
    return Page(rows, has_next=more, has_previous=window.after is not None)


async def count(table: str, merchant_id: str, conditions: Sequence[Condition] = ()) -> int:
    """How many rows the whole list has; as slow as the list is long."""
    where = _where(merchant_id, conditions)
    row = await reading.fetch_one(f"SELECT count(*) AS n FROM {table} WHERE {where}", *where.args)  # noqa: S608
    assert row is not None
    return int(row["n"])


async def by_ids(table: str, merchant_id: str, ids: Sequence[str]) -> dict[str, Row]:
    """The merchant's rows among the ids, by id."""
    rows = await reading.fetch(
        f"SELECT {_COLUMNS[table]} FROM {table} WHERE merchant_id = $1 AND id = ANY($2)",  # noqa: S608
        merchant_id,
        list(ids),
    )
    return {row["id"]: row for row in rows}


async def by_id(table: str, merchant_id: str, row_id: str) -> Row | None:
    return (await by_ids(table, merchant_id, [row_id])).get(row_id)


def table_of(prefix: str) -> str | None:
    """The table whose ids have this prefix."""
    return _PREFIXES.get(prefix)


async def line_items(order_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """The items of several of the merchant's orders, each order's in its own order."""
    return await _children(
        "SELECT i.id, i.order_id, i.product_id, i.name, i.unit_amount_minor, i.quantity, i.amount_minor, o.currency"
        " FROM line_items i JOIN orders o ON o.id = i.order_id"
        " WHERE o.merchant_id = $1 AND i.order_id = ANY($2) ORDER BY i.order_id, i.position",
        merchant_id,
        order_ids,
    )


async def payments_of_orders(order_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """Every try at collecting several of the merchant's orders, oldest first."""
    return await _children(
        f"SELECT {_COLUMNS['payments']} FROM payments WHERE merchant_id = $1 AND order_id = ANY($2) ORDER BY id",  # noqa: S608
        merchant_id,
        order_ids,
    )


async def refunds_of_payments(payment_ids: Sequence[str], merchant_id: str) -> list[Row]:
    return await _children(
        f"SELECT {_COLUMNS['refunds']} FROM refunds WHERE merchant_id = $1 AND payment_id = ANY($2) ORDER BY id",  # noqa: S608
        merchant_id,
        payment_ids,
    )


async def disputes_of_payments(payment_ids: Sequence[str], merchant_id: str) -> list[Row]:
    return await _children(
        f"SELECT {_COLUMNS['disputes']} FROM disputes WHERE merchant_id = $1 AND payment_id = ANY($2) ORDER BY id",  # noqa: S608
        merchant_id,
        payment_ids,
    )


async def saved_methods_of_customers(customer_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """The instruments that customers left, without those that were removed."""
    return await _children(
        f"SELECT {_COLUMNS['saved_methods']} FROM saved_methods"  # noqa: S608
        " WHERE merchant_id = $1 AND customer_id = ANY($2) AND removed_at IS NULL ORDER BY id",
        merchant_id,
        customer_ids,
    )


async def holds_of_orders(order_ids: Sequence[str], merchant_id: str) -> list[Row]:
    return await _children(
        f"SELECT {_COLUMNS['holds']} FROM holds WHERE merchant_id = $1 AND order_id = ANY($2)"  # noqa: S608
        " ORDER BY order_id, payment_id, (SELECT position FROM splits WHERE splits.id = holds.split_id)",
        merchant_id,
        order_ids,
    )


async def splits_of_holds(split_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """The terms that holds are under, by their splits."""
    return await _children(
        "SELECT s.id AS split_id, s.line_item_id, s.amount_minor, s.step, s.plan, r.id AS rule_id, r.name, r.version,"
        " r.terms, r.created_at FROM splits s JOIN split_rules r ON r.id = s.rule_id"
        " WHERE r.merchant_id = $1 AND s.id = ANY($2)",
        merchant_id,
        split_ids,
    )


async def transfers_of_payments(payment_ids: Sequence[str], merchant_id: str) -> list[Row]:
    return await _children(
        f"SELECT {_COLUMNS['transfers']} FROM transfers WHERE merchant_id = $1 AND payment_id = ANY($2) ORDER BY id",  # noqa: S608
        merchant_id,
        payment_ids,
    )


async def operations_of_payments(payment_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """The captures and voids that the PSP is being asked for."""
    return await _children(
        "SELECT payment_id, kind FROM operations"
        " WHERE merchant_id = $1 AND payment_id = ANY($2) AND status = 'reserved'",
        merchant_id,
        payment_ids,
    )


async def orders_of_links(link_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """The one order of each link that is not reusable."""
    return await _children(
        "SELECT payment_link_id, status FROM orders WHERE merchant_id = $1 AND payment_link_id = ANY($2)"  # noqa: S608
        f" AND visit = '{SINGLE_VISIT}'",
        merchant_id,
        link_ids,
    )


async def prices_of_products(product_ids: Sequence[str], merchant_id: str) -> list[Row]:
    return await _children(
        "SELECT c.product_id, c.currency, c.amount_minor FROM prices c JOIN products p ON p.id = c.product_id"
        " WHERE p.merchant_id = $1 AND c.product_id = ANY($2) ORDER BY c.currency",
        merchant_id,
        product_ids,
    )


async def prices_of_plans(plan_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """All versions of the terms of several plans, each plan's oldest first."""
    return await _children(_PRICES.format("v.plan_id"), merchant_id, plan_ids)


async def prices_by_id(price_ids: Sequence[str], merchant_id: str) -> list[Row]:
    return await _children(_PRICES.format("v.id"), merchant_id, price_ids)


async def owed_invoices(subscription_ids: Sequence[str], merchant_id: str) -> list[Row]:
    """The invoices of several subscriptions that await their money, or were given up while their period runs, each
    subscription's oldest first."""
    return await _children(
        f"SELECT {_COLUMNS['invoices']} FROM invoices"  # noqa: S608
        f" WHERE merchant_id = $1 AND subscription_id = ANY($2) AND {OWED} ORDER BY id",
        merchant_id,
        subscription_ids,
    )


async def invoices_of_orders(order_ids: Sequence[str], merchant_id: str) -> list[Row]:
    return await _children(
        f"SELECT {_COLUMNS['invoices']} FROM invoices"  # noqa: S608
        " WHERE merchant_id = $1 AND order_id = ANY($2) ORDER BY id DESC",
        merchant_id,
        order_ids,
    )


_PRICES = """SELECT v.id, v.plan_id, v.number, v.currency, v.amount_minor, v.interval, v.interval_count, v.per_seat,
                    v.trial_days, v.setup_fee_minor, v.features, v.created_at
               FROM plan_prices v JOIN plans p ON p.id = v.plan_id
              WHERE p.merchant_id = $1 AND {} = ANY($2) ORDER BY v.plan_id, v.number"""


async def _children(statement: str, merchant_id: str, parents: Sequence[str]) -> list[Row]:
    return list(await reading.fetch(statement, merchant_id, list(parents)))


async def events_after(
    merchant_id: str, column: str, value: str, after: int, limit: int, *, key: str = "version"
) -> list[Row]:
    """The events with a larger `key`, in its order: of an order (column subject_id) or of a payment (payment_id)."""
    return list(
        await reading.fetch(
            f"SELECT {_COLUMNS['events']} FROM events"  # noqa: S608
            f" WHERE merchant_id = $1 AND {column} = $2 AND {key} > $3 ORDER BY {key} LIMIT {limit}",
            merchant_id,
            value,
            after,
        )
    )


async def merchant_events_after(merchant_id: str, after: int, limit: int) -> list[Row]:
    """The merchant's numbered events after a sequence number, in order and without a hole."""
    return list(
        await reading.fetch(
            f"SELECT {_COLUMNS['events']} FROM events"  # noqa: S608
            f" WHERE merchant_id = $1 AND sequence > $2 ORDER BY sequence LIMIT {limit}",
            merchant_id,
            after,
        )
    )


async def merchant_sequence(merchant_id: str) -> int:
    """The number of the merchant's newest event."""
    row = await reading.fetch_one("SELECT event_sequence FROM merchants WHERE id = $1", merchant_id)
    assert row is not None
    return int(row["event_sequence"])


def created_between(after: datetime | None, before: datetime | None) -> list[Condition]:
    """Conditions on created_at, from `after` on and up to `before`."""
    bounds = ((">=", after), ("<", before))
    return [Condition("created_at", operator, value) for operator, value in bounds if value is not None]
