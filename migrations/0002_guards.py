"""What Tortoise cannot say: partial unique and partial indexes (the same on both databases), and checks."""

from typing import Any

from tortoise import migrations
from tortoise.migrations import operations as ops

_LIVE = "('created', 'open', 'requires_action', 'processing', 'authorized', 'unknown')"

_INDEXES = {
    "uq_payments_live": f"UNIQUE INDEX uq_payments_live ON payments (order_id) WHERE status IN {_LIVE}",
    "ix_payments_inquire": "INDEX ix_payments_inquire ON payments (inquire_at) WHERE inquire_at IS NOT NULL",
    "ix_refunds_ask": "INDEX ix_refunds_ask ON refunds (ask_at) WHERE ask_at IS NOT NULL",
    "ix_webhook_events_retry": "INDEX ix_webhook_events_retry ON webhook_events (retry_at) WHERE retry_at IS NOT NULL",
    "ix_events_unsequenced": "INDEX ix_events_unsequenced ON events (merchant_id, position) WHERE sequence IS NULL",
}

CHECKS = {
    "prices": {"ck_prices_amount": "amount_minor > 0"},
    "orders": {"ck_orders_total": "total_minor > 0 AND version >= 0"},
    "line_items": {
        "ck_line_items_amount": "quantity > 0 AND unit_amount_minor > 0 AND amount_minor = unit_amount_minor * quantity"
    },
    "payments": {
        "ck_payments_amounts": "amount_minor > 0 AND authorized_minor >= 0 AND captured_minor >= 0"
        " AND refunded_minor >= 0 AND refunded_minor <= captured_minor AND disputed_minor >= 0"
    },
    "refunds": {"ck_refunds_amount": "amount_minor > 0"},
    "postings": {"ck_postings": "amount_minor > 0 AND debit <> credit"},
}


async def _add_checks(_apps: Any, editor: Any) -> None:
    postgres = editor.client.capabilities.dialect == "postgres"
    for table, checks in CHECKS.items():
        for name, condition in checks.items():
            for statement in _check(table, name, condition) if postgres else _triggers(table, name, condition):
                await editor.client.execute_query(statement)


def _check(table: str, name: str, condition: str) -> list[str]:
    return [f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK ({condition})"]


def _triggers(table: str, name: str, condition: str) -> list[str]:
    """SQLite cannot add a check to a table that exists: triggers refuse the same rows."""
    columns = {word for word in condition.replace("(", " ").replace(")", " ").split() if word.islower()}
    fresh = " ".join(f"NEW.{word}" if word in columns else word for word in condition.split())
    return [
        f"CREATE TRIGGER {name}_{verb.lower()} BEFORE {verb} ON {table} WHEN NOT ({fresh}) "
        f"BEGIN SELECT RAISE(ABORT, '{name}'); END"
        for verb in ("INSERT", "UPDATE")
    ]


class Migration(migrations.Migration):
    dependencies = [("models", "0001_initial")]
    initial = False
    operations = [
        *(ops.RunSQL(f"CREATE {index}", f"DROP INDEX {name}") for name, index in _INDEXES.items()),
        ops.RunPython(_add_checks, ops.RunPython.noop),
    ]
