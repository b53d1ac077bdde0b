"""What a split rule says, and the plan that it makes of an amount. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from domain.splits.division import largest_remainder
from models import DeadlinePolicy, FeeBearer

WHOLE = 10_000
"""Basis points in one."""
COMMISSION, PLATFORM, ASSIGNEE = "commission", "platform", "assignee"
"""The parties beside vendors: the commission, what is left to the merchant, and the vendor who is yet to be named."""


class DoesNotFit(Exception):
    """The rule gives away more than there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a party gets: basis points of the amount and a fixed amount for each piece, or all that remains. `party` is
    a vendor's id, or ASSIGNEE, or COMMISSION."""

    party: str
    basis_points: int = 0
    fixed_minor: int = 0
    remainder: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Captured money waits until it is released; `release_after_days` None: until somebody releases it. `on_deadline`
    is what becomes of it when the PSP's limit comes."""

    release_after_days: int | None
    on_deadline: DeadlinePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How an amount divides. `currency` is that of the fixed amounts, None if there are none. Without a `hold` shares
    are released as soon as the money is there."""

    parts: tuple[Part, ...]
    fee_bearer: FeeBearer
    currency: str | None
    hold: Hold | None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Rule":
        return cls(
            parts=tuple(Part(**part) for part in data["parts"]),
            fee_bearer=FeeBearer(data["fee_bearer"]),
            currency=data["currency"],
            hold=_hold(data["hold"]),
        )

    @property
    def vendor_ids(self) -> list[str]:
        """The vendors that it names."""
        return [part.party for part in self.parts if part.party not in (COMMISSION, ASSIGNEE)]


def _hold(data: Mapping[str, Any] | None) -> Hold | None:
    return Hold(**{**data, "on_deadline": DeadlinePolicy(data["on_deadline"])}) if data else None


def plan(rule: Rule, amount_minor: int, pieces: int, step: int) -> dict[str, int]:
    """What each party gets of the amount, in whole steps; the merchant has what is left. Raises DoesNotFit."""
    units = amount_minor // step
    weights = {part.party: _weight(part, units, pieces, step) for part in rule.parts}
    rest = units * WHOLE - sum(weights.values())
    if rest < 0:
        raise DoesNotFit
    remaining = next((part.party for part in rule.parts if part.remainder), PLATFORM)
    weights[remaining] = weights.get(remaining, 0) + rest
    if not units:
        return {**weights, PLATFORM: amount_minor}
    parts = dict(zip(weights, largest_remainder(units, list(weights.values())), strict=True))
    shares = {party: part * step for party, part in parts.items()}
    shares[PLATFORM] = shares.get(PLATFORM, 0) + amount_minor - units * step
    return shares


def _weight(part: Part, units: int, pieces: int, step: int) -> int:
    """In ten-thousandths of a step."""
    return units * part.basis_points + part.fixed_minor // step * pieces * WHOLE
