"""Idempotency keys: the first answer to a key is kept for a day and given again, once per key and mode."""

from __future__ import annotations

import json
from dataclasses import dataclass

from sandbox.stripe.errors import IdempotencyMismatch, InvalidParameter
from sandbox.world import Call

KEPT_SECONDS = 86400


@dataclass(frozen=True)
class Remembered:
    status: int
    body: str
    request_id: str


def check_key(key: str) -> None:
    if not key.strip() or len(key) > 255:
        raise InvalidParameter(f"Idempotency keys must have between 1 and 255 characters; this one has {len(key)}.")


def _scoped(call: Call, key: str) -> str:
    """A key belongs to the account that it is used in."""
    return f"{call.account}/{key}" if call.account else key


def fingerprint(call: Call, method: str, path: str, raw: dict[str, object]) -> str:
    """Says whether two requests are the same, without keeping what they said."""
    return call.world.keyed_hash(f"{method} {path} {json.dumps(raw, sort_keys=True)}", 32)


def recall(call: Call, key: str, mark: str) -> Remembered | None:
    """The stored answer. Raises IdempotencyMismatch when the key came with another request."""
    row = call.store.one(
        "SELECT * FROM idempotency WHERE livemode = ? AND key = ? AND created > ?",
        call.livemode,
        _scoped(call, key),
        call.now - KEPT_SECONDS,
    )
    if row is None:
        return None
    if row["fingerprint"] != mark:
        raise IdempotencyMismatch(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request."
        )
    return Remembered(row["status"], row["body"], row["request_id"])


def remember(call: Call, key: str, mark: str, answer: Remembered) -> None:
    call.store.run(
        "INSERT OR REPLACE INTO idempotency(livemode, key, fingerprint, status, body, request_id, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        call.livemode,
        _scoped(call, key),
        mark,
        answer.status,
        answer.body,
        answer.request_id,
        call.now,
    )
