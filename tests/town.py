"""A whole town to test in: the product with its worker, a sandbox PSP, and between them Stripe's conformance checker.

It runs in a thread with a loop of its own; tests speak to it over HTTP, as strangers do. Each test makes its own
merchant, so tests do not meet. The database is SQLite, or PostgreSQL where TEST_DATABASE_URL names a server.
"""

import asyncio
import contextlib
import importlib.util
import json
import os
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx

import config
from bootstrap import House, opened, running
from commands.application import build
from commands.running import at_work
from domain import merchants
from domain.events import Cause, CauseKind
from domain.payments import inquire
from gateways.stripe import endpoints
from kit import clock
from kit.database.migrate import migrate
from kit.serving import Serving
from models import KeyKind, Scope
from sandbox import create_app
from tests.post_office import PostOffice

T = TypeVar("T")
CONFORMANCE = Path(__file__).resolve().parents[2] / "shared" / "stripe-conformance" / "check.py"
STRIPE_KEY = "sk_test_town"


def load_checker() -> Any:
    """Stripe's conformance checker, None where it is not at hand."""
    if not CONFORMANCE.exists():
        return None
    spec = importlib.util.spec_from_file_location("stripe_conformance", CONFORMANCE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Checker()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.asynccontextmanager
async def database_url(folder: Path, name: str) -> AsyncIterator[str]:
    """An empty database of our own, gone afterwards."""
    server = os.environ.get("TEST_DATABASE_URL")
    if not server:
        yield f"sqlite://{folder / 'town.db'}"
        return
    parts = urlsplit(server)
    admin = await asyncpg.connect(urlunsplit(parts._replace(scheme="postgres")))
    try:
        await admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await admin.execute(f'CREATE DATABASE "{name}"')
        yield urlunsplit(parts._replace(scheme="postgres", path=f"/{name}"))
        await admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    finally:
        await admin.close()


@dataclass
class Town:
    """What a test needs to know of the town, and what it may do there that no stranger may."""

    folder: Path
    loop: asyncio.AbstractEventLoop = field(init=False)
    stop: asyncio.Event = field(init=False)
    house: House = field(init=False)
    base_url: str = field(init=False)
    sandbox_url: str = field(init=False)
    webhook_secret: str = field(init=False)
    connect_secret: str = field(init=False)
    post_office: PostOffice = field(default_factory=lambda: PostOffice(free_port()))
    checker: Any = None
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    @property
    def graphql_url(self) -> str:
        return f"{self.base_url}/graphql"

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine inside the town."""
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self.loop)
        return future.result(60)

    def merchant(self, *, origins: tuple[str, ...] = (), scopes: frozenset[Scope] | None = None) -> "Shop":
        """A new merchant with its keys."""
        return self.call(self._merchant(origins, scopes))

    async def _merchant(self, origins: tuple[str, ...], scopes: frozenset[Scope] | None) -> "Shop":
        now = clock.now()
        merchant_id = await merchants.create_merchant("Test Shop", livemode=False, origins=origins, now=now)
        secret = await merchants.issue_key(merchant_id, KeyKind.SECRET, now=now, scopes=scopes)
        publishable = await merchants.issue_key(merchant_id, KeyKind.PUBLISHABLE, now=now)
        return Shop(self, merchant_id, secret.key_id, secret.secret, publishable.secret)

    def sandbox(self, verb: str, path: str, /, **body: Any) -> Any:
        """One of the sandbox's controls."""
        response = self.http.request(verb, f"{self.sandbox_url}/sandbox{path}", json=body or None)
        assert response.status_code == 200, response.text
        return response.json()

    def settle(self) -> None:
        """Waits until every webhook of the sandbox is delivered."""
        assert self.sandbox("POST", "/settle", timeout=20, retries=False)["settled"] is True

    def sweep(self, later: timedelta = timedelta(), *, only: str | None = None) -> None:
        """Reconciliation, as it would be at a later time: of every payment that is due then, or of one."""
        self.call(self._sweep(later, only))

    async def _sweep(self, later: timedelta, only: str | None) -> None:
        now = clock.now() + later
        for payment_id in [only] if only else await inquire.claim_due(now, 1000):
            with contextlib.suppress(Exception):
                cause = Cause(CauseKind.SWEEP, "test")
                await inquire.inquire(self.house.gateways, payment_id, cause=cause, now=now)

    def calls(self, method: str, path: str, **filters: Any) -> list[Any]:
        """The calls that the PSP got."""
        params = {"method": method, "path": path, "limit": 1000, **filters}
        found = self.http.get(f"{self.sandbox_url}/sandbox/calls", params=params).json()
        return list(found["calls"] if isinstance(found, dict) else found)

    def quiet(self) -> None:
        """Takes every disturbance back."""
        self.sandbox("DELETE", "/webhooks/rules")
        self.sandbox("DELETE", "/faults")
        self.post_office.away = False


class GraphQLErrors(AssertionError):
    """The answer had top-level errors."""


@dataclass
class Shop:
    """A merchant of the town, with its keys."""

    town: Town
    merchant_id: str
    key_id: str
    secret_key: str
    publishable_key: str

    def post(self, query: str, variables: dict[str, Any] | None = None, *, key: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.secret_key}"}
        body = {"query": query, "variables": variables or {}}
        return self.town.http.post(self.town.graphql_url, json=body, headers=headers)

    def ask(self, query: str, *, key: str | None = None, **variables: Any) -> Any:
        """The data of an answer without top-level errors."""
        answer = self.post(query, variables, key=key).json()
        if "errors" in answer:
            raise GraphQLErrors(json.dumps(answer["errors"]))
        return answer["data"]

    def order(self, amount_minor: int = 4200, currency: str = "EUR", **more: Any) -> Any:
        """A new order of one item."""
        item = {"name": "Thing", "unitAmount": {"amountMinor": amount_minor, "currency": currency}}
        given = {"idempotencyKey": str(uuid4()), "currency": currency, "items": [item], **more}
        made = self.ask(ORDER_CREATE, input=given)["orderCreate"]
        assert made["userErrors"] == []
        return made["order"]

    def checkout(self, order_id: str, *, key: str | None = None, **more: Any) -> Any:
        """The payload of checkoutStart."""
        given = {"orderId": order_id, "idempotencyKey": str(uuid4()), **more}
        return self.ask(CHECKOUT_START, key=key, input=given)["checkoutStart"]

    def open_payment(self, amount_minor: int = 4200, currency: str = "EUR") -> Any:
        """An order with its hosted page open; the payment, with its order's id."""
        started = self.checkout(self.order(amount_minor, currency)["id"])
        assert started["userErrors"] == []
        return started["payment"]

    def pay(self, payment: Any, **how: Any) -> Any:
        """Pays on the hosted page, as a payer would."""
        return self.town.sandbox("POST", f"/sessions/{payment['token']}/pay", **(how or {"card": "4242424242424242"}))

    def paid_order(self, amount_minor: int = 4200, currency: str = "EUR") -> Any:
        """An order that was paid, with its payment."""
        payment = self.open_payment(amount_minor, currency)
        self.pay(payment)
        return eventually(lambda: self.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")

    def find_order(self, order_id: str) -> Any:
        return self.ask(ORDER, id=order_id)["order"]

    def find_payment(self, payment_id: str) -> Any:
        return self.ask(PAYMENT, id=payment_id)["payment"]

    def sync(self, payment_id: str) -> Any:
        return self.ask(PAYMENT_SYNC, input={"paymentId": payment_id})["paymentSync"]


def eventually(look: Callable[[], T], holds: Callable[[T], bool] = bool, timeout: float = 30.0) -> T:
    """What `look` sees once it is as wanted; fails with what it saw last."""
    deadline = time.monotonic() + timeout
    while True:
        seen = look()
        if holds(seen):
            return seen
        assert time.monotonic() < deadline, f"still: {seen}"
        time.sleep(0.03)


def half_sent(url: str, **headers: str) -> str:
    """The status line that a POST gets whose body stops after its first bytes."""
    parts = urlsplit(url)
    told = {"Host": parts.netloc, "Content-Length": "100", **headers}
    lines = [f"POST {parts.path} HTTP/1.1", *(f"{name}: {text}" for name, text in told.items()), "", "a=1"]
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as client:
        client.sendall("\r\n".join(lines).encode())
        return client.makefile("rb").readline().decode().strip()


MONEY = "{ amountMinor currency }"
PAYMENT_FIELDS = f"""
  id status orderId token checkoutUrl expiresAt superseded conflict riskLevel captureMethod type
  amount {MONEY} authorized {MONEY} captured {MONEY} refunded {MONEY} fee {MONEY}
  lastError {{ code declineCode advice message }} method {{ kind type brand last4 }}
  refunds {{ id status reason explanation amount {MONEY} failureCode }}
  ledger {{ account balance {MONEY} }}
  timeline(first: 100) {{ nodes {{ type version sequence data cause {{ kind ref }} }} }}
"""
ORDER_FIELDS = f"""
  id status version currency reference clientSecret paidAt total {MONEY} metadata {{ key value }}
  customer {{ id email name }} items {{ name quantity productId unitAmount {MONEY} amount {MONEY} }}
  payments {{ {PAYMENT_FIELDS} }} actions {{ name enabled code }}
  timeline(first: 100) {{ nodes {{ type version sequence paymentId cause {{ kind ref }} }} }}
"""
ERRORS = "userErrors { code message path retryable }"
ORDER = f"query ($id: ID!) {{ order(id: $id) {{ {ORDER_FIELDS} }} }}"
PAYMENT = f"query ($id: ID!) {{ payment(id: $id) {{ {PAYMENT_FIELDS} }} }}"
ORDER_CREATE = f"""mutation ($input: OrderCreateInput!) {{
  orderCreate(input: $input) {{ order {{ {ORDER_FIELDS} }} {ERRORS} }} }}"""
ORDER_UPDATE = f"""mutation ($input: OrderUpdateInput!) {{
  orderUpdate(input: $input) {{ order {{ {ORDER_FIELDS} }} {ERRORS} }} }}"""
ORDER_CANCEL = f"""mutation ($input: OrderCancelInput!) {{
  orderCancel(input: $input) {{ order {{ {ORDER_FIELDS} }} {ERRORS} }} }}"""
CHECKOUT_START = f"""mutation ($input: CheckoutStartInput!) {{
  checkoutStart(input: $input) {{
    checkoutUrl payment {{ id status orderId token checkoutUrl amount {MONEY} }} {ERRORS} }} }}"""
PAYMENT_SYNC = f"""mutation ($input: PaymentSyncInput!) {{
  paymentSync(input: $input) {{ payment {{ {PAYMENT_FIELDS} }} {ERRORS} }} }}"""


@contextlib.contextmanager
def running_town(folder: Path, name: str) -> Iterator[Town]:
    """Starts the town in a thread of its own; ends it with the block."""
    town = Town(folder, checker=load_checker())
    ready: Future[None] = Future()
    ended: Future[None] = Future()

    def live() -> None:
        try:
            asyncio.run(_life(town, name, ready))
            ended.set_result(None)
        except BaseException as error:
            (ready if not ready.done() else ended).set_exception(error)

    thread = threading.Thread(target=live, name="town", daemon=True)
    thread.start()
    ready.result(60)
    try:
        yield town
    finally:
        town.loop.call_soon_threadsafe(town.stop.set)
        ended.result(60)
        town.http.close()


async def _life(town: Town, name: str, ready: "Future[None]") -> None:
    town.loop = asyncio.get_running_loop()
    town.stop = asyncio.Event()
    async with contextlib.AsyncExitStack() as stack:
        port, sandbox_port = free_port(), free_port()
        town.base_url, town.sandbox_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{sandbox_port}"
        psp: Any = create_app(state=None, public_url=town.sandbox_url)
        psp = town.checker.asgi(psp) if town.checker else psp
        await stack.enter_async_context(Serving(psp, "127.0.0.1", sandbox_port, lifespan=True, dated=False))
        town.webhook_secret = await endpoints.ensure(
            STRIPE_KEY, town.sandbox_url, f"{town.base_url}/webhooks/stripe", None
        )
        town.connect_secret = await endpoints.ensure(
            STRIPE_KEY, town.sandbox_url, f"{town.base_url}/webhooks/stripe/connect", None, connect=True
        )
        await stack.enter_async_context(await town.post_office.start())
        url = await stack.enter_async_context(database_url(town.folder, name))
        settings = config.from_environment(_environment(town, port, url))
        await migrate(settings.database_url)
        house = await stack.enter_async_context(opened(settings))
        town.house = replace(house, private_targets=True)  # merchants' servers are on this machine, too
        app = build(town.house)
        await stack.enter_async_context(Serving(_listening(town, app.asgi), "127.0.0.1", port))
        stack.push_async_callback(app.shutdown)
        await stack.enter_async_context(running(at_work(town.house)))
        ready.set_result(None)
        await town.stop.wait()


def _environment(town: Town, port: int, url: str) -> dict[str, str]:
    found = {
        "PORT": str(port),
        "DATA_DIR": str(town.folder),
        "DATABASE_URL": url,
        "STRIPE_SECRET_KEY": STRIPE_KEY,
        "STRIPE_PUBLISHABLE_KEY": "pk_test_town",
        "STRIPE_WEBHOOK_SECRET": f"{town.webhook_secret},{town.connect_secret}",
        "STRIPE_API_BASE": town.sandbox_url,
        "SMTP_URL": f"smtp://127.0.0.1:{town.post_office.port}",
        "MAIL_FROM": "pay@town.example",
        "LOG_LEVEL": "WARNING",
    }
    return found | ({"REDIS_URL": redis} if (redis := redis_url()) else {})


def redis_url() -> str | None:
    """TEST_REDIS_URL with a database of our own: two instances must not share one."""
    server = os.environ.get("TEST_REDIS_URL")
    return urlunsplit(urlsplit(server)._replace(path=f"/{1 + os.getpid() % 15}")) if server else None


def _listening(town: Town, app: Any) -> Any:
    """Shows every webhook that comes in to the checker."""

    async def listening(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/webhooks/stripe" or not town.checker:
            return await app(scope, receive, send)
        body = b""

        async def receiving() -> Any:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.request" and not message.get("more_body") and body[:1] == b"{":
                with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
                    if json.loads(body).get("api_version"):
                        town.checker.check_event(json.loads(body))
            return message

        await app(scope, receiving, send)
        return None

    return listening
