"""The one door of the API: GraphQL over HTTP, server-sent events and WebSockets."""

from contextlib import suppress

from graphql import OperationType
from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from schema.transport import ide
from schema.transport.context import AllowOrigin, Context, OpenContext, close
from schema.transport.errors import ClientGone, Refused, public, refused
from schema.transport.live import Live
from schema.transport.negotiation import EVENTS, GRAPHQL_JSON, HTML, JSON, acceptable, check_content
from schema.transport.payload import Request, read_json, read_request, read_url
from schema.transport.replies import (
    Headers,
    is_request_error,
    read_body,
    send_refusal,
    send_reply,
    send_result,
)
from schema.transport.schema import Schema
from schema.transport.sse import COMPLETE, Stream, event
from schema.transport.websocket import Socket

METHODS = "GET, POST, OPTIONS"
ALLOWED_HEADERS = "Authorization, Content-Type, Last-Event-ID"
PREFLIGHT_SECONDS = "600"


class _Exchange:
    """One HTTP request and the way back."""

    __slots__ = ("_sent", "accepted", "headers", "json_type", "method", "receive", "scope", "send")

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, production: bool) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.method = str(scope["method"])
        self._sent = dict(scope["headers"])  # read often, and Starlette searches its list every time
        with_page = self.method == "GET" and not production
        offers = (GRAPHQL_JSON, JSON, EVENTS, HTML) if with_page else (GRAPHQL_JSON, JSON, EVENTS)
        self.accepted = acceptable(self.sent(b"accept"), offers)
        self.json_type = next((name for name in self.accepted if name in (GRAPHQL_JSON, JSON)), GRAPHQL_JSON)
        self.headers: Headers = {"Vary": "Origin, Accept"}  # of the answer

    def sent(self, name: bytes) -> str | None:
        """A header of the request."""
        value: bytes | None = self._sent.get(name)
        return None if value is None else value.decode("latin-1")


class GraphQLEndpoint:
    """An ASGI app for a `Route` and a `WebSocketRoute`. Limits and the production switch are the schema's."""

    def __init__(
        self,
        schema: Schema,
        *,
        open_context: OpenContext,
        allow_origin: AllowOrigin,
        ide_assets: str = "/static/graphiql",
    ) -> None:
        self._schema = schema
        self._limits = schema.limits
        self._open_context = open_context
        self._allow_origin = allow_origin
        self._ide_assets = ide_assets
        self._live = Live(schema.limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            socket = Socket(scope, receive, send, self._schema, self._live, self._open_context)
            await socket.serve(self._allow_origin)
            return
        await self._respond(_Exchange(scope, receive, send, production=self._schema.production))

    async def shutdown(self) -> None:
        """Ends all streams and sockets and waits for running mutations.

        To be called before the server shuts down, which would otherwise wait for the streams.
        """
        await self._live.shutdown()

    async def _respond(self, exchange: _Exchange) -> None:
        with suppress(ClientGone):
            try:
                exchange.headers |= await self._cors(exchange)
                await self._dispatch(exchange)
            except ClientGone:
                raise
            except Exception as error:
                refusal = error if isinstance(error, Refused) else Refused([public(error)])
                await send_refusal(exchange.send, refusal, exchange.json_type, exchange.headers)

    async def _dispatch(self, exchange: _Exchange) -> None:
        if exchange.method == "OPTIONS":
            await send_reply(exchange.send, 204, {**exchange.headers, **_preflight(exchange)})
        elif exchange.method not in ("GET", "POST"):
            raise refused("Use POST, or GET for queries.", 405, Allow=METHODS)
        elif not exchange.accepted:
            raise refused(f"Accept {GRAPHQL_JSON}, {JSON} or {EVENTS}.", 406)
        elif exchange.accepted[0] == HTML:
            page = ide.page(self._ide_assets)
            await send_reply(exchange.send, 200, {**exchange.headers, **ide.HEADERS}, page, HTML)
        else:
            await self._run(exchange, await self._read(exchange))

    async def _read(self, exchange: _Exchange) -> Request:
        limits = self._limits
        if exchange.method == "GET":
            if len(exchange.scope["query_string"]) > limits.body_bytes:
                raise refused("The URL is too long.", 414)
            return read_url(exchange.scope["query_string"])
        check_content(exchange.sent(b"content-type"), exchange.sent(b"content-encoding"))
        declared = exchange.sent(b"content-length") or ""
        body = await read_body(exchange.receive, declared, limits.body_bytes, limits.body_seconds)
        return read_request(read_json(body))

    async def _run(self, exchange: _Exchange, request: Request) -> None:
        context = await self._open_context(HTTPConnection(exchange.scope), None)
        try:
            kind = self._schema.documents.plan(*request).kind
            if kind is OperationType.MUTATION and exchange.method == "GET":
                raise refused("A mutation needs a POST.", 405, Allow="POST")
            if kind is OperationType.SUBSCRIPTION:
                await self._follow(exchange, request, context)
            else:
                await self._answer(exchange, request, context)
        finally:
            await close(context)

    async def _answer(self, exchange: _Exchange, request: Request, context: Context) -> None:
        result = await self._schema.execute(
            request.query, request.variables, context, operation_name=request.operation_name
        )
        if exchange.accepted[0] == EVENTS and not is_request_error(result):
            await send_reply(exchange.send, 200, exchange.headers, event(result) + COMPLETE, EVENTS)
        else:
            await send_result(exchange.send, result, exchange.json_type, exchange.headers)

    async def _follow(self, exchange: _Exchange, request: Request, context: Context) -> None:
        if EVENTS not in exchange.accepted:
            raise refused(f"A subscription needs Accept: {EVENTS}, or a WebSocket.", 406)
        if self._live.closing:
            raise refused("The server is going away.", 503, Retry_After="1")
        context.last_event_id = exchange.sent(b"last-event-id")
        with self._live.subscription(context.subscriber_key):
            results = await self._schema.subscribe(
                request.query, request.variables, context, operation_name=request.operation_name
            )
            stream = Stream(exchange.send, exchange.headers, self._limits, context)
            refusal = await stream.serve(exchange.receive, self._live, results)
        if refusal is not None:
            await send_result(exchange.send, refusal, exchange.json_type, exchange.headers)

    async def _cors(self, exchange: _Exchange) -> Headers:
        origin = exchange.sent(b"origin")
        if origin is None or not await self._allow_origin(origin, HTTPConnection(exchange.scope)):
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}


def _preflight(exchange: _Exchange) -> Headers:
    if exchange.sent(b"access-control-request-method") is None:
        return {"Allow": METHODS}
    if "Access-Control-Allow-Origin" not in exchange.headers:
        return {}
    return {
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": ALLOWED_HEADERS,
        "Access-Control-Max-Age": PREFLIGHT_SECONDS,
    }
