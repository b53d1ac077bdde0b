"""Structured logs: one JSON object a line (or a readable line in development), with the ids in force and no secrets."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from kit.redaction import redact

_IDS: ContextVar[dict[str, str] | None] = ContextVar("log_ids", default=None)
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message", "taskName"}


def bind(**ids: str) -> None:
    """Adds ids (request_id, payment_id, ...) to every line logged from here on in this request or job."""
    _IDS.set({**(_IDS.get() or {}), **ids})


def fresh(**ids: str) -> None:
    """Starts a new request or job: forgets the ids that stood before."""
    _IDS.set(ids)


def configure(level: str, *, readable: bool) -> None:
    """Sends the logs of the whole process to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Readable() if readable else _Json())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("arq.worker", "httpx", "stripe", "tortoise", "uvicorn", "uvicorn.error"):
        logging.getLogger(name).setLevel("WARNING")
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, default=str, ensure_ascii=False))


class _Readable(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        facts = " ".join(f"{name}={value}" for name, value in _facts(record).items())
        line = _one_line(f"{moment} {record.levelname:<7} {record.getMessage()} {facts}".rstrip())
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


def _one_line(text: str) -> str:
    """Whatever strangers send cannot begin a line of its own, nor speak to the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    given = {name: value for name, value in vars(record).items() if name not in _OWN}
    return {**(_IDS.get() or {}), **given}
