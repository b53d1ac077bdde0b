"""The Strawberry schema as the transport wants it: weighed documents, public errors, quiet logs."""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.extensions import SchemaExtension
from strawberry.types import ExecutionContext

from schema.transport.documents import Documents
from schema.transport.errors import ErrorCode, Refused, code_of, public
from schema.transport.limits import Limits
from schema.transport.plain import PlainExecutor

logger = logging.getLogger(__name__)


class Schema(strawberry.Schema):
    """`strawberry.Schema` that limits, remembers and validates documents, and codes and masks errors.

    In `production` there is no introspection and no "did you mean". Further extensions find the cost of the
    operation in `execution_context.extensions_results["cost"]["requested"]` from `on_validate` on; what they add
    to that dict is sent to the client.
    """

    def __init__(
        self,
        query: type,
        mutation: type | None = None,
        subscription: type | None = None,
        *,
        limits: Limits | None = None,
        production: bool = True,
        extensions: Iterable[type[SchemaExtension] | Callable[[], SchemaExtension]] = (),
        **options: Any,
    ) -> None:
        super().__init__(
            query,
            mutation,
            subscription,
            extensions=[lambda: _Planned(self.documents), *extensions],
            execution_context_class=_QuietExecutor,
            **options,
        )
        self.limits = limits or Limits()
        self.production = production
        self.documents = Documents(self._schema, self.limits, production=production)

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Replaces the errors in place by what the client may see. Strawberry would log the query text."""
        errors[:] = [public(part) for error in errors for part in _parts(error)]
        for error in errors:
            if code_of(error) is not ErrorCode.INTERNAL:
                logger.debug("Refused with %s", code_of(error))


def _parts(error: GraphQLError) -> Iterable[GraphQLError]:
    return error.original_error.errors if isinstance(error.original_error, Refused) else (error,)


class _Planned(SchemaExtension):
    """Hands the document that was planned to Strawberry, which then neither parses nor validates it again."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._said = False

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        plan = self._documents.plan(context.query or "", context._provided_operation_name, context.variables)
        context.graphql_document = plan.document
        context.pre_execution_errors = []
        context.extensions_results["cost"] = {"requested": plan.cost}
        yield

    def get_results(self) -> dict[str, Any]:
        if self._said:  # a subscription says it with its first event only
            self.execution_context.extensions_results.pop("cost", None)
        self._said = True
        return {}


class _QuietExecutor(PlainExecutor):
    """Suggestions name fields and enum values, so they would undo hidden introspection."""

    @classmethod
    def build(cls, *args: Any, **options: Any) -> Any:
        return super().build(*args, **{**options, "hide_suggestions": True})
