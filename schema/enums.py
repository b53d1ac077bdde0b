"""Enums of the domain as the API shows them: Strawberry learns them here, with a sentence for each of their values."""

from enum import Enum
from typing import Any, TypeVar

import strawberry

EnumT = TypeVar("EnumT", bound=Enum)


def show(kind: type[EnumT], description: str, **values: str) -> type[EnumT]:
    """Registers the enum. Every member has its sentence: one that is missing is a KeyError at import."""
    shown: Any = kind
    if hasattr(kind, "__strawberry_definition__"):  # a field that was made before has registered it already
        shown.__strawberry_definition__.description = description
    else:
        strawberry.enum(kind, description=description)
    for value in shown.__strawberry_definition__.values:
        value.description = values[value.name]
    return kind
