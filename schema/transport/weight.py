"""How heavy an operation is, found in one walk before anything else looks at the document.

Each selection set is walked once, and so is each fragment, wherever it is spread: what a fragment weighs does
not depend on the place, except for the page size of the connection around it. That one unknown is carried along
symbolically (`cost + paged * size`), so the walk stays linear where the answer would be exponential.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_list_type,
)

from schema.transport.limits import Limits

PAGE_ARGUMENTS = ("first", "last", "ids")
INTROSPECTION = ("__schema", "__type")
HAS_FIELDS = (GraphQLObjectType, GraphQLInterfaceType)
DEEPEST_NESTING = 100  # of selection sets on one path, spreads included: a bound for the recursion itself


class TooHeavy(Exception):
    """The document breaks a limit; the message says which one."""


class Weight(NamedTuple):
    """Of one selection set, with all fragments expanded."""

    depth: int = 0
    width: int = 0  # fields directly in it
    aliases: int = 0
    cost: int = 0  # field values in the answer
    paged: int = 0  # further field values for each row of the connection this set belongs to

    def __add__(self, other: "Weight") -> "Weight":  # type: ignore[override]
        return Weight(
            max(self.depth, other.depth),
            self.width + other.width,
            self.aliases + other.aliases,
            self.cost + other.cost,
            self.paged + other.paged,
        )


SizeOf = Callable[[ValueNode], int]


class Scale:
    """Weighs the operations of one document with the given sizes of pages."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, limits: Limits, size_of: SizeOf) -> None:
        self._schema = schema
        self._document = document
        self._limits = limits
        self._size_of = size_of
        self._fragments = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }
        self._weights: dict[str, Weight] = {}
        self._nesting = 0

    def all(self) -> Iterator[Weight]:
        """The weight of every operation; raises TooHeavy, also for a fragment that is nowhere spread."""
        for name in self._fragments:
            self._spread(name)
        for node in self._document.definitions:
            if isinstance(node, OperationDefinitionNode):
                yield self.operation(node)

    def operation(self, node: OperationDefinitionNode) -> Weight:
        """The weight of one operation; raises TooHeavy."""
        root = self._schema.get_root_type(node.operation)
        weight = self._set(node.selection_set, root)
        cost = weight.cost + weight.paged * self._limits.list_size
        if node.operation is OperationType.MUTATION:
            cost += weight.width * self._limits.mutation_cost
        return weight._replace(cost=cost, paged=0)

    def _set(self, node: SelectionSetNode, parent: GraphQLNamedType | None) -> Weight:
        self._nesting += 1
        if self._nesting > DEEPEST_NESTING:
            raise TooHeavy("The document is nested too deeply.")
        total = Weight()
        for selection in node.selections:
            if isinstance(selection, FieldNode):
                total += self._field(selection, parent)
            elif isinstance(selection, FragmentSpreadNode):
                total += self._spread(selection.name.value)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                total += self._set(selection.selection_set, self._type(condition.name.value) if condition else parent)
        self._nesting -= 1
        if total.width > self._limits.width:
            raise TooHeavy(f"A selection may have at most {self._limits.width} fields, fragments included.")
        return total

    def _spread(self, name: str) -> Weight:
        weight = self._weights.get(name)
        if weight is None:
            # A cycle finds this empty weight; validation refuses the document for the cycle.
            self._weights[name] = Weight()
            fragment = self._fragments.get(name)
            weight = Weight() if fragment is None else self._fragment(fragment)
            self._weights[name] = weight
        return weight

    def _fragment(self, node: FragmentDefinitionNode) -> Weight:
        return self._set(node.selection_set, self._type(node.type_condition.name.value))

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Weight:
        aliases = 1 if node.alias else 0
        if parent is self._schema.query_type and node.name.value in INTROSPECTION:
            return Weight(width=1, aliases=aliases, cost=1)  # bounded, or refused, by validation
        if node.selection_set is None:
            return Weight(1, 1, aliases, 1)
        field = parent.fields.get(node.name.value) if isinstance(parent, HAS_FIELDS) else None
        inner = self._set(node.selection_set, get_named_type(field.type) if field else None)
        cost, paged = self._cost(inner, self._page(node, field), field is not None and _is_list(field.type))
        return Weight(inner.depth + 1, 1, aliases + inner.aliases, cost, paged)

    def _cost(self, inner: Weight, page: int | None, is_list: bool) -> tuple[int, int]:
        if not is_list:
            return 1 + inner.cost + inner.paged * (self._limits.list_size if page is None else page), 0
        row = inner.cost + inner.paged * self._limits.list_size
        # A list without a page argument of its own has the rows of the connection around it (`edges`, `nodes`).
        return (1, row) if page is None else (1 + page * row, 0)

    def _page(self, node: FieldNode, field: GraphQLField | None) -> int | None:
        given = {argument.name.value: argument.value for argument in node.arguments or ()}
        sizes = [self._size_of(given[name]) for name in PAGE_ARGUMENTS if name in given]
        if sizes:
            return min(max(0, *sizes), self._limits.page_size)
        defaults = [field.args[name].default_value for name in PAGE_ARGUMENTS if field and name in field.args]
        if not defaults:
            return None
        return next((size for size in defaults if isinstance(size, int)), self._limits.default_page_size)

    def _type(self, name: str) -> GraphQLNamedType | None:
        return self._schema.type_map.get(name)


def _is_list(type_: GraphQLOutputType) -> bool:
    return is_list_type(type_.of_type if isinstance(type_, GraphQLNonNull) else type_)


def page_of(value: object, limits: Limits) -> int:
    """The size of a page that a variable asks for; anything unreadable counts as a full page."""
    if value is None:
        return limits.default_page_size
    if isinstance(value, int):
        return max(0, value)
    return len(value) if isinstance(value, list) else limits.page_size


def page_in(node: ValueNode, variables: Mapping[str, object] | None, limits: Limits) -> int:
    """The same for a literal; without `variables` a variable counts as a full page."""
    if isinstance(node, VariableNode):
        return limits.page_size if variables is None else page_of(variables.get(node.name.value), limits)
    if isinstance(node, NullValueNode):
        return limits.default_page_size
    if isinstance(node, ListValueNode):
        return len(node.values)
    if isinstance(node, StringValueNode):
        return 1  # one id where a list is expected
    return int(node.value) if isinstance(node, IntValueNode) and len(node.value) < 10 else limits.page_size


def check(weight: Weight, limits: Limits) -> None:
    """Raises TooHeavy when an operation breaks a limit that does not depend on variables."""
    bounds = (
        ("levels deep", weight.depth, limits.depth),
        ("root fields", weight.width, limits.root_fields),
        ("aliases, fragments included", weight.aliases, limits.aliases),
    )
    for what, found, most in bounds:
        if found > most:
            raise TooHeavy(f"An operation may have at most {most} {what}; this one has {min(found, 10**6)}.")
