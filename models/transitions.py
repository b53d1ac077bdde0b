"""How a status may move: each machine declares its edges in one table, and only `advance` walks them."""

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

StatusT = TypeVar("StatusT", bound=StrEnum)


class IllegalMove(Exception):
    """The table has no edge between the two statuses."""

    def __init__(self, before: StrEnum, after: StrEnum) -> None:
        super().__init__(f"{type(before).__name__} cannot go from {before.name} to {after.name}")
        self.before, self.after = before, after


def advance(edges: Mapping[StatusT, frozenset[StatusT]], before: StatusT, after: StatusT) -> StatusT:
    """The status after the move; raises IllegalMove unless `edges` allows it."""
    if after not in edges[before]:
        raise IllegalMove(before, after)
    return after
