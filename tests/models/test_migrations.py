"""What the database itself refuses, after the migrations, whoever writes: read from its catalog, and provoked."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext
from tortoise.exceptions import IntegrityError
from tortoise.migrations.autodetector import MigrationAutodetector

import models
from kit import ids
from kit.database import reading
from kit.database.connect import connection_config
from kit.database.migrate import migrate
from kit.database.unit import Unit, unit_of_work

pytestmark = pytest.mark.anyio
SERVER = os.environ.get("TEST_DATABASE_URL")
DATABASES = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]
APPS = {"models": {"models": ["models"], "default_connection": "default", "migrations": "migrations"}}
NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

INDEXES = {
    *("uq_payments_live", "ix_payments_inquire", "ix_refunds_ask", "ix_webhook_events_retry", "ix_events_unsequenced"),
    *("uq_operations_reserved", "ix_operations_ask", "ix_mails_try", "uq_orders_visit", "ix_payment_links_remind"),
    *("ix_payment_links_closes", "ix_webhook_endpoints_due", "ix_webhook_deliveries_due", "uq_transfers_reserved"),
    *("ix_vendors_inquire", "ix_holds_due", "ix_shares_ask", "ix_shares_unsettled", "ix_shares_netted"),
    *("ix_postings_vendor", "ix_postings_shared", "ix_postings_statement"),
    *("uq_orders_billed", "ix_subscriptions_inquire"),
}
CHECKS = {
    *("ck_prices_amount", "ck_orders_total", "ck_line_items_amount", "ck_payments_amounts", "ck_refunds_amount"),
    "ck_postings",
}


@pytest.fixture(scope="module", params=DATABASES)
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database as `migrate` leaves it."""
    if request.param == "sqlite":
        url = f"sqlite://{tmp_path_factory.mktemp('models')}/test.db"
        assert asyncio.run(migrate(url)) == names_of_migrations()
        yield url
        return
    name = f"models_{os.getpid()}"
    asyncio.run(on_server(f'CREATE DATABASE "{name}"'))
    url = urlsplit(SERVER or "")._replace(path=f"/{name}", query="sslmode=disable").geturl()
    assert asyncio.run(migrate(url)) == names_of_migrations()
    yield url
    asyncio.run(on_server(f'DROP DATABASE "{name}" WITH (FORCE)'))


async def on_server(statement: str) -> None:
    connection = await asyncpg.connect(urlsplit(SERVER or "")._replace(path="/postgres").geturl())
    await connection.execute(statement)
    await connection.close()


def names_of_migrations() -> list[str]:
    folder = os.path.join(os.path.dirname(models.__file__), "..", "migrations")
    return sorted(name.removesuffix(".py") for name in os.listdir(folder) if name[0].isdigit())


@pytest.fixture
async def database(migrated: str) -> AsyncIterator[str]:
    EXECUTOR_CACHE.clear()  # it remembers INSERT statements by table, whatever the dialect
    async with TortoiseContext() as context:
        connection = connection_config(migrated, pool_min=1, pool_max=2)
        await context.init(config={"connections": {"default": connection}, "apps": APPS})
        yield migrated


async def test_migrating_again_does_nothing(migrated: str) -> None:
    assert await migrate(migrated) == []


async def test_models_and_migrations_agree() -> None:
    async with TortoiseContext() as context:
        await context.init(config={"connections": {"default": connection_config("sqlite:///unused.db")}, "apps": APPS})
        assert context.apps is not None
        found = await MigrationAutodetector(context.apps, APPS).changes()
    assert [operation for writer in found for operation in writer.operations] == []


# What the catalog says


async def names(kind: str) -> set[str]:
    """The names of the database's indexes, or of its checks (on SQLite: triggers, two for each)."""
    if reading.dialect() == "postgres":
        table = {
            "indexes": "SELECT indexname AS name FROM pg_indexes WHERE schemaname = 'public'",
            "checks": "SELECT conname AS name FROM pg_constraint WHERE contype = 'c'",
        }
        return {row["name"] for row in await reading.fetch(table[kind])}
    type_ = {"indexes": "index", "checks": "trigger"}[kind]
    return {row["name"] for row in await reading.fetch("SELECT name FROM sqlite_master WHERE type = $1", type_)}


async def indexed() -> set[tuple[str, tuple[str, ...], bool]]:
    """Every whole index: (table, columns, unique)."""
    if reading.dialect() == "postgres":
        rows = await reading.fetch(
            """SELECT t.relname AS name, i.indisunique AS is_unique,
                      (SELECT string_agg(a.attname, ',' ORDER BY k.n)
                         FROM unnest(i.indkey) WITH ORDINALITY AS k (attnum, n)
                         JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.attnum) AS columns
                 FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
                WHERE t.relnamespace = 'public'::regnamespace AND i.indpred IS NULL"""
        )
        return {(row["name"], tuple(row["columns"].split(",")), row["is_unique"]) for row in rows}
    rows = await reading.fetch(
        """SELECT m.name AS name, i."unique" AS is_unique, i.name AS index_name FROM sqlite_master m
             JOIN pragma_index_list(m.name) i ON i.partial = 0 WHERE m.type = 'table'"""
    )
    found = set()
    for row in rows:
        columns = await reading.fetch("SELECT name FROM pragma_index_info($1) ORDER BY seqno", row["index_name"])
        found.add((row["name"], tuple(column["name"] for column in columns), bool(row["is_unique"])))
    return found


async def foreign_keys() -> set[tuple[str, str, str, str]]:
    """(table, column, table it refers to, what happens when that row is deleted)."""
    if reading.dialect() == "postgres":
        rows = await reading.fetch(
            """SELECT c.conrelid::regclass::text AS name, a.attname AS col, c.confrelid::regclass::text AS target,
                      c.confdeltype::text AS rule
                 FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
                WHERE c.contype = 'f'"""
        )
        rules = {"r": "RESTRICT", "a": "NO ACTION", "c": "CASCADE"}
        return {(row["name"], row["col"], row["target"], rules[row["rule"]]) for row in rows}
    rows = await reading.fetch(
        """SELECT m.name AS name, f."from" AS col, f."table" AS target, f.on_delete AS rule FROM sqlite_master m
             JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'"""
    )
    return {(row["name"], row["col"], row["target"], row["rule"]) for row in rows}


def described() -> list[dict[str, Any]]:
    found = [getattr(models, name) for name in models.__all__]
    return [model.describe() for model in found if hasattr(model, "describe")]


def column(model: dict[str, Any], field: str) -> str:
    """A field's column; a relation's is that of its key."""
    plain = {f["name"]: f["db_column"] for f in (*model["data_fields"], model["pk_field"])}
    return plain.get(field) or plain[f"{field}_id"]


async def test_every_uniqueness_and_index_of_the_models_is_in_the_database(database: str) -> None:
    wanted, indexes = set(), set()
    for model in described():
        table = model["table"]
        wanted |= {(table, (column(model, f["name"]),), True) for f in model["data_fields"] if f["unique"]}
        wanted |= {(table, tuple(column(model, f) for f in pair), True) for pair in model["unique_together"]}
        for index in model["indexes"]:
            fields = index if isinstance(index, list | tuple) else index["fields"]
            indexes.add((table, tuple(column(model, field) for field in fields), False))
    assert len(wanted) > 12
    assert len(indexes) > 5
    assert (wanted | indexes) - await indexed() == set()


async def test_every_relation_of_the_models_is_kept_by_the_database(database: str) -> None:
    tables = {model["name"]: model["table"] for model in described()}
    wanted = {
        (model["table"], relation["raw_field"], tables[relation["python_type"]], "RESTRICT")
        for model in described()
        for relation in model["fk_fields"]
    }
    assert len(wanted) > 8
    assert wanted - await foreign_keys() == set()


async def test_nothing_that_is_sold_or_paid_disappears_with_something_else(database: str) -> None:
    assert {rule for *_, rule in await foreign_keys()} == {"RESTRICT"}


async def test_partial_indexes_and_checks_are_in_the_database(database: str) -> None:
    assert INDEXES - await names("indexes") == set()
    found = await names("checks")
    if reading.dialect() == "sqlite":
        assert {f"{name}_{verb}" for name in CHECKS for verb in ("insert", "update")} - found == set()
    else:
        assert CHECKS - found == set()


async def test_times_are_kept_with_their_offset(database: str) -> None:
    """On PostgreSQL: a column without one would be read in whatever zone the server is in."""
    if reading.dialect() == "sqlite":
        return
    rows = await reading.fetch(
        """SELECT table_name FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"""
    )
    assert rows == []


async def test_an_amount_has_room_for_every_amount(database: str) -> None:
    if reading.dialect() == "sqlite":
        return
    rows = await reading.fetch(
        """SELECT table_name, column_name, data_type FROM information_schema.columns
            WHERE table_schema = 'public' AND column_name LIKE '%\\_minor'"""
    )
    assert len(rows) > 8
    assert [row for row in rows if row["data_type"] != "bigint"] == []


# What it refuses

MERCHANT, ORDER, PAYMENT, PRODUCT, ENDPOINT = "mer_1", "ord_1", "pay_1", "prod_1", "whe_1"
ROWS: dict[str, dict[str, Any]] = {
    "merchants": {"id": MERCHANT, "name": "Shop", "livemode": False, "created_at": NOW},
    "merchant_origins": {"merchant_id": MERCHANT, "origin": "https://shop.example"},
    "api_keys": {
        "id": "key_1",
        "merchant_id": MERCHANT,
        "kind": "secret",
        "scopes": ["orders:read"],
        "digest": "d" * 64,
        "hint": "sk_…",
        "created_at": NOW,
    },
    "customers": {"id": "cus_1", "merchant_id": MERCHANT, "email": "ada@example.com", "created_at": NOW},
    "products": {"id": PRODUCT, "merchant_id": MERCHANT, "kind": "goods", "name": "Cup", "created_at": NOW},
    "prices": {"product_id": PRODUCT, "currency": "EUR", "amount_minor": 1000},
    "orders": {
        "id": ORDER,
        "merchant_id": MERCHANT,
        "status": "open",
        "currency": "EUR",
        "total_minor": 1000,
        "version": 1,
        "metadata": {},
        "created_at": NOW,
        "updated_at": NOW,
    },
    "line_items": {
        "id": "li_1",
        "order_id": ORDER,
        "position": 1,
        "name": "Cup",
        "unit_amount_minor": 500,
        "quantity": 2,
        "amount_minor": 1000,
    },
    "payments": {
        "id": PAYMENT,
        "merchant_id": MERCHANT,
        "order_id": ORDER,
        "gateway": "stripe",
        "livemode": False,
        "status": "open",
        "recurrence": "sale",
        "capture_method": "automatic",
        "currency": "EUR",
        "amount_minor": 1000,
        "authorized_minor": 0,
        "captured_minor": 0,
        "refunded_minor": 0,
        "disputed_minor": 0,
        "idempotency_key": PAYMENT,
        "request": {},
        "session_token": "cs_1",
        "intent_token": "pi_1",
        "inquiries": 0,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "refunds": {
        "id": "re_1",
        "merchant_id": MERCHANT,
        "payment_id": PAYMENT,
        "gateway": "stripe",
        "status": "pending",
        "reason": "other",
        "currency": "EUR",
        "amount_minor": 100,
        "token": "re_t",
        "asks": 0,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "operations": {
        "id": "op_1",
        "merchant_id": MERCHANT,
        "payment_id": PAYMENT,
        "kind": "capture",
        "status": "reserved",
        "amount_minor": 100,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "plans": {
        "id": "plan_1",
        "merchant_id": MERCHANT,
        "name": "All courses",
        "metadata": {},
        "gateway": "stripe",
        "created_at": NOW,
        "updated_at": NOW,
    },
    "plan_prices": {
        "id": "price_1",
        "plan_id": "plan_1",
        "number": 1,
        "currency": "EUR",
        "amount_minor": 1000,
        "interval": "month",
        "interval_count": 1,
        "per_seat": False,
        "trial_days": 0,
        "setup_fee_minor": 0,
        "features": [],
        "token": "price_t",
        "created_at": NOW,
    },
    "subscriptions": {
        "id": "sub_1",
        "merchant_id": MERCHANT,
        "customer_id": "cus_1",
        "plan_id": "plan_1",
        "price_id": "price_1",
        "quantity": 1,
        "status": "active",
        "gateway": "stripe",
        "livemode": False,
        "request": {},
        "token": "sub_t",
        "session_token": "cs_s",
        "cancel_at_period_end": False,
        "metadata": {},
        "version": 1,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "invoices": {
        "id": "inv_1",
        "merchant_id": MERCHANT,
        "subscription_id": "sub_1",
        "customer_id": "cus_1",
        "gateway": "stripe",
        "token": "in_t",
        "status": "paid",
        "reason": "renewal",
        "currency": "EUR",
        **dict.fromkeys(("subtotal_minor", "total_minor", "due_minor", "paid_minor"), 1000),
        **dict.fromkeys(("tax_minor", "balance_before_minor", "balance_after_minor"), 0),
        "lines": [],
        "period_start": NOW,
        "period_end": NOW + timedelta(days=31),
        "attempts": 1,
        "requires_action": False,
        "issued_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "entitlements": {
        "id": "ent_1",
        "merchant_id": MERCHANT,
        "customer_id": "cus_1",
        "feature": "courses",
        "quantity": 1,
        "since": NOW,
        "updated_at": NOW,
    },
    "mails": {
        "id": "mail_1",
        "merchant_id": MERCHANT,
        "kind": "receipt",
        "cause": "evt_1",
        "recipient": "ada@example.com",
        "locale": "en",
        "facts": {},
        "status": "queued",
        "attempts": 0,
        "created_at": NOW,
    },
    "postings": {
        "merchant_id": MERCHANT,
        "kind": "capture",
        "subject_id": PAYMENT,
        "step": "1000",
        "line": 1,
        "payment_id": PAYMENT,
        "debit": "psp_receivable",
        "credit": "merchant_payable",
        "currency": "EUR",
        "amount_minor": 1000,
        "posted_at": NOW,
    },
    "events": {
        "id": "evt_1",
        "merchant_id": MERCHANT,
        "subject_id": ORDER,
        "version": 1,
        "sequence": 1,
        "type": "order.created",
        "cause": {},
        "data": {},
        "recorded_at": NOW,
    },
    "webhook_endpoints": {
        "id": ENDPOINT,
        "merchant_id": MERCHANT,
        "url": "https://shop.example/hooks",
        "secrets": [{"salt": "s", "ends_at": None}],
        "told_sequence": 0,
        "busy_until": NOW,
        "version": 0,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "webhook_deliveries": {
        "id": "whd_1",
        "merchant_id": MERCHANT,
        "endpoint_id": ENDPOINT,
        "event_id": "evt_1",
        "event_type": "order.created",
        "sequence": 1,
        "body": "{}",
        "status": "pending",
        "attempts": 0,
        "tries": 0,
        "due_at": NOW,
        "created_at": NOW,
        "updated_at": NOW,
    },
    "idempotency_records": {
        "merchant_id": MERCHANT,
        "mutation": "orderCreate",
        "key": "k",
        "body_digest": "d",
        "answer": {},
        "created_at": NOW,
    },
    "webhook_events": {
        "id": "whk_1",
        "gateway": "stripe",
        "event_token": "evt_t",
        "type": "x",
        "payload": "{}",
        "status": "applied",
        "tries": 0,
        "received_at": NOW,
    },
}
"""One good row of every table, each after those it refers to."""

BILLED = {"subscription_id": "sub_1", "billed_for": "2026-01-31T12:00:00+00:00"}
SECOND_PAYMENT = {"id": "pay_2", "idempotency_key": "pay_2", "session_token": "cs_2", "intent_token": "pi_2"}
REFUSED_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "a merchant twice": ("merchants", {}),
    "an origin twice": ("merchant_origins", {}),
    "a key's digest twice": ("api_keys", {"id": "key_2"}),
    "a customer's address twice": ("customers", {"id": "cus_2"}),
    "a second price in a currency": ("prices", {}),
    "a price of nothing": ("prices", {"currency": "USD", "amount_minor": 0}),
    "an order of nothing": ("orders", {"id": "ord_2", "total_minor": 0}),
    "an order below nothing": ("orders", {"id": "ord_2", "total_minor": -1}),
    "a version below nothing": ("orders", {"id": "ord_2", "version": -1}),
    "an order without a merchant": ("orders", {"id": "ord_2", "merchant_id": None}),
    "an order of no merchant that is known": ("orders", {"id": "ord_2", "merchant_id": "mer_2"}),
    "an order of no customer that is known": ("orders", {"id": "ord_2", "customer_id": "cus_2"}),
    "an item in another's place": ("line_items", {"id": "li_2"}),
    "an item of no order that is known": ("line_items", {"id": "li_2", "order_id": "ord_2"}),
    "an item of none": ("line_items", {"id": "li_2", "position": 2, "quantity": 0, "amount_minor": 0}),
    "an item at nothing": ("line_items", {"id": "li_2", "position": 2, "unit_amount_minor": 0, "amount_minor": 0}),
    "an item that does not add up": ("line_items", {"id": "li_2", "position": 2, "amount_minor": 999}),
    "a second live payment of an order": ("payments", SECOND_PAYMENT),
    "a second live payment, just reserved": ("payments", {**SECOND_PAYMENT, "status": "created"}),
    "a second live payment, of an unknown end": ("payments", {**SECOND_PAYMENT, "status": "unknown"}),
    "a payment's key twice": ("payments", {**SECOND_PAYMENT, "status": "failed", "idempotency_key": PAYMENT}),
    "a PSP's session twice": ("payments", {**SECOND_PAYMENT, "status": "failed", "session_token": "cs_1"}),
    "a PSP's intent twice": ("payments", {**SECOND_PAYMENT, "status": "failed", "intent_token": "pi_1"}),
    "a payment of nothing": ("payments", {**SECOND_PAYMENT, "status": "failed", "amount_minor": 0}),
    "a payment of no order that is known": ("payments", {**SECOND_PAYMENT, "status": "failed", "order_id": "ord_2"}),
    "captured below nothing": ("payments", {**SECOND_PAYMENT, "status": "failed", "captured_minor": -1}),
    "authorized below nothing": ("payments", {**SECOND_PAYMENT, "status": "failed", "authorized_minor": -1}),
    "disputed below nothing": ("payments", {**SECOND_PAYMENT, "status": "failed", "disputed_minor": -1}),
    "refunded below nothing": ("payments", {**SECOND_PAYMENT, "status": "failed", "refunded_minor": -1}),
    "more refunded than captured": ("payments", {**SECOND_PAYMENT, "status": "captured", "refunded_minor": 1}),
    "a PSP's refund twice": ("refunds", {"id": "re_2"}),
    "a refund of nothing": ("refunds", {"id": "re_2", "token": "re_u", "amount_minor": 0}),
    "a refund of no payment that is known": ("refunds", {"id": "re_2", "token": "re_u", "payment_id": "pay_2"}),
    "a second operation at once": ("operations", {"id": "op_2", "kind": "void"}),
    "an event's receipt twice": ("mails", {"id": "mail_2"}),
    "a mail of no merchant that is known": ("mails", {"id": "mail_2", "cause": "evt_2", "merchant_id": "mer_2"}),
    "a plan's version twice": ("plan_prices", {"id": "price_2", "token": "price_u"}),
    "a PSP's price twice": ("plan_prices", {"id": "price_2", "number": 2}),
    "a PSP's subscription twice": ("subscriptions", {"id": "sub_2", "session_token": "cs_t"}),
    "a page for two subscriptions": ("subscriptions", {"id": "sub_2", "token": "sub_u"}),
    "a subscription of no customer that is known": (
        "subscriptions",
        {"id": "sub_2", "token": "sub_u", "session_token": "cs_t", "customer_id": "cus_2"},
    ),
    "a PSP's invoice twice": ("invoices", {"id": "inv_2"}),
    "an invoice of no subscription that is known": (
        "invoices",
        {"id": "inv_2", "token": "in_u", "subscription_id": "sub_2"},
    ),
    "a feature twice for one customer": ("entitlements", {"id": "ent_2"}),
    "a posting twice": ("postings", {}),
    "a posting of nothing": ("postings", {"step": "2000", "amount_minor": 0}),
    "a posting below nothing": ("postings", {"step": "2000", "amount_minor": -5}),
    "a posting from an account to itself": ("postings", {"step": "2000", "credit": "psp_receivable"}),
    "an event's version twice": ("events", {"id": "evt_2", "sequence": 2}),
    "an event's number twice": ("events", {"id": "evt_2", "version": 2}),
    "an event's id twice": ("events", {"version": 2, "sequence": 2}),
    "an idempotency key twice": ("idempotency_records", {}),
    "an event twice for one endpoint": ("webhook_deliveries", {"id": "whd_2"}),
    "a delivery for no endpoint that is known": (
        "webhook_deliveries",
        {"id": "whd_2", "event_id": "evt_2", "endpoint_id": "whe_2"},
    ),
    "a PSP's message twice": ("webhook_events", {"id": "whk_2"}),
}
REFUSED_CHANGES = {
    "more refunded than captured": "UPDATE payments SET refunded_minor = captured_minor + 1",
    "less captured than refunded": "UPDATE payments SET captured_minor = -1",
    "an order to nothing": "UPDATE orders SET total_minor = 0",
    "an item that does not add up any more": "UPDATE line_items SET quantity = 3",
    "a posting to nothing": "UPDATE postings SET amount_minor = 0",
    "a posting to itself": "UPDATE postings SET credit = debit",
    "a merchant with orders": "DELETE FROM merchants",
    "an order with payments": "DELETE FROM orders",
    "a payment with refunds": "DELETE FROM payments",
    "a product with prices": "DELETE FROM products",
    "an endpoint with deliveries": "DELETE FROM webhook_endpoints",
    "a plan with subscribers": "DELETE FROM plan_prices",
    "a subscription with invoices": "DELETE FROM subscriptions",
}
TAKEN_ROWS: dict[str, tuple[str, dict[str, Any]]] = {
    "a payment after one that failed": ("payments", {**SECOND_PAYMENT, "status": "failed"}),
    "a payment beside one that was captured": ("payments", {**SECOND_PAYMENT, "status": "captured"}),
    "two payments without tokens": (
        "payments",
        {**SECOND_PAYMENT, "status": "failed", "session_token": None, "intent_token": None},
    ),
    "all that was captured, refunded": (
        "payments",
        {**SECOND_PAYMENT, "status": "captured", "captured_minor": 5, "refunded_minor": 5},
    ),
    "an operation after one that ended": ("operations", {"id": "op_2", "status": "failed"}),
    "another kind of mail about an event": ("mails", {"id": "mail_2", "kind": "paid"}),
    "a refund without a token": ("refunds", {"id": "re_2", "token": None}),
    "another event for the endpoint": ("webhook_deliveries", {"id": "whd_2", "event_id": "evt_2"}),
    "an event without a number": ("events", {"id": "evt_2", "version": 2, "sequence": None}),
    "a key for another mutation": ("idempotency_records", {"mutation": "productCreate"}),
    "another step of a posting": ("postings", {"step": "2000"}),
    "the largest of all amounts": (
        "line_items",
        {"id": "li_2", "position": 2, "quantity": 1, "unit_amount_minor": 2**53 - 1, "amount_minor": 2**53 - 1},
    ),
}


class _Undone(Exception):
    """Ends a unit of work without a trace."""


async def insert(unit: Unit, table: str, row: dict[str, Any]) -> None:
    numbers = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    await unit.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({numbers})", *row.values())


@contextlib.asynccontextmanager
async def undone() -> AsyncIterator[None]:
    with pytest.raises(_Undone):
        yield


async def furnish(unit: Unit) -> None:
    for table, row in ROWS.items():
        await insert(unit, table, row)


@pytest.mark.parametrize("case", REFUSED_ROWS)
async def test_the_database_refuses(database: str, case: str) -> None:
    table, change = REFUSED_ROWS[case]

    async def work(unit: Unit) -> None:
        await furnish(unit)
        with pytest.raises(IntegrityError):
            await insert(unit, table, {**ROWS[table], **change})
        raise _Undone

    async with undone():
        await unit_of_work(work)


async def test_a_period_of_a_subscription_has_one_order(database: str) -> None:
    async def work(unit: Unit) -> None:
        await furnish(unit)
        await insert(unit, "orders", {**ROWS["orders"], "id": "ord_2", **BILLED})
        await insert(unit, "orders", {**ROWS["orders"], "id": "ord_3", **BILLED, "billed_for": "inv_1"})
        with pytest.raises(IntegrityError):
            await insert(unit, "orders", {**ROWS["orders"], "id": "ord_4", **BILLED})
        raise _Undone

    async with undone():
        await unit_of_work(work)


@pytest.mark.parametrize("case", REFUSED_CHANGES)
async def test_the_database_refuses_to_change(database: str, case: str) -> None:
    async def work(unit: Unit) -> None:
        await furnish(unit)
        with pytest.raises(IntegrityError):
            await unit.execute(REFUSED_CHANGES[case])
        raise _Undone

    async with undone():
        await unit_of_work(work)


@pytest.mark.parametrize("case", TAKEN_ROWS)
async def test_the_database_takes(database: str, case: str) -> None:
    table, change = TAKEN_ROWS[case]

    async def work(unit: Unit) -> None:
        await furnish(unit)
        await insert(unit, table, {**ROWS[table], **change})
        raise _Undone

    async with undone():
        await unit_of_work(work)


async def test_the_sweeps_find_their_rows_by_an_index(database: str) -> None:
    """On PostgreSQL, with rows enough that a scan would not do."""
    if reading.dialect() == "sqlite":
        plans = await reading.fetch("EXPLAIN QUERY PLAN SELECT id FROM payments WHERE inquire_at <= $1", NOW)
        assert "ix_payments_inquire" in repr(plans)
        plans = await reading.fetch("EXPLAIN QUERY PLAN SELECT id FROM refunds WHERE ask_at <= $1", NOW)
        assert "ix_refunds_ask" in repr(plans)
        return
    [setting] = await reading.fetch("SELECT pg_get_indexdef('ix_payments_inquire'::regclass) AS text")
    assert "(inquire_at) WHERE (inquire_at IS NOT NULL)" in setting["text"]


def test_ids_sort_by_the_time_they_were_made() -> None:
    """The lists' keyset is the id: no other index is needed for "newest first"."""
    made = [ids.new("ord", NOW + timedelta(milliseconds=n)) for n in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
