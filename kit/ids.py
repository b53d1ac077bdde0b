"""Prefixed, time-ordered, opaque ids (TypeID: prefix and base32 UUIDv7), such as `ord_01h455vb4pex5vsknk084sn02q`."""

import re
import secrets
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_SHAPE = re.compile(r"([a-z]{2,12})_[0-7][0-9a-hjkmnp-tv-z]{25}")


def new(prefix: str, now: datetime) -> str:
    """A fresh id; ids of later milliseconds sort after those of earlier ones."""
    millis = int(now.timestamp() * 1000) & (2**48 - 1)
    random = secrets.randbits(74)
    value = millis << 80 | 0x7 << 76 | (random >> 62) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return f"{prefix}_{_base32(value)}"


def prefix_of(text: str) -> str | None:
    """The prefix of a well-formed id, None for anything else."""
    match = _SHAPE.fullmatch(text)
    return match[1] if match else None


def _base32(value: int) -> str:
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
