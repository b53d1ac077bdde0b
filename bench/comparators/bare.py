"""A bare Strawberry schema and a page under bare Starlette: what they cost when nothing stands behind them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NewType

import strawberry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from domain.links.visits import Link, Standing
from kit import money
from models import LinkStatus
from pages.render import page

PAGE = 25
_ITEMS = [("Filter coffee, 1 kg", 1850, 1), ("Paper filters", 320, 2), ("Cup", 690, 4)]
MinorUnits = NewType("MinorUnits", int)
CurrencyCode = NewType("CurrencyCode", str)
Cursor = NewType("Cursor", str)
_SCALARS: dict[object, Any] = {
    MinorUnits: strawberry.scalar(name="MinorUnits", serialize=int),
    CurrencyCode: strawberry.scalar(name="CurrencyCode", serialize=str),
    Cursor: strawberry.scalar(name="Cursor", serialize=str),
}


@strawberry.enum
class OrderStatus(Enum):
    OPEN = "open"


@strawberry.enum
class PaymentStatus(Enum):
    OPEN = "open"


@strawberry.type
class Money:
    amount_minor: MinorUnits
    currency: CurrencyCode


@strawberry.type
class LineItem:
    id: strawberry.ID
    name: str
    quantity: int
    amount: Money


@strawberry.type
class Payment:
    id: strawberry.ID
    status: PaymentStatus
    amount: Money
    captured: Money
    created_at: datetime


@strawberry.type
class Order:
    id: strawberry.ID
    status: OrderStatus
    reference: str | None
    version: int
    total: Money
    created_at: datetime
    items: list[LineItem]
    payments: list[Payment]


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: Cursor | None


@strawberry.type
class Connection:
    nodes: list[Order]
    page_info: PageInfo


@strawberry.type
class OrderUpdate:
    version: int
    order: Order


def _order(number: int) -> Order:
    now = datetime.now(UTC)
    code = CurrencyCode("EUR")
    items = [
        LineItem(
            id=strawberry.ID(f"li_{number:026}_{position}"),
            name=name,
            quantity=quantity,
            amount=Money(amount_minor=MinorUnits(unit * quantity), currency=code),
        )
        for position, (name, unit, quantity) in enumerate(_ITEMS)
    ]
    total = Money(amount_minor=MinorUnits(5250), currency=code)
    payment = Payment(
        id=strawberry.ID(f"pay_{number:026}"),
        status=PaymentStatus.OPEN,
        amount=total,
        captured=Money(amount_minor=MinorUnits(0), currency=code),
        created_at=now,
    )
    return Order(
        id=strawberry.ID(f"ord_{number:026}"),
        status=OrderStatus.OPEN,
        reference=f"No. {number}",
        version=3,
        total=total,
        created_at=now,
        items=items,
        payments=[payment],
    )


_PAGE = Connection(
    nodes=[_order(number) for number in range(PAGE)],
    page_info=PageInfo(has_next_page=True, end_cursor=Cursor("azpvcmRfMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDA")),
)


@dataclass(slots=True)
class _Bell:
    """Rung by POST /ring; every subscriber then gets one message."""

    rung_at: float = 0.0
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)

    def ring(self) -> None:
        self.rung_at = time.time()
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        await future


_BELL = _Bell()


@strawberry.type
class Query:
    @strawberry.field
    async def orders(self, first: int) -> Connection:
        return _PAGE


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def order_updates(self, id: strawberry.ID) -> AsyncIterator[OrderUpdate]:
        order, version = _PAGE.nodes[0], 1
        while True:
            yield OrderUpdate(version=version, order=order)
            await _BELL.wait()
            version += 1


_LINK = Link(
    link_id="plink_bench",
    merchant_id="mer_bench",
    merchant_name="Bench",
    livemode=False,
    slug="bench",
    active=True,
    purpose="Wholesale coffee",
    currency="EUR",
    items=[{"name": name, "unit_amount_minor": unit, "quantity": quantity} for name, unit, quantity in _ITEMS],
    total_minor=5250,
    choice=None,
    reusable=True,
    in_parts=False,
    email=None,
    name=None,
    reference=None,
    metadata={},
    due_at=None,
    expires_at=None,
)
_STANDING = Standing(
    status=LinkStatus.ACTIVE,
    order_id=None,
    order_status=None,
    payment_id=None,
    collected_minor=0,
    outstanding_minor=5250,
    underway=False,
)


async def _link(request: Request) -> Response:
    facts: dict[str, Any] = {
        "link": _LINK,
        "standing": _STANDING,
        "visit": "0" * 32,
        "wrong": None,
        "typed": "",
        "late": False,
    }
    return page(request, "link.html", form_targets="https:", plain=money.decimal_of, **facts)


async def _ring(_request: Request) -> Response:
    _BELL.ring()
    return JSONResponse({"at": _BELL.rung_at})


@contextlib.asynccontextmanager
async def create_app() -> AsyncIterator[Starlette]:
    schema = strawberry.Schema(
        Query,
        subscription=Subscription,
        extensions=[ParserCache, ValidationCache],
        config=StrawberryConfig(scalar_map=_SCALARS),
    )
    graphql: GraphQL[None, None] = GraphQL(schema)
    app = Starlette(
        routes=[
            Route("/link", _link),
            Route("/graphql", graphql),
            WebSocketRoute("/graphql", graphql),
            Route("/ring", _ring, methods=["POST"]),
        ]
    )
    app.state.demo = None
    yield app
