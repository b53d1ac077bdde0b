"""A small API that shows what the transport does with a resolver that is slow, fails, streams or pages."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.requests import HTTPConnection
from starlette.routing import Route, WebSocketRoute
from strawberry.types import Info

from schema.transport import ApiError, ErrorCode, GraphQLEndpoint, Limits, Schema

CARD = "4242424242424242"
FRIEND = "https://friend.example"
QUERY = {"query": "{ ping }"}
PING = {"data": {"ping": "pong"}, "extensions": {"cost": {"requested": 1}}}


@dataclass
class Journal:
    """What happened behind the transport, for tests to look at."""

    revoked: set[str] = field(default_factory=set)
    opened: list[str | None] = field(default_factory=list)
    closed_contexts: int = 0
    closed_streams: int = 0
    sent: int = 0
    mutations: list[str] = field(default_factory=list)


@dataclass
class ToyContext:
    journal: Journal
    key: str | None
    last_event_id: str | None = None

    @property
    def subscriber_key(self) -> str | None:
        return self.key

    async def still_valid(self) -> bool:
        return self.key not in self.journal.revoked

    async def close(self) -> None:
        self.journal.closed_contexts += 1


@strawberry.enum
class Colour(Enum):
    RED = "red"


@strawberry.type
class Node:
    name: str

    @strawberry.field
    def parent(self) -> "Node":
        return self

    @strawberry.field
    def children(self, first: int = 10, last: int | None = None) -> "NodeConnection":
        return NodeConnection(edges=[NodeEdge(cursor=str(n), node=Node(name=f"node {n}")) for n in range(first)])

    @strawberry.field
    def tags(self) -> "list[Node]":
        return []


@strawberry.type
class NodeEdge:
    cursor: str
    node: Node


@strawberry.type
class NodeConnection:
    edges: list[NodeEdge]


@strawberry.type
class Query:
    @strawberry.field
    def ping(self) -> str:
        return "pong"

    @strawberry.field
    async def slow(self, seconds: float = 0.1) -> str:
        await asyncio.sleep(seconds)
        return "at last"

    @strawberry.field
    def echo(self, text: str = "", number: int = 0, colour: Colour | None = None) -> str:
        return text

    @strawberry.field
    def node(self) -> Node:
        return Node(name="root")

    @strawberry.field
    def nodes(self, ids: list[strawberry.ID]) -> list[Node]:
        return [Node(name=id_) for id_ in ids]

    @strawberry.field
    def broken(self) -> str | None:
        raise RuntimeError(f"the database said {CARD}")

    @strawberry.field
    def unspeakable(self) -> float | None:
        return 1e308 * 10

    @strawberry.field
    def forbidden(self) -> str | None:
        raise ApiError(ErrorCode.FORBIDDEN, "This key lacks the scope `orders:read`.", scope="orders:read")

    @strawberry.field
    def vital(self) -> str:
        raise ApiError(ErrorCode.FORBIDDEN, "No.")


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def note(self, info: Info[ToyContext, None], text: str, seconds: float = 0) -> str:
        await asyncio.sleep(seconds)
        info.context.journal.mutations.append(text)
        return text


@strawberry.type
class Tick:
    cursor: str
    number: int
    padding: str = ""


@strawberry.type
class LiveUpdates:
    @strawberry.subscription
    async def ticks(
        self, info: Info[ToyContext, None], to: int = 3, fail: bool = False, kilobytes: int = 0
    ) -> AsyncGenerator[Tick, None]:
        journal = info.context.journal
        try:
            for number in range(int(info.context.last_event_id or -1) + 1, to):
                journal.sent += 1
                yield Tick(cursor=str(number), number=number, padding="x" * 1000 * kilobytes)
                await asyncio.sleep(0.001)
            if fail:
                raise RuntimeError(f"the stream said {CARD}")
        finally:
            journal.closed_streams += 1

    @strawberry.subscription
    async def idle(self, info: Info[ToyContext, None]) -> AsyncGenerator[int, None]:
        try:
            yield 0
            await asyncio.Event().wait()
        finally:
            info.context.journal.closed_streams += 1

    @strawberry.subscription
    async def refused(self) -> AsyncGenerator[int, None]:
        raise ApiError(ErrorCode.FORBIDDEN, "This key lacks the scope `orders:read`.")
        yield 0


class Toy:
    """The endpoint in an application of its own, with its journal."""

    def __init__(self, *, production: bool = True, extensions: Any = (), **limits: Any) -> None:
        self.journal = Journal()
        self.schema = Schema(
            Query, Mutation, LiveUpdates, limits=Limits(**limits), production=production, extensions=extensions
        )
        self.endpoint = GraphQLEndpoint(self.schema, open_context=self._open_context, allow_origin=self._allow_origin)
        self.app = Starlette(routes=[Route("/graphql", self.endpoint), WebSocketRoute("/graphql", self.endpoint)])

    async def _open_context(self, connection: HTTPConnection, init_payload: Mapping[str, object] | None) -> ToyContext:
        given = (init_payload or {}).get("authorization", connection.headers.get("authorization"))
        key = given.removeprefix("Bearer ") if isinstance(given, str) else None
        self.journal.opened.append(key)
        if key == "nobody":
            raise ApiError(ErrorCode.UNAUTHENTICATED, "This key is unknown.")
        if key == "outsider":
            raise ApiError(ErrorCode.FORBIDDEN, "Not from here.")
        if key == "hurried":
            raise ApiError(ErrorCode.THROTTLED, "Too many requests.", retryAfterMs=2_500)
        if key == "cursed":
            raise ConnectionRefusedError("no database")
        return ToyContext(self.journal, key)

    async def _allow_origin(self, origin: str, connection: HTTPConnection) -> bool:
        return origin == FRIEND
