"""What a gateway says it can do."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a gateway can do, declared by it. Amounts are in our minor units; what is not here is not known.

    `methods` are its names of what a hosted page can be restricted to. `steps` are where an amount must be a
    multiple of more than 1. `maximums` hold for methods without any of their own in `method_maximums`.
    """

    methods: frozenset[str]
    currencies: frozenset[str]
    minimums: Mapping[str, int]
    maximums: Mapping[str, int]
    method_maximums: Mapping[str, Mapping[str, int]]
    steps: Mapping[str, int]

    def maximum(self, method: str, currency: str) -> int | None:
        """The most that can be charged at once, None where none is known."""
        return self.method_maximums.get(method, self.maximums).get(currency)

    def most(self, currency: str) -> int | None:
        """The most that any method can charge at once, None where none is known."""
        known = (limits.get(currency) for limits in (self.maximums, *self.method_maximums.values()))
        return max((limit for limit in known if limit is not None), default=None)
