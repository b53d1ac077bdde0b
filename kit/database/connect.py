"""Turns a database URL into what Tortoise needs to connect, with the settings a payments backend wants."""

import re
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

CONNECTION = "default"
"""The alias under which Tortoise knows our one database."""

EXAMPLES = "Use sqlite:///absolute/path/file.db or postgres://user:password@host:5432/database."


def connection_config(
    url: str,
    *,
    pool_min: int = 2,
    pool_max: int = 10,
    statement_timeout_ms: int = 5_000,
    lock_timeout_ms: int = 2_000,
    command_timeout_s: float = 10,
) -> dict[str, Any]:
    """Tortoise's engine and credentials for `sqlite://` and `postgres(ql)://` URLs.

    As in Tortoise, everything after `sqlite://` is the path: three slashes (or
    four, as SQLAlchemy wants them) begin an absolute one.
    PostgreSQL takes `?sslmode=` and `?application_name=`. The other settings are for PostgreSQL only.
    Raises ValueError, with a sentence for whoever wrote the URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"engine": "kit.database.sqlite", "credentials": _sqlite(parts)}
    if parts.scheme in ("postgres", "postgresql"):
        credentials = _postgres(parts)
        credentials["server_settings"] |= {
            "statement_timeout": str(statement_timeout_ms),
            "lock_timeout": str(lock_timeout_ms),
            "idle_in_transaction_session_timeout": "15000",
        }
        credentials |= {"command_timeout": command_timeout_s, "minsize": pool_min, "maxsize": pool_max}
        return {"engine": "kit.database.postgres", "credentials": credentials}
    raise ValueError(f"A database URL cannot begin with {parts.scheme or repr(url)}. {EXAMPLES}")


def _sqlite(parts: SplitResult) -> dict[str, Any]:
    path = re.sub("^/+", "/", unquote(parts.netloc + parts.path))
    if path in ("", "/") or path.endswith("/"):
        raise ValueError(f"The SQLite URL names no file. {EXAMPLES}")
    if parts.query:
        raise ValueError(f"A SQLite URL takes no options, but this one has ?{parts.query}. {EXAMPLES}")
    return {
        "file_path": path,
        "busy_timeout": 5_000,  # first: switching to WAL may have to wait as well
        "journal_mode": "WAL",
        "synchronous": "NORMAL",
        "foreign_keys": "ON",
    }


def _postgres(parts: SplitResult) -> dict[str, Any]:
    database = unquote(parts.path.removeprefix("/"))
    if not database:
        raise ValueError(f"The PostgreSQL URL names no database. {EXAMPLES}")
    try:
        port = parts.port or 5432
    except ValueError:
        raise ValueError(f"The PostgreSQL URL has a port that is no number. {EXAMPLES}") from None
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    credentials: dict[str, Any] = {
        "host": parts.hostname,
        "port": port,
        "user": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "database": database,
        "server_settings": {"application_name": options.pop("application_name", "paygraph")},
    }
    if sslmode := options.pop("sslmode", None):
        credentials["ssl"] = sslmode
    if options:
        unknown = ", ".join(sorted(options))
        raise ValueError(f"The PostgreSQL URL has an option we do not know: {unknown}. {EXAMPLES}")
    return credentials
