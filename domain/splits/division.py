"""Divides whole numbers of minor units so that nothing is lost. Pure."""

from collections.abc import Mapping, Sequence


def largest_remainder(total: int, weights: Sequence[int]) -> list[int]:
    """The total in parts by their weights: each is rounded down, and what is left goes, one by one, to the largest
    remainders; among equal ones to the first. The weights add up to more than 0."""
    scale = sum(weights)
    parts = [total * weight // scale for weight in weights]
    remainders = [total * weight % scale for weight in weights]
    first = sorted(range(len(weights)), key=lambda number: (-remainders[number], number))
    for number in first[: total - sum(parts)]:
        parts[number] += 1
    return parts


def portion(total: int, parts: Sequence[int]) -> list[int]:
    """What each of the parts comes to when only `total` of their sum is there, from 0 to all of it.

    The parts of 0 are 0, those of the whole are the parts, they always add up to the total, and none shrinks when the
    total grows. (By largest remainders one may.)
    """
    rest, left, found = total, sum(parts), list[int]()
    for part in parts:
        taken = (2 * rest * part + left) // (2 * left) if left else 0
        found.append(taken)
        rest, left = rest - taken, left - part
    return found


def covered(amounts: Mapping[str, int], step: int, own: str) -> dict[str, int]:
    """The amounts once the others, in proportion, have made up for those below 0: these become 0. Only `own` stays
    below, with what is more than there is, or no whole step."""
    there = {name: max(0, amount) for name, amount in amounts.items()}
    lacking = sum(there.values()) - sum(amounts.values())
    if not lacking:
        return dict(amounts)
    taken = divided(lacking, there, step, own)
    return {name: there.get(name, 0) - taken[name] for name in {**there, own: 0}}


def divided(total: int, parts: Mapping[str, int], step: int, own: str) -> dict[str, int]:
    """`portion` by names, in whole steps of `step` minor units; what is no whole step is left to `own`. The names are
    taken in their own order: a database may return them in another one than they were kept in."""
    whole = total // step
    units = {name: amount // step for name, amount in sorted(parts.items())}
    most = sum(units.values())
    found = dict(zip(units, portion(min(whole, most), list(units.values())), strict=True))
    shares = {name: units * step for name, units in found.items()}
    shares[own] = shares.get(own, 0) + total - sum(shares.values())
    return shares
