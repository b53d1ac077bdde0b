"""How a hold's money stands: whose it is at any moment, as a pure function of its totals so far."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.ledger import UNASSIGNED
from domain.splits.division import divided
from domain.splits.rule import ASSIGNEE, COMMISSION, PLATFORM


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What has happened to a hold's money so far, in minor units: captured, returned to the payer (or taken by the
    payer's bank), which is at most that, released; and what the vendors bear of the PSP's fee. `plan` divides the whole
    amount."""

    plan: Mapping[str, int]
    step: int
    assignee: str | None = None
    captured_minor: int = 0
    returned_minor: int = 0
    released_minor: int = 0
    fee_minor: int = 0

    def __post_init__(self) -> None:
        assert 0 <= self.returned_minor <= self.captured_minor, self

    @property
    def kept_minor(self) -> int:
        return self.captured_minor - self.returned_minor

    @property
    def payable_minor(self) -> int:
        """What is released and kept."""
        return min(self.released_minor, self.kept_minor)

    @property
    def held_minor(self) -> int:
        """What can still be released, or refunded out of the hold."""
        return self.kept_minor - self.payable_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Whose the kept money is, in minor units: the commission, and by vendor what is held and what is released. The
    rest is the merchant's, who has been given `fee_minor` for the PSP's fee."""

    commission_minor: int = 0
    platform_minor: int = 0
    held: Counter[str] = field(default_factory=Counter)
    payable: Counter[str] = field(default_factory=Counter)


def standing(totals: Totals) -> Standing:
    """The same for the same totals, whatever the order in which they came about."""
    shares = _shares(totals)
    of_kept = divided(totals.kept_minor, shares, totals.step, PLATFORM)
    of_payable = divided(totals.payable_minor, shares, totals.step, PLATFORM)
    held, payable = Counter[str](), Counter[str]()
    for party in shares:
        if party not in (COMMISSION, PLATFORM):
            vendor = totals.assignee or UNASSIGNED if party == ASSIGNEE else party
            payable[vendor] += of_payable[party]
            held[vendor] += of_kept[party] - of_payable[party]
    return Standing(
        commission_minor=of_kept.get(COMMISSION, 0), platform_minor=of_kept[PLATFORM], held=held, payable=payable
    )


def _shares(totals: Totals) -> dict[str, int]:
    """What each has of all that was captured, the vendors less what they bear of the PSP's fee."""
    shares = divided(totals.captured_minor, totals.plan, totals.step, PLATFORM)
    vendors = {party: amount for party, amount in shares.items() if party not in (COMMISSION, PLATFORM)}
    fee = min(totals.fee_minor // totals.step * totals.step, sum(vendors.values()))
    borne = divided(fee, vendors, totals.step, PLATFORM)
    return {
        **shares,
        **{party: amount - borne[party] for party, amount in vendors.items()},
        PLATFORM: shares[PLATFORM] + fee,
    }
