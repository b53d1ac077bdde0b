"""Parsed, weighed and validated documents, remembered by their text."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from graphql import (
    ASTValidationRule,
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    TokenKind,
    VariableNode,
    parse,
    specified_rules,
    validate,
)
from graphql.language import ValueNode
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.transport.errors import Refused, bad_request
from schema.transport.limits import Limits
from schema.transport.weight import Scale, TooHeavy, check, page_in, page_of

MOST_ERRORS = 20
REMEMBERED_COSTS = 64


class Plan(NamedTuple):
    """One operation that may be executed."""

    document: DocumentNode
    kind: OperationType
    cost: int


@dataclass(slots=True)
class _Document:
    ast: DocumentNode
    tokens: int
    operations: dict[str | None, OperationDefinitionNode]  # by name
    page_variables: tuple[str, ...]  # those that the cost depends on
    costs: dict[tuple[object, ...], int]


class Documents:
    """What the texts that clients send mean. Valid ones are kept, bounded by number and by tokens."""

    def __init__(self, schema: GraphQLSchema, limits: Limits, *, production: bool) -> None:
        self._schema = schema
        self._limits = limits
        self._hide_suggestions = production
        self._rules: tuple[type[ASTValidationRule], ...] = (
            *specified_rules,
            MaybeNullValidationRule,
            OneOfInputValidationRule,
            *((NoSchemaIntrospectionCustomRule,) if production else ()),
        )
        self._known: OrderedDict[str, _Document] = OrderedDict()
        self._tokens = 0

    def plan(self, query: str, operation_name: str | None, variables: Mapping[str, object] | None) -> Plan:
        """The operation to execute, with what it costs with these variables; raises Refused."""
        document = self._recall(query)
        node = _select(document, operation_name)
        cost = self._cost(document, node, {**self._defaults(node), **(variables or {})})
        if cost > self._limits.cost:
            raise _refused(
                f"This operation costs {min(cost, 10**9)} of at most {self._limits.cost}: ask for smaller pages."
            )
        return Plan(document.ast, node.operation, cost)

    def _recall(self, query: str) -> _Document:
        document = self._known.get(query)
        if document is not None:
            self._known.move_to_end(query)
            return document
        document = self._read(query)
        self._known[query] = document
        self._tokens += document.tokens
        while self._tokens > self._limits.cached_tokens or len(self._known) > self._limits.cached_documents:
            self._tokens -= self._known.popitem(last=False)[1].tokens
        return document

    def _read(self, query: str) -> _Document:
        ast = self._parse(query)
        page_variables = self._weigh(ast)
        errors = validate(
            self._schema, ast, self._rules, max_errors=MOST_ERRORS, hide_suggestions=self._hide_suggestions
        )
        if errors:
            raise Refused([bad_request(error) for error in errors])
        operations = {
            node.name.value if node.name else None: node
            for node in ast.definitions
            if isinstance(node, OperationDefinitionNode)
        }
        return _Document(ast, ast.token_count or 0, operations, page_variables, {})

    def _parse(self, query: str) -> DocumentNode:
        most = self._limits.tokens
        try:
            ast = parse(query, max_lexical_tokens=most, max_comments=most)
        except GraphQLError as error:
            raise Refused([bad_request(error)]) from None
        if len(ast.definitions) > self._limits.definitions:
            raise _refused(f"A document may have at most {self._limits.definitions} operations and fragments.")
        if _directives(ast) > self._limits.directives:
            raise _refused(f"A document may have at most {self._limits.directives} directives.")
        return ast

    def _weigh(self, ast: DocumentNode) -> tuple[str, ...]:
        """Refuses what is too heavy whatever the variables are; returns those that the cost depends on."""
        page_variables: set[str] = set()

        def size_of(node: ValueNode) -> int:
            if isinstance(node, VariableNode):
                page_variables.add(node.name.value)
            return page_in(node, None, self._limits)

        try:
            for weight in Scale(self._schema, ast, self._limits, size_of).all():
                check(weight, self._limits)
        except TooHeavy as reason:
            raise _refused(str(reason)) from None
        return tuple(sorted(page_variables))

    def _defaults(self, node: OperationDefinitionNode) -> dict[str, object]:
        return {
            definition.variable.name.value: page_in(definition.default_value, None, self._limits)
            for definition in node.variable_definitions or ()
            if definition.default_value is not None
        }

    def _cost(self, document: _Document, node: OperationDefinitionNode, variables: Mapping[str, object]) -> int:
        limits = self._limits
        sizes = (page_of(variables.get(name), limits) for name in document.page_variables)
        key = (node.name.value if node.name else None, *sizes)
        cost = document.costs.get(key)
        if cost is None:
            scale = Scale(self._schema, document.ast, limits, lambda value: page_in(value, variables, limits))
            cost = scale.operation(node).cost
            if len(document.costs) < REMEMBERED_COSTS:
                document.costs[key] = cost
        return cost


def _directives(ast: DocumentNode) -> int:
    token = ast.loc.start_token if ast.loc else None
    count = 0
    while token is not None:
        count += token.kind is TokenKind.AT
        token = token.next
    return count


def _select(document: _Document, name: str | None) -> OperationDefinitionNode:
    if name is not None:
        node = document.operations.get(name)
        if node is None:
            raise _refused("The document has no operation with the given operationName.")
        return node
    if len(document.operations) != 1:
        raise _refused("The document has several operations: choose one with operationName.")
    return next(iter(document.operations.values()))


def _refused(message: str) -> Refused:
    return Refused([bad_request(GraphQLError(message))])
