"""Identifiers that look like Stripe's: a prefix that says the kind, then random letters and digits."""

from __future__ import annotations

import secrets
import string

ALPHABET = string.ascii_letters + string.digits


def token(length: int) -> str:
    """Random letters and digits, fit for a secret."""
    # bytes are folded on 62 letters: a slight bias, and ten times the speed of secrets.choice
    return "".join([ALPHABET[byte % 62] for byte in secrets.token_bytes(length)])


def new(prefix: str, length: int = 24) -> str:
    return f"{prefix}_{token(length)}"


def session(livemode: bool) -> str:
    return f"cs_{'live' if livemode else 'test'}_a1{token(56)}"
