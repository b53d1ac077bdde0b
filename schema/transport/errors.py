"""What a client is told when something goes wrong, and what the log is told instead."""

import logging
import re
import secrets
import traceback
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from graphql import FieldNode, GraphQLError

logger = logging.getLogger(__name__)


class ErrorCode(StrEnum):
    """`extensions.code` of every top-level error; there are no others."""

    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    THROTTLED = "THROTTLED"
    BAD_REQUEST = "BAD_REQUEST"
    INTERNAL = "INTERNAL"

    @property
    def http_status(self) -> int:
        return _STATUSES[self]


_CODES = frozenset(code.value for code in ErrorCode)
_STATUSES = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.THROTTLED: 429,
    ErrorCode.BAD_REQUEST: 400,
    ErrorCode.INTERNAL: 500,
}


class ApiError(Exception):
    """A refusal whose sentence the client may read. `retryAfterMs` among the extensions sets Retry-After."""

    def __init__(self, code: ErrorCode, message: str, **extensions: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.extensions: dict[str, object] = {"code": code.value, **extensions}


class Refused(Exception):
    """A request that is answered before anything is executed.

    Without a `status` it is GraphQL that refuses, and the code of the first error says the status.
    """

    def __init__(
        self,
        errors: Sequence[GraphQLError],
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(errors[0].message)
        self.errors = errors
        self.status = status
        self.headers = headers or {}
        self.extensions = errors[0].extensions  # for graphql-core, should it wrap this


class ClientGone(Exception):
    """There is nobody left to answer. (An OSError would not do: a database that is away raises it, too.)"""


def refused(message: str, status: int | None = 400, **headers: str) -> Refused:
    """A BAD_REQUEST in one sentence; `Retry_After="1"` spells a header."""
    error = GraphQLError(message, extensions={"code": ErrorCode.BAD_REQUEST.value})
    return Refused([error], status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})


def code_of(error: GraphQLError) -> ErrorCode:
    """The code of an error that `public` has seen."""
    return ErrorCode(str((error.extensions or {}).get("code", ErrorCode.INTERNAL)))


def public(error: Exception) -> GraphQLError:
    """The error as the client sees it: coded, and masked (and logged, once) unless it was meant to be read."""
    if not isinstance(error, GraphQLError):
        error = GraphQLError(str(error), original_error=error)
    code = (error.extensions or {}).get("code")
    if isinstance(code, str) and code in _CODES:
        return error
    if _is_the_clients(error):
        return _replaced(error, error.message, {"code": ErrorCode.BAD_REQUEST.value})
    return _masked(error)


def bad_request(error: GraphQLError) -> GraphQLError:
    """An error of parsing or validating, coded."""
    return _replaced(error, error.message, {"code": ErrorCode.BAD_REQUEST.value})


def _is_the_clients(error: GraphQLError) -> bool:
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        return False
    if error.path is None:
        return True  # found before the execution: variables
    # graphql-core blames an argument or a value for bad input, the field for everything else.
    return any(not isinstance(node, FieldNode) for node in error.nodes or ())


def _masked(error: GraphQLError) -> GraphQLError:
    reference = secrets.token_hex(6)
    where = ".".join(part for part in error.path or () if isinstance(part, str))
    logger.error("Internal error %s at %s\n%s", reference, where or "the request", describe(error))
    sentence = f"Something went wrong on our side. Quote {reference} when you ask us about it."
    return _replaced(error, sentence, {"code": ErrorCode.INTERNAL.value, "reference": reference})


def _replaced(error: GraphQLError, message: str, extensions: dict[str, Any]) -> GraphQLError:
    return GraphQLError(message, error.nodes, error.source, error.positions, error.path, None, extensions)


def retry_after(error: GraphQLError) -> dict[str, str]:
    """The header that goes with THROTTLED."""
    if code_of(error) is not ErrorCode.THROTTLED:
        return {}
    wait = (error.extensions or {}).get("retryAfterMs")
    return {"Retry-After": str(max(1, -(-wait // 1000)) if isinstance(wait, int) else 1)}


INNERMOST_FRAMES = 20
_SECRETS = re.compile(r"\d(?:[ -]?\d){11,18}|\b(?:sk|rk|pk|whsec)_\w{6,}")


def describe(error: BaseException) -> str:
    """The traceback with its causes, without query text and with card numbers and keys struck out.

    `traceback` itself would print a GraphQLError together with the lines of the query it points at.
    """
    while isinstance(error, GraphQLError) and error.original_error is not None:
        error = error.original_error
    return _SECRETS.sub("[redacted]", "\n".join(_chain(error)))


def _chain(error: BaseException | None) -> Iterator[str]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        message = error.message if isinstance(error, GraphQLError) else str(error)
        frames = "".join(traceback.format_tb(error.__traceback__, limit=-INNERMOST_FRAMES))
        yield f"{frames}{type(error).__name__}: {message}"
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
