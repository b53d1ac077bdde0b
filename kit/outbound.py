"""Posts to addresses that strangers choose, and to nothing of our own.

A name is resolved when the connection is made, every address it has is checked, and the connection goes to one of
those: a name cannot point elsewhere between the check and the call. TLS still verifies the name. There are no
redirects, no proxies, no cookies and no compression here.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import certifi
import httpcore

from kit.addresses import is_public

Resolve = Callable[[str, int], Awaitable[list[str]]]

_READ_BYTES = 4096
_CONNECTIONS = 10


class ForbiddenAddress(httpcore.ConnectError):
    """The name leads to an address that is not the world's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: a status and the beginning of the body, or in `failure` why nothing did. `seconds` is how long
    it took."""

    status: int | None = None
    text: str = ""
    retry_after: str | None = None
    failure: str | None = None
    seconds: float = field(default=0.0, compare=False)


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of the name."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to checked addresses only."""

    def __init__(self, resolve: Resolve, *, private: bool) -> None:
        self._resolve, self._private = resolve, private
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - as the base class has it
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"{host} has no address") from error
        if not self._private and not all(is_public(address) for address in addresses):
            raise ForbiddenAddress(f"{host} leads to an address that is not public")
        failed: httpcore.ConnectError | httpcore.ConnectTimeout = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


def trusting_the_worlds_authorities() -> ssl.SSLContext:
    """What certificates are verified with. It takes a while to make: make it once."""
    return ssl.create_default_context(cafile=certifi.where())


class Outbound:
    """Connections for one who is posted to, kept for as long as the block lasts. `private` lets it reach this machine
    and its network."""

    def __init__(
        self,
        *,
        private: bool,
        tls: ssl.SSLContext | None = None,
        timeout: float = 15.0,
        resolve: Resolve = resolve,
    ) -> None:
        self._timeout = timeout
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or trusting_the_worlds_authorities(),
            max_connections=_CONNECTIONS,
            network_backend=_CheckedNetwork(resolve, private=private),
        )

    async def __aenter__(self) -> "Outbound":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Posts once, within the timeout from the first byte to the last; never raises for what the other side does."""
        began = time.monotonic()
        answer = await self._answer(url, headers, body)
        return replace(answer, seconds=time.monotonic() - began)

    async def _answer(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            async with asyncio.timeout(self._timeout):
                return await self._post(url, headers, body)
        except TimeoutError:
            return Answer(failure=f"no answer within {self._timeout:g} seconds")
        except ForbiddenAddress as error:
            return Answer(failure=str(error))
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, OSError) as error:
            return Answer(failure=f"{type(error).__name__}: {error}")

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        sent = [(name.encode(), value.encode()) for name, value in headers.items()]
        async with self._pool.stream("POST", url, headers=sent, content=body) as response:
            text = await _beginning(response)
            told = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            return Answer(status=response.status, text=text, retry_after=told.get(b"retry-after"))


async def _beginning(response: httpcore.Response) -> str:
    """As much of the body as is worth reading; what is longer ends its connection."""
    read = b""
    async for part in response.aiter_stream():
        read += part
        if len(read) >= _READ_BYTES:
            break
    return read[:_READ_BYTES].decode("utf-8", "replace")
