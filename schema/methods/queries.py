"""Asking which payment methods can be offered."""

from typing import Annotated

import strawberry
from strawberry.types import Info

from domain.methods import availability
from domain.methods.countries import COUNTRIES
from kit.money import EXPONENTS, MAX_MINOR
from models import Recurrence, Scope
from schema.errors import bad_request
from schema.methods.types import PaymentMethodAvailability
from schema.permissions import context_of, query
from schema.scalars import CurrencyCode, MinorUnits

Country = Annotated[
    str, strawberry.argument(description="The country the payer is in, as an ISO 3166-1 alpha-2 code such as NL.")
]
Currency = Annotated[CurrencyCode, strawberry.argument(description="The currency to be paid.")]
Amount = Annotated[MinorUnits, strawberry.argument(description="What is to be paid, in minor units, at least 1.")]
Type = Annotated[Recurrence, strawberry.argument(description="Whether the payment is to recur.")]


@strawberry.type
class MethodQueries:
    @query(
        Scope.PAYMENTS_READ,
        Scope.CHECKOUT,
        description="Which payment methods can be offered for an amount to a payer in a country, and why not the"
        " others. The same for every merchant.",
    )
    def available_payment_methods(
        self, info: Info, country: Country, currency: Currency, amount: Amount, type: Type = Recurrence.SALE
    ) -> PaymentMethodAvailability:
        gateway = context_of(info).services.gateways.default
        code = _country(country)
        _check(currency, amount)
        found = availability.availability(code, currency, amount, type, gateway.capabilities)
        return PaymentMethodAvailability.of(found, gateway.name, currency)


def _country(country: str) -> str:
    code = country.upper()
    if code not in COUNTRIES:
        raise bad_request(f"{country[:10]!r} is no ISO 3166-1 alpha-2 code of a country, such as NL.")
    return code


def _check(currency: str, amount: int) -> None:
    if currency not in EXPONENTS:
        raise bad_request(f"{currency!r} is no ISO 4217 currency in use.")
    if not 1 <= amount <= MAX_MINOR:
        raise bad_request("The amount must be 1 to 2^53-1 minor units.")
