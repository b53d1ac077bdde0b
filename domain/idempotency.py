"""One intent, one effect: the caller's key is reserved in the same transaction as what the mutation makes.

Keys are stored as digests: callers make them of what they like, and none of it is to be found here.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.refusals import Fault, Refusal
from kit.database.reading import decode_json
from kit.database.unit import Unit

MAX_KEY = 255
_NOT_MEANT = frozenset({"idempotency_key", "client_secret"})


class KeyReused(Refusal):
    """The key was used before, for something else."""

    def __init__(self) -> None:
        message = "This idempotency key was used for another request. Use a new key for a new intent."
        super().__init__(Fault("IDEMPOTENCY_KEY_REUSED", message, ("idempotencyKey",)))


class BadKey(Refusal):
    def __init__(self) -> None:
        message = f"idempotencyKey must have 1 to {MAX_KEY} visible characters."
        super().__init__(Fault("INVALID", message, ("idempotencyKey",)))


def digest(body: Mapping[str, Any]) -> str:
    """What a mutation's input comes to; who proves to be allowed, and how, is no part of it."""
    meant = {name: value for name, value in body.items() if name not in _NOT_MEANT and value is not None}
    return hashlib.sha256(json.dumps(meant, sort_keys=True, default=str).encode()).hexdigest()


def check(key: str) -> str:
    """The key, if it can be one; raises BadKey."""
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable() or key.isspace():
        raise BadKey
    return key


async def claim(
    unit: Unit, *, merchant_id: str, mutation: str, key: str, body_digest: str, answer: Mapping[str, str], now: datetime
) -> dict[str, str] | None:
    """Reserves the key with the answer to come. None: it is new. Otherwise the answer of the first call.

    Raises KeyReused if the first call asked for something else. A call that is still running is waited for.
    """
    fresh = await unit.fetch_one(
        """INSERT INTO idempotency_records (merchant_id, mutation, key, body_digest, answer, created_at)
           VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (merchant_id, mutation, key) DO NOTHING RETURNING id""",
        merchant_id,
        mutation,
        _stored(key),
        body_digest,
        dict(answer),
        now,
    )
    return (
        None
        if fresh
        else await recall(unit, merchant_id=merchant_id, mutation=mutation, key=key, body_digest=body_digest)
    )


async def answer_anew(unit: Unit, *, merchant_id: str, mutation: str, key: str, answer: Mapping[str, str]) -> None:
    """From now on the key answers this: what it answered before came to nothing."""
    await unit.execute(
        "UPDATE idempotency_records SET answer = $4 WHERE merchant_id = $1 AND mutation = $2 AND key = $3",
        merchant_id,
        mutation,
        _stored(key),
        dict(answer),
    )


async def recall(unit: Unit, *, merchant_id: str, mutation: str, key: str, body_digest: str) -> dict[str, str] | None:
    """The answer of the first call with this key, None if there was none; raises KeyReused."""
    record = await unit.fetch_one(
        "SELECT body_digest, answer FROM idempotency_records WHERE merchant_id = $1 AND mutation = $2 AND key = $3",
        merchant_id,
        mutation,
        _stored(key),
    )
    if record is None:
        return None
    if record["body_digest"] != body_digest:
        raise KeyReused
    answer: dict[str, str] = decode_json(record["answer"])
    return answer


def _stored(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
