"""E-mail addresses, as people write their own."""

import re

from domain.refusals import Findings
from kit.redaction import holds_card_number

_ATOM = r"[^@\s,;:<>()\[\]\\\".]+"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_EMAIL = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+(?=..){_LABEL}")


def _can_be_named(email: str) -> bool:
    """Whether the domain can stand in the DNS, with its letters of all the world written in ASCII."""
    try:
        return len(email.rpartition("@")[2].encode("idna")) <= 253
    except UnicodeError:
        return False


def check_email(findings: Findings, given: str, *path: str) -> str:
    """The address as it is kept: without outer blanks, in small letters."""
    email = given.strip().lower()
    findings.unless(
        len(email) <= 254 and _EMAIL.fullmatch(email) is not None and email.isprintable() and _can_be_named(email),
        "INVALID_EMAIL",
        f"{given[:80]!r} is no e-mail address.",
        *path,
    )
    findings.unless(not holds_card_number(email), "CARD_NUMBER", "The e-mail address looks like a card number.", *path)
    return email
