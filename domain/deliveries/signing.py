"""Signing as the Standard Webhooks specification has it, with every secret that is in force."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from domain.tokens import Tokens

Secrets = Sequence[Mapping[str, Any]]
"""Salts, newest first; `ends_at` is when each stops signing, None for the one that stays."""

_MOST = 5


def new_salt() -> str:
    return secrets.token_hex(16)


def shown(tokens: Tokens, salt: str) -> str:
    """The signing secret as the merchant is told it."""
    return f"whsec_{base64.b64encode(tokens.signing_key(salt)).decode()}"


def rotated(known: Secrets, salt: str, ends_at: datetime, now: datetime) -> list[dict[str, Any]]:
    """The secrets with a new one; the others end then, or when they would have."""
    going = [(old["salt"], min(_end(old, ends_at), ends_at)) for old in known]
    kept = [{"salt": name, "ends_at": end.isoformat()} for name, end in going if end > now]
    return [{"salt": salt, "ends_at": None}, *kept][:_MOST]


def _end(secret: Mapping[str, Any], otherwise: datetime) -> datetime:
    return datetime.fromisoformat(secret["ends_at"]) if secret["ends_at"] else otherwise


def headers(tokens: Tokens, known: Secrets, message_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers that identify, date and sign the message."""
    timestamp = str(int(now.timestamp()))
    content = f"{message_id}.{timestamp}.".encode() + body
    in_force = [old["salt"] for old in known if _end(old, now + timedelta(1)) > now]
    signatures = [
        base64.b64encode(hmac.digest(tokens.signing_key(salt), content, hashlib.sha256)).decode() for salt in in_force
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }
