"""The ASGI app: every address the server answers."""

from dataclasses import dataclass
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from bootstrap import House
from kit.requests import RequestLog
from pages import streams
from pages.health import healthz, readyz
from pages.render import page
from pages.routes import ROUTES
from schema.api import build_schema
from schema.context import context_opener, origin_allower
from schema.transport.endpoint import GraphQLEndpoint
from webhooks.routes import stripe_webhook


@dataclass(frozen=True, slots=True)
class Application:
    """The app, and its GraphQL endpoint, whose streams are ended before the server is."""

    asgi: Starlette
    graphql: GraphQLEndpoint

    async def shutdown(self) -> None:
        """Ends all that is open for long, which the server would otherwise wait for."""
        streams.end_all(self.asgi)
        await self.graphql.shutdown()


def build(house: House, demo: dict[str, Any] | None = None) -> Application:
    """The app over an open house. `demo` is the embedded instance's merchant, None in production."""
    graphql = GraphQLEndpoint(
        build_schema(production=not house.settings.development),
        open_context=context_opener(house),
        allow_origin=origin_allower(house),
    )
    asgi = Starlette(
        routes=[
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", graphql),
            Route("/webhooks/stripe", stripe_webhook, methods=["POST"]),
            Route("/webhooks/stripe/connect", stripe_webhook, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            *ROUTES,
        ],
        middleware=[Middleware(RequestLog)],
        exception_handlers={404: _not_found, 500: _broken},
    )
    asgi.state.house, asgi.state.gateways, asgi.state.demo = house, house.gateways, demo
    return Application(asgi, graphql)


async def _not_found(request: Request, _error: Exception) -> Response:
    return page(request, "not_found.html", status=404)


async def _broken(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"error": "Something went wrong on our side. The X-Request-Id header names it."}, 500)
