"""What a merchant says to make a payment link, checked."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from domain import charging
from domain.catalog import Amount, check_amount
from domain.order_input import Line, NewCustomer, NewItem, check_customer, check_items, check_metadata
from domain.refusals import Findings
from gateways.capabilities import Capabilities
from kit.money import EXPONENTS, MAX_MINOR

MAX_PRESETS = 6
MAX_REMINDERS = 5
_REMINDER_DAYS = range(-60, 61)
_LONGEST_LIFE = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class Choice:
    """An amount that the payer names, in minor units: from `least_minor` to `most_minor`, with some to click on."""

    least_minor: int
    most_minor: int
    presets: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLink:
    """A link as the merchant wants it. One of `amount`, `items` and `choice` says what is to be paid."""

    purpose: str
    currency: str
    amount: Amount | None
    items: Sequence[NewItem] | None
    choice: Choice | None
    reusable: bool
    in_parts: bool
    customer: NewCustomer | None
    reference: str | None
    metadata: Collection[tuple[str, str]]
    due_at: datetime | None
    expires_at: datetime | None
    reminders: Sequence[int]
    to_be_sent: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A link as it is kept; `items` is empty and `total_minor` None where the payer names the amount."""

    purpose: str
    items: list[dict[str, Any]]
    total_minor: int | None
    choice: Choice | None
    email: str | None
    name: str | None
    reference: str | None
    metadata: dict[str, str]


async def check(merchant_id: str, wanted: NewLink, capabilities: Capabilities, now: datetime) -> Offer:
    """What the link will offer; raises a Refusal with all that is wrong, and that no page of the gateway could take."""
    findings = Findings()
    purpose = findings.text(wanted.purpose, "The purpose", 200, "purpose", required=True) or ""
    lines = await _lines(findings, merchant_id, wanted, purpose)
    _check_charges(findings, wanted, lines, capabilities)
    email, name = check_customer(findings, wanted.customer)
    reference = findings.text(wanted.reference, "The reference", 100, "reference")
    metadata = check_metadata(findings, wanted.metadata)
    check_times(findings, due_at=wanted.due_at, expires_at=wanted.expires_at, now=now)
    findings.unless(
        not (wanted.in_parts and (wanted.reusable or wanted.choice)),
        "INVALID",
        "Only a link with one order of a known amount can be paid in parts.",
        "inParts",
    )
    _check_reminders(findings, wanted)
    findings.unless(
        wanted.customer is not None or not wanted.to_be_sent, "REQUIRED", "A link is sent to its customer.", "customer"
    )
    findings.refuse_if_any()
    return Offer(
        purpose=purpose,
        items=[asdict(line) for line in lines],
        total_minor=sum(line.amount_minor for line in lines) if lines else None,
        choice=wanted.choice,
        email=email,
        name=name,
        reference=reference,
        metadata=metadata,
    )


def next_reminder(due_at: datetime | None, days_before: Sequence[int], after: datetime) -> datetime | None:
    """The first reminder after a time; None when there is none any more."""
    times = [due_at - timedelta(days=days) for days in days_before] if due_at else []
    return min((time for time in times if time > after), default=None)


async def _lines(findings: Findings, merchant_id: str, wanted: NewLink, purpose: str) -> list[Line]:
    given = [way for way in (wanted.amount, wanted.items, wanted.choice) if way is not None]
    if not findings.unless(len(given) == 1, "REQUIRED", "Give one of amount, items and choice.", "amount"):
        return []
    if wanted.items is not None:
        return await check_items(findings, merchant_id, wanted.currency, wanted.items)
    if not findings.unless(
        wanted.currency in EXPONENTS,
        "UNKNOWN_CURRENCY",
        f"{wanted.currency[:10]!r} is no ISO 4217 currency in use.",
        "currency",
    ):
        return []
    if wanted.choice is not None:
        _check_choice(findings, wanted.choice)
        return []
    assert wanted.amount is not None
    check_amount(findings, wanted.amount, "amount")
    same = findings.unless(
        wanted.amount.currency == wanted.currency,
        "CURRENCY_MISMATCH",
        f"The link is in {wanted.currency}.",
        "amount",
        "currency",
    )
    return [Line(purpose, wanted.amount.amount_minor, 1, None)] if same else []


def _check_choice(findings: Findings, choice: Choice) -> None:
    in_order = 1 <= choice.least_minor <= choice.most_minor <= MAX_MINOR
    findings.unless(
        in_order, "INVALID_AMOUNT", "The least must be 1 or more, and not above the most.", "choice", "least"
    )
    findings.unless(
        len(choice.presets) <= MAX_PRESETS, "INVALID", f"At most {MAX_PRESETS} presets.", "choice", "presets"
    )
    findings.unless(
        all(choice.least_minor <= preset <= choice.most_minor for preset in choice.presets),
        "INVALID_AMOUNT",
        "Every preset must lie between the least and the most.",
        "choice",
        "presets",
    )


def _check_charges(findings: Findings, wanted: NewLink, lines: Sequence[Line], capabilities: Capabilities) -> None:
    if wanted.currency not in EXPONENTS or not findings.unless(
        wanted.currency in capabilities.currencies,
        "UNKNOWN_CURRENCY",
        f"{wanted.currency} cannot be charged.",
        "currency",
    ):
        return
    for amount_minor, path in _charges(wanted, lines):
        if 0 < amount_minor <= MAX_MINOR:
            fault = charging.fault_of(amount_minor, wanted.currency, capabilities)
            findings.unless(fault is None, "INVALID_AMOUNT", fault or "", *path)


def _charges(wanted: NewLink, lines: Sequence[Line]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The amounts that payers may come to pay, each with its place in the input."""
    if wanted.choice is not None:
        yield wanted.choice.least_minor, ("choice", "least")
        yield wanted.choice.most_minor, ("choice", "most")
        yield from ((preset, ("choice", "presets")) for preset in wanted.choice.presets)
    else:
        path = ("items",) if wanted.items is not None else ("amount", "amountMinor")
        yield sum(line.amount_minor for line in lines), path


def check_times(findings: Findings, *, due_at: datetime | None, expires_at: datetime | None, now: datetime) -> None:
    for name, time in (("expiresAt", expires_at), ("dueAt", due_at)):
        if time is not None:
            findings.unless(
                now < time <= now + _LONGEST_LIFE, "INVALID", "The time must lie ahead, at most five years.", name
            )


def _check_reminders(findings: Findings, wanted: NewLink) -> None:
    if not wanted.reminders:
        return
    findings.unless(
        len(wanted.reminders) <= MAX_REMINDERS and all(days in _REMINDER_DAYS for days in wanted.reminders),
        "INVALID",
        f"At most {MAX_REMINDERS} reminders, from {_REMINDER_DAYS[-1]} days before the due date to as many after it.",
        "reminders",
    )
    findings.unless(
        wanted.due_at is not None and wanted.customer is not None and not wanted.reusable,
        "REQUIRED",
        "Reminders want a dueAt and a customer, and a link with one order.",
        "reminders",
    )
