"""How GraphQL travels: HTTP, server-sent events and WebSockets, with their limits and refusals."""

from schema.transport.context import AllowOrigin, Context, OpenContext
from schema.transport.endpoint import GraphQLEndpoint
from schema.transport.errors import ApiError, ErrorCode
from schema.transport.limits import Limits
from schema.transport.schema import Schema

__all__ = ["AllowOrigin", "ApiError", "Context", "ErrorCode", "GraphQLEndpoint", "Limits", "OpenContext", "Schema"]
