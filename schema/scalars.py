"""The scalars of the API, and money."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, NewType

import strawberry

from kit import money

MinorUnits = NewType("MinorUnits", int)
CurrencyCode = NewType("CurrencyCode", str)
Cursor = NewType("Cursor", str)

Locale = Annotated[str, strawberry.argument(description="A language tag, such as en, de-AT or ja.")]


def _minor_units(value: Any) -> MinorUnits:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("MinorUnits is an integer of minor units, such as 1050 for EUR 10.50.")
    return MinorUnits(value)


def _currency(value: Any) -> CurrencyCode:
    if not isinstance(value, str) or not value.isascii() or not value.isalpha() or len(value) != 3:
        raise ValueError("CurrencyCode is three letters of ISO 4217, such as EUR.")
    return CurrencyCode(value.upper())


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("DateTime needs its offset from UTC, such as 2026-01-31T12:00:00Z.")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("DateTime is out of range.") from None


def _cursor(value: Any) -> Cursor:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("Cursor is a text that an earlier answer gave.")
    return Cursor(value)


SCALARS: dict[object, Any] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description="A moment as ISO 8601 with its offset from UTC. Answers are in UTC.",
        serialize=datetime.isoformat,
        parse_value=_moment,
    ),
    MinorUnits: strawberry.scalar(
        name="MinorUnits",
        description="An amount as a whole number of the currency's minor unit (cents for EUR, yen for JPY, thousandths"
        " for KWD), up to 2^53-1.",
        serialize=int,
        parse_value=_minor_units,
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="An ISO 4217 currency code, such as EUR.",
        serialize=str,
        parse_value=_currency,
    ),
    Cursor: strawberry.scalar(
        name="Cursor",
        description="A place in a list or a stream. Opaque: take it from an answer and give it back.",
        serialize=str,
        parse_value=_cursor,
    ),
}


@strawberry.type(description="An exact amount of money.")
class Money:
    amount_minor: MinorUnits = strawberry.field(description="The amount in minor units of the currency.")
    currency: CurrencyCode = strawberry.field(description="The currency.")

    @strawberry.field(description="How many decimals the currency's minor unit has: 2 for EUR, 0 for JPY, 3 for KWD.")
    def exponent(self) -> int:
        return money.EXPONENTS[self.currency]

    @strawberry.field(description='The amount in major units, exact, such as "10.50".')
    def decimal(self) -> str:
        value: Decimal = money.decimal_of(self.amount_minor, self.currency)
        return f"{value:f}"

    @strawberry.field(description="The amount as readers of the locale expect it; an unknown locale reads as English.")
    def formatted(self, locale: Locale = "en") -> str:
        return money.formatted(self.amount_minor, self.currency, locale[:20])


def money_of(amount_minor: int, currency: str) -> Money:
    return Money(amount_minor=MinorUnits(amount_minor), currency=CurrencyCode(currency))


@strawberry.input(description="An amount of money.")
class MoneyInput:
    amount_minor: MinorUnits = strawberry.field(description="The amount in minor units of the currency, at least 1.")
    currency: CurrencyCode = strawberry.field(description="The currency.")
