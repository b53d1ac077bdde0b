"""What a part of a period costs: pure arithmetic in minor units, to the second, each line rounded for itself."""

from __future__ import annotations


def share(amount_minor: int, start: int, end: int, moment: int, step: int) -> int:
    """What of an amount for (start, end) belongs to the time from `moment` to the end, to a multiple of `step`; halves
    are rounded up.

    At or before the start it is all of it, at or after the end nothing.
    """
    whole, left = end - start, min(end, max(start, moment))
    return step * rounded(amount_minor * (end - left), whole * step) if whole > 0 else 0


def rounded(dividend: int, divisor: int) -> int:
    """The quotient to the next whole number, halves away from zero."""
    sign = -1 if dividend < 0 else 1
    return sign * ((2 * abs(dividend) + divisor) // (2 * divisor))


def times(exact: str, quantity: int) -> int:
    """A decimal number of minor units times a quantity, to whole minor units, in integers only."""
    whole, _, rest = exact.partition(".")
    scale: int = 10 ** len(rest)
    return rounded(int(whole + rest) * quantity, scale)
