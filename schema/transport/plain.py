"""Reads plain attributes without the executor's ceremony: most values of an answer are such, and it costs them most.

For a field without a resolver the executor builds resolve info, a path and arguments, and asks three times whether
the value must be awaited, all to read an attribute. Here the attribute is read. Whatever is not simply there (a
resolver, a list, a null where none may be, a value that its type refuses) is left to the executor, which then
reports it as ever. Measured: half of the time that a list of orders spends in the executor.
"""

from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, NamedTuple, cast

from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, is_leaf_type
from graphql.pyutils import AwaitableOrValue, Undefined
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter


class _Plain(NamedTuple):
    """A field that is an attribute: a leaf has `coerce`, an object has its type."""

    attribute: str
    nullable: bool
    coerce: Callable[[Any], Any] | None
    type: GraphQLObjectType | None


class PlainExecutor(StrawberryGraphQLCoreExecutionContext):
    """The executor, with a shorter way to plain attributes."""

    def execute_fields(
        self,
        parent_type: GraphQLObjectType,
        source_value: Any,
        path: Any,
        grouped_field_set: Any,
        position_context: Any,
    ) -> AwaitableOrValue[dict[str, Any]]:
        if self.middleware_manager and self.middleware_manager.middlewares:  # which want to see every field
            return super().execute_fields(parent_type, source_value, path, grouped_field_set, position_context)
        results, rest = self._read(parent_type, source_value, grouped_field_set)
        if not rest:
            return results
        others = super().execute_fields(parent_type, source_value, path, rest, position_context)
        if self.is_awaitable(others):
            return _joined(results, others)
        results.update(cast("dict[str, Any]", others))
        return results

    def _read(
        self, parent_type: GraphQLObjectType, source: Any, grouped_field_set: Any
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The values in the order asked for, and the fields among them that the executor still has to fill in."""
        plain = _plain_fields(parent_type)
        results: dict[str, Any] = {}
        rest: dict[str, Any] = {}
        for name, details in grouped_field_set.items():
            field = plain.get(details[0].node.name.value)
            value = Undefined if field is None else self._value(field, source, details)
            results[name] = value
            if value is Undefined:
                rest[name] = details
        return results, rest

    def _value(self, field: _Plain, source: Any, details: Any) -> Any:
        """The completed value; Undefined for what the executor has to see."""
        value = getattr(source, field.attribute, Undefined)
        if value is None and field.nullable:
            return None
        if value is None or value is Undefined:
            return Undefined
        if field.coerce is not None:
            try:
                coerced = field.coerce(value)
            except Exception:
                return Undefined
            return Undefined if coerced is None else coerced
        assert field.type is not None
        fields, deferred, _ = self.collect_subfields(field.type, details)
        results, rest = self._read(field.type, value, fields)
        return Undefined if rest or deferred else results


async def _joined(results: dict[str, Any], others: Awaitable[dict[str, Any]]) -> dict[str, Any]:
    results.update(await others)
    return results


@lru_cache(maxsize=1024)
def _plain_fields(parent_type: GraphQLObjectType) -> dict[str, _Plain]:
    described = ((name, _described(field)) for name, field in parent_type.fields.items())
    return {name: plain for name, plain in described if plain}


def _described(field: GraphQLField) -> _Plain | None:
    nullable = not isinstance(field.type, GraphQLNonNull)
    inner: Any = field.type if nullable else field.type.of_type  # type: ignore[union-attr]
    definition = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    if definition is None or field.args or not definition.is_basic_field:  # it may have extensions, such as a guard
        return None
    if is_leaf_type(inner):
        return _Plain(definition.python_name, nullable, inner.coerce_output_value, None)
    if isinstance(inner, GraphQLObjectType) and inner.is_type_of is None:
        return _Plain(definition.python_name, nullable, None, inner)
    return None
