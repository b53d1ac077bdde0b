"""A mail as a letter: what it says to its reader, as text and as HTML. Pure; there may be any text in the facts."""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from domain.mails.outbox import Outgoing
from kit import locales, money
from mail.wording import LANGUAGES, Language
from models import ABOUT_SUBSCRIPTIONS, TO_MERCHANT

_LONGEST_NAME, _LONGEST = 60, 300
_JOINERS = "\u200c\u200d"
_ISOLATE, _END = "\u2068", "\u2069"
_RIGHT_TO_LEFT = frozenset({"R", "AL"})

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(["html"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


@dataclass(frozen=True, slots=True)
class Letter:
    """Every text is one line. `rows` are pairs of a label and a value; `items` of a name and an amount."""

    language: str
    subject: str
    merchant: str
    heading: str
    greeting: str | None
    text: str
    amount: str | None
    items: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, str]]
    action: str
    url: str | None
    footer: Sequence[str]

    def as_text(self) -> str:
        return _environment.get_template("letter.txt").render(letter=self)

    def as_html(self) -> str:
        return _environment.get_template("letter.html").render(letter=self)


def one_line(text: str, limit: int = _LONGEST) -> str:
    """The text for a header or a row: no control, direction or line marks, nothing that looks encoded, not long."""
    shown = "".join(c if c.isprintable() or c in _JOINERS else " " for c in text)
    line = " ".join(shown.replace("=?", "= ?").split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def write(mail: Outgoing) -> Letter:
    """The letter that the mail's facts make."""
    code = mail.locale.partition("_")[0]
    code = code if code in LANGUAGES else "en"
    language, facts = LANGUAGES[code], mail.facts
    words = language.words(mail.kind, facts.get("outcome"))
    names = {"merchant": _isolated(one_line(mail.merchant_name, _LONGEST_NAME)), "amount": _amount(mail) or ""}
    to_merchant = mail.kind in TO_MERCHANT
    name = one_line(facts.get("name", ""), _LONGEST_NAME)
    url = str(facts.get("url", ""))
    ends = [language.to_contact if to_merchant else language.from_merchant]
    ends += [] if mail.livemode else [language.test_mode]
    return Letter(
        language=code,
        subject=one_line(words.subject.format_map(names)),
        merchant=one_line(mail.merchant_name, _LONGEST_NAME),
        heading=words.heading.format_map(names),
        greeting=language.greeting.format(name=_isolated(name)) if name and not to_merchant else None,
        text=words.text.format_map(names),
        amount=_amount(mail),
        items=list(_items(mail)),
        rows=list(_rows(mail, language, to_merchant)),
        action=language.manage if mail.kind in ABOUT_SUBSCRIPTIONS else language.pay,
        url=url if url.startswith(("https://", "http://")) and url.isprintable() else None,
        footer=[line.format_map(names) for line in ends],
    )


def _amount(mail: Outgoing) -> str | None:
    """None where the payer names it."""
    amount_minor = mail.facts.get("amount_minor")
    return None if amount_minor is None else money.formatted(amount_minor, mail.facts["currency"], mail.locale)


def _items(mail: Outgoing) -> Iterator[tuple[str, str]]:
    for name, quantity, amount_minor in mail.facts.get("items", ()):
        shown = _isolated(one_line(name))
        amount = money.formatted(amount_minor, mail.facts["currency"], mail.locale)
        yield (f"{quantity} × {shown}" if quantity > 1 else shown), amount


def _rows(mail: Outgoing, language: Language, to_merchant: bool) -> Iterator[tuple[str, str]]:
    for name, value in _values(mail.facts, mail.locale):
        if value and (name != "email" or to_merchant):
            yield language.labels[name], one_line(value)


def _values(facts: Mapping[str, Any], locale: str) -> Iterator[tuple[str, str | None]]:
    yield "purpose", facts.get("purpose")
    yield "order", facts.get("reference") or facts.get("order_id")
    yield "email", facts.get("email")
    yield "card", facts.get("card", "").title()
    yield "reason", facts.get("reason", "").replace("_", " ")
    yield "conflict", facts.get("conflict")
    yield "endpoint", facts.get("endpoint")
    for name in ("due_by", "expires_at", "next_attempt_at", "trial_end"):
        yield name, locales.moment(datetime.fromisoformat(facts[name]), locale) if name in facts else None


def _isolated(name: str) -> str:
    """A name that runs from right to left turns no word around it."""
    turns = any(unicodedata.bidirectional(c) in _RIGHT_TO_LEFT for c in name)
    return f"{_ISOLATE}{name}{_END}" if turns else name
