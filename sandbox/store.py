"""What the sandbox remembers: one SQLite file, written through. Objects are JSON documents, found by id or link.

A document is what the API shows, plus the key "_" for what only the sandbox knows.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]

OWNER = "_.owner"
"""Where a document of a connected account names it."""
LINKS = (
    "payment_intent",
    "charge",
    "customer",
    "source",
    "product",
    "email",
    "type",
    "transfer_group",
    "lookup_key",
    "invoice",
    "parent.subscription_details.subscription",
    "payment.payment_intent",
    "test_clock",
    "account",
    "destination",
    "source_transaction",
    "transfer",
    OWNER,
)
"""Fields that objects are found by; a dot leads into a part of the object."""

INDEXES_OF_DUE = """
CREATE INDEX IF NOT EXISTS due_by_clock ON due(clock, at, seq);
CREATE INDEX IF NOT EXISTS due_subject ON due(subject);
"""
TABLES = """
CREATE TABLE IF NOT EXISTS objects(
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL, livemode INTEGER NOT NULL, kind TEXT NOT NULL,
  created INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE(livemode, id));
CREATE INDEX IF NOT EXISTS objects_kind ON objects(livemode, kind, seq);
CREATE TABLE IF NOT EXISTS due(
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, job TEXT NOT NULL, subject TEXT NOT NULL, livemode INTEGER NOT NULL,
  clock TEXT);
CREATE TABLE IF NOT EXISTS idempotency(
  livemode INTEGER NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
  body TEXT NOT NULL, request_id TEXT NOT NULL, created INTEGER NOT NULL, PRIMARY KEY(livemode, key));
CREATE TABLE IF NOT EXISTS calls(
  seq INTEGER PRIMARY KEY, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, livemode INTEGER,
  request_id TEXT NOT NULL, idempotency_key TEXT, status INTEGER, replayed INTEGER NOT NULL DEFAULT 0,
  executed INTEGER NOT NULL DEFAULT 0, fault TEXT);
CREATE TABLE IF NOT EXISTS deliveries(
  seq INTEGER PRIMARY KEY, event TEXT NOT NULL, endpoint TEXT NOT NULL, livemode INTEGER NOT NULL,
  state TEXT NOT NULL, next_at REAL, log TEXT NOT NULL DEFAULT '[]', rule TEXT,
  story TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries(state, next_at);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries(event);
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass
class Savepoint:
    keep: bool = False


class Store:
    """One connection, used by one thread at a time: the event loop's, be it another than the maker's."""

    def __init__(self, path: Path | None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self.db = sqlite3.connect(
            path or ":memory:", isolation_level=None, cached_statements=256, check_same_thread=False
        )
        self.db.row_factory = sqlite3.Row
        self.db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout=5000;")
        self.db.executescript(TABLES)
        self._catch_up()
        self.db.executescript(INDEXES_OF_DUE)
        for link in LINKS:
            where = f"json_extract(body, '$.{link}')"
            index = f'"objects_{link}" ON objects(livemode, kind, {where})'
            self.db.execute(f"CREATE INDEX IF NOT EXISTS {index} WHERE {where} NOT NULL")

    def _catch_up(self) -> None:
        """A file from before there were test clocks gets their column."""
        if "clock" not in {row["name"] for row in self.db.execute("PRAGMA table_info(due)")}:
            self.db.execute("ALTER TABLE due ADD COLUMN clock TEXT")

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; inside another transaction it joins that one."""
        if self.db.in_transaction:
            yield
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @contextmanager
    def savepoint(self) -> Iterator[Savepoint]:
        """A part of a transaction that an exception undoes, unless `keep` is set before it."""
        part = Savepoint()
        self.db.execute("SAVEPOINT part")
        try:
            yield part
        except BaseException:
            if not part.keep:
                self.db.execute("ROLLBACK TO part")
            raise
        finally:
            self.db.execute("RELEASE part")

    def all(self, sql: str, *args: Any) -> list[sqlite3.Row]:
        return self.db.execute(sql, args).fetchall()

    def one(self, sql: str, *args: Any) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self.db.execute(sql, args).fetchone()
        return row

    def run(self, sql: str, *args: Any) -> int:
        """How many rows the statement changed."""
        return self.db.execute(sql, args).rowcount

    # -- documents ---------------------------------------------------------------------

    def insert(self, livemode: bool, document: Json) -> None:
        kind, created = document["object"], document.get("created", 0)
        self.run(
            "INSERT INTO objects(id, livemode, kind, created, body) VALUES (?, ?, ?, ?, ?)",
            document["id"],
            livemode,
            kind,
            created,
            json.dumps(document),
        )

    def save(self, livemode: bool, document: Json) -> None:
        self.run(
            "UPDATE objects SET body = ? WHERE livemode = ? AND id = ?",
            json.dumps(document),
            livemode,
            document["id"],
        )

    def find(self, livemode: bool, identifier: str) -> Json | None:
        row = self.one("SELECT body FROM objects WHERE livemode = ? AND id = ?", livemode, identifier)
        return json.loads(row["body"]) if row else None

    def position(self, livemode: bool, identifier: str) -> int:
        """The place of a document in order of creation; 0 if there is none."""
        row = self.one("SELECT seq FROM objects WHERE livemode = ? AND id = ?", livemode, identifier)
        return int(row["seq"]) if row else 0

    def select(
        self, livemode: bool, kind: str, where: list[tuple[str, Any]], *, order: str = "DESC", limit: int = 100_000
    ) -> list[Json]:
        """Documents of a kind; `where` pairs an SQL condition on the row with its one argument."""
        conditions = " AND ".join(["livemode = ?", "kind = ?", *(sql for sql, _ in where)])
        query = f"SELECT body FROM objects WHERE {conditions} ORDER BY seq {order} LIMIT ?"  # noqa: S608
        rows = self.all(query, livemode, kind, *(value for _, value in where), limit)
        return [json.loads(row["body"]) for row in rows]

    def linked(self, livemode: bool, kind: str, link: str, value: str) -> list[Json]:
        """Documents of a kind that name `value` in one of LINKS, oldest first."""
        return self.select(livemode, kind, [(equals(link), value)], order="ASC")

    # -- small values ------------------------------------------------------------------

    def get_meta(self, key: str, default: Any = None) -> Any:
        row = self.one("SELECT value FROM meta WHERE key = ?", key)
        return json.loads(row["value"]) if row else default

    def set_meta(self, key: str, value: Any) -> None:
        self.run("INSERT OR REPLACE INTO meta(key, value) VALUES (?, ?)", key, json.dumps(value))

    def clear(self) -> None:
        """Forgets everything but who we are."""
        with self.transaction():
            for table in ("objects", "due", "idempotency", "calls", "deliveries"):
                self.run(f"DELETE FROM {table}")  # noqa: S608
            self.run("DELETE FROM meta WHERE key != 'identity'")


def equals(link: str) -> str:
    """The SQL condition that one of LINKS has the given value; its index is used."""
    assert link in LINKS
    return f"json_extract(body, '$.{link}') = ?"
