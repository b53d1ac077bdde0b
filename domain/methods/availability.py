"""Which methods a payment can be offered, and for each of the others why not."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from domain.methods.method import Method, PaymentMethodType
from domain.methods.table import BY_TYPE, TABLE, VERSION
from domain.refusals import Fault, Refusal
from gateways.capabilities import Capabilities
from kit.money import formatted
from models import Recurrence


class ExclusionReason(StrEnum):
    """Why a method is not offered. The first that holds is told, in this order."""

    GATEWAY = "gateway"
    COUNTRY = "country"
    CURRENCY = "currency"
    AMOUNT_TOO_SMALL = "amount_too_small"
    AMOUNT_TOO_LARGE = "amount_too_large"
    NOT_RECURRING = "not_recurring"


@dataclass(frozen=True, slots=True)
class Offer:
    """A method that can be offered, with the least and the most it takes in the currency where that is known."""

    method: Method
    min_minor: int | None
    max_minor: int | None


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A method that cannot be offered; `sentence` is for people."""

    method: Method
    reason: ExclusionReason
    sentence: str


@dataclass(frozen=True, slots=True)
class Availability:
    """Every method of the table, in its order: either offered or excluded."""

    version: str
    available: tuple[Offer, ...]
    excluded: tuple[Exclusion, ...]


class MethodNotAvailable(Refusal):
    """The payer's choice cannot pay this order."""

    def __init__(self, sentence: str) -> None:
        super().__init__(Fault("METHOD_NOT_AVAILABLE", sentence, ("method",)))


@dataclass(frozen=True, slots=True)
class _Wish:
    """A payment somebody wants to make. `country` None is not known."""

    country: str | None
    currency: str
    amount_minor: int
    recurrence: Recurrence
    capabilities: Capabilities

    def bounds(self, method: Method) -> tuple[int | None, int | None]:
        """The least and the most, by the method's own limits and the gateway's."""
        name = method.gateway_name or ""
        least = (method.minimums.get(self.currency), self.capabilities.minimums.get(self.currency))
        most = (method.maximums.get(self.currency), self.capabilities.maximum(name, self.currency))
        return (
            max((limit for limit in least if limit is not None), default=None),
            min((limit for limit in most if limit is not None), default=None),
        )


def availability(
    country: str | None, currency: str, amount_minor: int, recurrence: Recurrence, capabilities: Capabilities
) -> Availability:
    """What can be offered to a payer in the country (anywhere, when None) for an amount in minor units."""
    wish = _Wish(country, currency, amount_minor, recurrence, capabilities)
    exclusions = {method.type: next(_exclusions(method, wish), None) for method in TABLE}
    return Availability(
        version=VERSION,
        available=tuple(Offer(method, *wish.bounds(method)) for method in TABLE if exclusions[method.type] is None),
        excluded=tuple(exclusion for exclusion in exclusions.values() if exclusion is not None),
    )


def restriction(
    method_type: PaymentMethodType,
    currency: str,
    amount_minor: int,
    *,
    manual_capture: bool,
    capabilities: Capabilities,
) -> tuple[str, ...]:
    """The gateway's names of what a page for the chosen method shows.

    Raises MethodNotAvailable if it cannot pay the amount. The payer's country is not known here: the gateway looks
    at it on its page.
    """
    row = BY_TYPE[method_type]
    wish = _Wish(None, currency, amount_minor, Recurrence.SALE, capabilities)
    if exclusion := next(_exclusions(row, wish), None):
        raise MethodNotAvailable(exclusion.sentence)
    if manual_capture and not row.manual_capture:
        raise MethodNotAvailable(f"{row.title} takes the money at once; it cannot reserve it.")
    assert row.gateway_name is not None
    return (row.gateway_name,)


def _exclusions(method: Method, wish: _Wish) -> Iterator[Exclusion]:
    """Every reason that holds, the most fundamental first."""
    for reason, sentence in _reasons(method, wish):
        yield Exclusion(method, reason, sentence)


def _reasons(method: Method, wish: _Wish) -> Iterator[tuple[ExclusionReason, str]]:
    if method.gateway_name not in wish.capabilities.methods:
        yield ExclusionReason.GATEWAY, method.obstacle or f"The gateway has no {method.title} that can be asked for."
    if wish.country and method.countries is not None and wish.country not in method.countries:
        yield ExclusionReason.COUNTRY, f"{method.title} is for payers in {_listed(method.countries)} only."
    yield from _currency(method, wish)
    yield from _amount(method, wish)
    if wish.recurrence is Recurrence.RECC and not method.recurring:
        yield ExclusionReason.NOT_RECURRING, f"{method.title} pays once: it cannot be charged again without the payer."


def _currency(method: Method, wish: _Wish) -> Iterator[tuple[ExclusionReason, str]]:
    if wish.currency not in wish.capabilities.currencies:
        yield ExclusionReason.CURRENCY, f"The gateway does not charge {wish.currency}."
    if method.currencies is not None and wish.currency not in method.currencies:
        yield ExclusionReason.CURRENCY, f"{method.title} is paid in {_listed(method.currencies)} only."
    home = method.home.get(wish.country) if wish.country else None
    if home and wish.currency != home:
        yield ExclusionReason.CURRENCY, f"{method.title} is paid in {home} by payers in {wish.country}."


def _amount(method: Method, wish: _Wish) -> Iterator[tuple[ExclusionReason, str]]:
    least, most = wish.bounds(method)
    if least is not None and wish.amount_minor < least:
        sentence = f"The least for {method.title} is {formatted(least, wish.currency)}."
        yield ExclusionReason.AMOUNT_TOO_SMALL, sentence
    if most is not None and wish.amount_minor > most:
        yield ExclusionReason.AMOUNT_TOO_LARGE, f"The most for {method.title} is {formatted(most, wish.currency)}."
    step = wish.capabilities.steps.get(wish.currency, 1)
    if wish.amount_minor % step:
        yield ExclusionReason.GATEWAY, f"The gateway charges {wish.currency} in steps of {step} minor units."


def _listed(codes: frozenset[str]) -> str:
    *most, last = sorted(codes)
    return f"{', '.join(most)} and {last}" if most else last
