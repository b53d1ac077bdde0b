"""A plan's terms as a caller wants them, checked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from domain.catalog import Amount, check_amount
from domain.refusals import Findings
from gateways.capabilities import Capabilities
from kit.database.reading import decode_json
from kit.money import MAX_MINOR
from models import Interval

MAX_FEATURES = 20
_LONGEST_FEATURE = 100
_LONGEST_TRIAL = 730
_MOST: Mapping[Interval, int] = {Interval.DAY: 1095, Interval.WEEK: 156, Interval.MONTH: 36, Interval.YEAR: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a period costs and gives; see PlanPrice. Amounts in minor units of `currency`."""

    currency: str
    amount_minor: int
    interval: Interval
    interval_count: int
    per_seat: bool
    trial_days: int
    setup_fee_minor: int
    features: tuple[str, ...]

    def columns(self) -> dict[str, Any]:
        return asdict(self) | {"interval": self.interval.value, "features": list(self.features)}

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> "Terms":
        return cls(
            currency=row["currency"],
            amount_minor=row["amount_minor"],
            interval=Interval(row["interval"]),
            interval_count=row["interval_count"],
            per_seat=bool(row["per_seat"]),
            trial_days=row["trial_days"],
            setup_fee_minor=row["setup_fee_minor"],
            features=tuple(decode_json(row["features"])),
        )


def with_fee(findings: Findings, terms: Terms, fee: Amount | None) -> Terms:
    """The terms with this set-up fee; None leaves the one they have."""
    if fee is None:
        return terms
    message = f"The set-up fee is in the plan's currency, {terms.currency}."
    findings.unless(fee.currency == terms.currency, "CURRENCY_MISMATCH", message, "setupFee", "currency")
    return replace(terms, setup_fee_minor=fee.amount_minor)


def check(findings: Findings, terms: Terms, capabilities: Capabilities) -> Terms:
    """The terms as they can be offered; finds what is wrong with them."""
    check_amount(findings, Amount(terms.amount_minor, terms.currency), "amount")
    if terms.setup_fee_minor:
        check_amount(findings, Amount(terms.setup_fee_minor, terms.currency), "setupFee")
    step = capabilities.steps.get(terms.currency, 1)
    for name, amount_minor in (("amount", terms.amount_minor), ("setupFee", terms.setup_fee_minor)):
        message = f"The PSP charges {terms.currency} in steps of {step} minor units."
        findings.unless(amount_minor % step == 0, "INVALID_AMOUNT", message, name, "amountMinor")
        largest = capabilities.maximums.get(terms.currency, amount_minor)
        message = f"The PSP charges at most {largest} minor units of {terms.currency} at once."
        findings.unless(
            amount_minor <= largest or amount_minor > MAX_MINOR, "INVALID_AMOUNT", message, name, "amountMinor"
        )
    most = _MOST[terms.interval]
    message = f"A period is 1 to {most} {terms.interval.value}s, three years at most."
    findings.unless(1 <= terms.interval_count <= most, "INVALID", message, "intervalCount")
    message = f"A trial has 0 to {_LONGEST_TRIAL} days."
    findings.unless(0 <= terms.trial_days <= _LONGEST_TRIAL, "INVALID", message, "trialDays")
    _check_features(findings, terms.features)
    return terms


def _check_features(findings: Findings, features: Sequence[str]) -> None:
    message = f"A plan gives up to {MAX_FEATURES} features."
    findings.unless(len(features) <= MAX_FEATURES, "INVALID", message, "features")
    findings.unless(len(set(features)) == len(features), "INVALID", "A feature is named once.", "features")
    for number, feature in enumerate(features[:MAX_FEATURES]):
        found = findings.text(feature, "A feature", _LONGEST_FEATURE, "features", str(number), required=True)
        findings.unless(found in (None, feature), "INVALID", "A feature has no outer blanks.", "features", str(number))
