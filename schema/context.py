"""What a resolver knows of its request: who asks, and the services of this process."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import SplitResult, urlsplit

from starlette.requests import HTTPConnection
from strawberry.dataloader import DataLoader

from domain import merchants, reads
from domain.deliveries import message
from domain.events import Cause, CauseKind
from domain.merchants import Actor
from domain.reads import Row
from domain.tokens import Tokens
from domain.vendors.balances import Balance, balances
from gateways.registry import Gateways, Tokenization
from kit import clock
from kit.database import reading
from kit.hub import Hub
from models import KeyKind
from schema.transport.errors import ApiError, ErrorCode

KeyT = TypeVar("KeyT")
FoundT = TypeVar("FoundT")


class Services(Protocol):
    """What all requests of this process share; bootstrap opens it."""

    @property
    def gateways(self) -> Gateways: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def hub(self) -> Hub: ...
    @property
    def tokenization(self) -> Tokenization | None: ...
    @property
    def base_url(self) -> str: ...
    @property
    def livemode(self) -> bool: ...
    @property
    def private_targets(self) -> bool: ...


@dataclass(slots=True)
class Context:
    """One request, stream or socket. `actor` is None without a key: then every field of the API is refused."""

    services: Services
    actor: Actor | None
    last_event_id: str | None = None
    loaders: "Loaders | None" = None

    @property
    def subscriber_key(self) -> str | None:
        return self.actor.key_id if self.actor else None

    async def still_valid(self) -> bool:
        return self.actor is None or await merchants.key_is_valid(self.actor.key_id, now=clock.now())

    @property
    def merchant_id(self) -> str:
        """The merchant that the key speaks for."""
        if self.actor is None:
            raise unauthenticated()
        return self.actor.merchant_id

    @property
    def cause(self) -> Cause:
        """The cause of what this request changes."""
        return Cause(CauseKind.API, self.actor.key_id if self.actor else "")

    @property
    def load(self) -> "Loaders":
        if self.loaders is None:
            self.loaders = Loaders(self.merchant_id)
        return self.loaders


class Loaders:
    """Reads the children of many rows in one statement each; nothing is remembered between two ticks."""

    def __init__(self, merchant_id: str) -> None:
        self.line_items = _children(reads.line_items, merchant_id, "order_id")
        self.payments = _children(reads.payments_of_orders, merchant_id, "order_id")
        self.refunds = _children(reads.refunds_of_payments, merchant_id, "payment_id")
        self.disputes = _children(reads.disputes_of_payments, merchant_id, "payment_id")
        self.saved_methods = _children(reads.saved_methods_of_customers, merchant_id, "customer_id")
        self.operations = _children(reads.operations_of_payments, merchant_id, "payment_id")
        self.holds = _children(reads.holds_of_orders, merchant_id, "order_id")
        self.split = _one(reads.splits_of_holds, merchant_id, "split_id")
        self.transfers = _children(reads.transfers_of_payments, merchant_id, "payment_id")
        self.vendors = _rows("vendors", merchant_id)
        self.balances = _Loader(partial(_balances, merchant_id), cache=False)
        self.prices = _children(reads.prices_of_products, merchant_id, "product_id")
        self.plan_prices = _children(reads.prices_of_plans, merchant_id, "plan_id")
        self.prices_by_id = _one(reads.prices_by_id, merchant_id, "id")
        self.owed_invoices = _children(reads.owed_invoices, merchant_id, "subscription_id")
        self.order_invoice = _one(reads.invoices_of_orders, merchant_id, "order_id")
        self.plans = _rows("plans", merchant_id)
        self.subscriptions = _rows("subscriptions", merchant_id)
        self.link_order = _one(reads.orders_of_links, merchant_id, "payment_link_id")
        self.payment_links = _rows("payment_links", merchant_id)
        self.orders = _rows("orders", merchant_id)
        self.customers = _rows("customers", merchant_id)
        self.payment = _rows("payments", merchant_id)
        self.messages = _Loader(partial(_messages, merchant_id), cache=False)


class _Loader(DataLoader[KeyT, FoundT]):
    """Out of reach of cancellation: a batch whose loads are all cancelled just before it is sent stays the current
    one for ever (strawberry-graphql 0.341), and every later load on the same socket would wait with it."""

    def load(self, key: KeyT) -> Awaitable[FoundT]:
        return asyncio.shield(super().load(key))


def _children(
    read: Callable[[Sequence[str], str], Awaitable[list[Row]]], merchant_id: str, parent: str
) -> DataLoader[str, list[Row]]:
    async def load(keys: list[str]) -> list[list[Row]]:
        found: dict[str, list[Row]] = {key: [] for key in keys}
        for row in await read(keys, merchant_id):
            found[row[parent]].append(row)
        return [found[key] for key in keys]

    return _Loader(load, cache=False)


def _one(
    read: Callable[[Sequence[str], str], Awaitable[list[Row]]], merchant_id: str, parent: str
) -> DataLoader[str, Row | None]:
    async def load(keys: list[str]) -> list[Row | None]:
        found = {row[parent]: row for row in await read(keys, merchant_id)}
        return [found.get(key) for key in keys]

    return _Loader(load, cache=False)


def _rows(table: str, merchant_id: str) -> DataLoader[str, Row | None]:
    async def load(keys: list[str]) -> list[Row | None]:
        found = await reads.by_ids(table, merchant_id, keys)
        return [found.get(key) for key in keys]

    return _Loader(load, cache=False)


async def _balances(merchant_id: str, vendor_ids: list[str]) -> list[list[Balance]]:
    found = await balances(vendor_ids, merchant_id)
    return [[balance for balance in found if balance.vendor_id == vendor_id] for vendor_id in vendor_ids]


async def _messages(merchant_id: str, event_ids: list[str]) -> list[dict[str, Any] | None]:
    found = await reads.by_ids("events", merchant_id, event_ids)
    told = await message.tell(reading.fetch, merchant_id, list(found.values()))
    by_id = {each["id"]: each for each in told}
    return [by_id.get(event_id) for event_id in event_ids]


def unauthenticated(message: str = "Send a key: Authorization: Bearer sk_…") -> ApiError:
    return ApiError(ErrorCode.UNAUTHENTICATED, message)


def context_opener(services: Services) -> Callable[[HTTPConnection, Mapping[str, object] | None], Awaitable[Context]]:
    """How a connection becomes a context: by the key in its Authorization header, or in a socket's init payload."""

    async def open_context(connection: HTTPConnection, init_payload: Mapping[str, object] | None) -> Context:
        given: Any = connection.headers.get("authorization")
        if init_payload is not None:
            payload = {name.lower(): value for name, value in init_payload.items()}
            given = payload.get("authorization", given)
        if given is None:
            return Context(services, None)
        actor = await _actor(given, services.livemode)
        await _check_origin(actor, connection.headers.get("origin"), services)
        return Context(services, actor)

    return open_context


async def _actor(given: Any, livemode: bool) -> Actor:
    scheme, _, key = given.partition(" ") if isinstance(given, str) else ("", "", "")
    if scheme.lower() != "bearer" or not key.strip():
        raise unauthenticated("The Authorization must be: Bearer, a blank, and a key.")
    key = key.strip()
    mode = "live" if livemode else "test"
    if key.startswith(("sk_", "pk_")) and not key.startswith((f"sk_{mode}_", f"pk_{mode}_")):
        raise unauthenticated(f"This server is in {mode} mode and takes {mode} keys only.")
    actor = await merchants.authenticate(key, livemode=livemode, now=clock.now())
    if actor is None:
        raise unauthenticated("This key is unknown, or it has ended.")
    return actor


async def _check_origin(actor: Actor, origin: str | None, services: Services) -> None:
    """A publishable key works on its merchant's pages (and in apps, which send no Origin)."""
    if origin is None or actor.kind is not KeyKind.PUBLISHABLE or _is_ours(origin, services):
        return
    if not await merchants.origin_is_trusted(origin, actor.merchant_id):
        raise ApiError(ErrorCode.FORBIDDEN, f"The merchant does not list the origin {origin[:100]}.")


def origin_allower(services: Services) -> Callable[[str, HTTPConnection], Awaitable[bool]]:
    """Whose pages may call: our own, and those of merchants' origins."""

    async def allow_origin(origin: str, _connection: HTTPConnection) -> bool:
        return _is_ours(origin, services) or await merchants.origin_is_trusted(origin)

    return allow_origin


def _is_ours(origin: str, services: Services) -> bool:
    """Our own pages; on a machine's own address also by its other names."""
    if origin == services.base_url:
        return True
    own, theirs = urlsplit(services.base_url), urlsplit(origin)
    here = {"localhost", "127.0.0.1", "::1"}
    same_door = (own.scheme, own.port) == (theirs.scheme, _port(theirs))
    return same_door and own.hostname in here and theirs.hostname in here


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        return None
