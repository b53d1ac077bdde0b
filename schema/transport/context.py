"""What the transport asks of the context that resolvers get as `info.context`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from starlette.requests import HTTPConnection

from schema.transport.errors import public


class Context(Protocol):
    """One for each HTTP request, stream and socket. A method `async def close(self)` is called at its end, if any.

    A socket's context serves all its operations: what it caches (a DataLoader does) gets old.
    """

    last_event_id: str | None

    @property
    def subscriber_key(self) -> str | None:
        """Whose subscriptions are counted together; None is not counted."""

    async def still_valid(self) -> bool:
        """Whether the credentials still hold; asked regularly while a stream or a socket is open."""


OpenContext = Callable[[HTTPConnection, Mapping[str, object] | None], Awaitable[Context]]
"""Authenticates a connection, for a socket with the payload of its `connection_init`; may raise ApiError."""

AllowOrigin = Callable[[str, HTTPConnection], Awaitable[bool]]
"""Whether pages of this origin may read our answers and open sockets."""


async def close(context: object) -> None:
    """Closes a context that wants it. The client has its answer: a failure here is the log's alone."""
    method = getattr(context, "close", None)
    if method is None:
        return
    try:
        await method()
    except Exception as error:
        public(error)  # logs it
