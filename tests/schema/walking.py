"""Walks over the whole API, as a client sees it and as it is declared."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from graphql import GraphQLArgument, GraphQLField, GraphQLNamedType, GraphQLSchema, get_named_type
from graphql import is_interface_type as is_interface
from graphql import is_object_type as is_object

from models import Scope
from schema.api import build_schema

SCHEMA = build_schema(production=True)
CORE: GraphQLSchema = SCHEMA._schema
ROOTS = ("Query", "Mutation", "LiveUpdates")

_SCOPES = re.compile(r"\n\nScope: (`[a-z:]+`(?: or `[a-z:]+`)*)\.$")


class Place(NamedTuple):
    """A field of a type."""

    type_name: str
    name: str
    field: GraphQLField

    def __str__(self) -> str:
        return f"{self.type_name}.{self.name}"

    @property
    def scopes(self) -> frozenset[Scope] | None:
        """The scopes that its description declares, None when it declares none."""
        found = _SCOPES.search(self.field.description or "")
        return frozenset(Scope(name.strip("`")) for name in found[1].split(" or ")) if found else None


def types() -> Iterator[GraphQLNamedType]:
    """Every type but those of introspection and of GraphQL itself."""
    builtin = {"String", "Int", "Boolean", "ID"}
    return (t for name, t in CORE.type_map.items() if not name.startswith("__") and name not in builtin)


def fields() -> Iterator[Place]:
    for kind in types():
        if is_object(kind) or is_interface(kind):
            yield from (Place(kind.name, name, field) for name, field in kind.fields.items())


def arguments() -> Iterator[tuple[str, GraphQLArgument]]:
    for place in fields():
        yield from ((f"{place}({name})", argument) for name, argument in place.field.args.items())


def reachable(scope: Scope) -> set[str]:
    """Every field that a key with this one scope can come to, by whatever way."""
    found: set[str] = set()
    seen: set[str] = set()
    by_type: dict[str, list[Place]] = {}
    for place in fields():
        by_type.setdefault(place.type_name, []).append(place)
    waiting = list(ROOTS)
    while waiting:
        kind = waiting.pop()
        if kind in seen:
            continue
        seen.add(kind)
        for place in by_type.get(kind, ()):
            if place.scopes is not None and scope not in place.scopes:
                continue
            found.add(str(place))
            waiting.append(get_named_type(place.field.type).name)
    return found
