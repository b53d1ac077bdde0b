"""How Stripe writes amounts where its minor unit is not the ISO one."""

from kit.money import EXPONENTS

# Stripe's exponents where they differ from ISO 4217: ISK and UGX are written with two decimals that must be
# zero, MGA with none.
_WIRE_EXPONENTS = {"ISK": 2, "UGX": 2, "MGA": 0}


class NotRepresentable(ValueError):
    """The PSP cannot charge this amount exactly."""

    def __init__(self, amount_minor: int, currency: str) -> None:
        super().__init__(f"Stripe cannot charge {amount_minor} minor units of {currency} exactly.")


def to_wire(amount_minor: int, currency: str) -> int:
    """The amount as Stripe wants it; raises NotRepresentable where its units are coarser than ours."""
    if EXPONENTS[currency] == 3 and amount_minor % 10:
        raise NotRepresentable(amount_minor, currency)
    shift = _WIRE_EXPONENTS.get(currency, EXPONENTS[currency]) - EXPONENTS[currency]
    factor: int = 10 ** abs(shift)
    if shift >= 0:
        return amount_minor * factor
    wire, rest = divmod(amount_minor, factor)
    if rest:
        raise NotRepresentable(amount_minor, currency)
    return wire


def from_wire(amount: int, currency: str) -> int:
    """Stripe's amount in our minor units."""
    code = currency.upper()
    shift = EXPONENTS.get(code, 2) - _WIRE_EXPONENTS.get(code, EXPONENTS.get(code, 2))
    factor: int = 10 ** abs(shift)
    return amount * factor if shift >= 0 else amount // factor
