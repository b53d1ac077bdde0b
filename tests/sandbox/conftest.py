"""A sandbox on a real socket, the real SDK, a receiver of webhooks, and the conformance checker between them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox import create_app

CONFORMANCE = Path(__file__).resolve().parents[3] / "shared" / "stripe-conformance"


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@contextlib.asynccontextmanager
async def served(app: Any, port: int = 0) -> AsyncIterator[str]:
    """The app on a free port of this machine; yields its address."""
    # the protocol is named because asyncio switches Nagle's delay (40 ms) off only for sockets that say TCP
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign]
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


@dataclass
class Inbox:
    """A merchant's webhook receiver: keeps what it gets, answers what it is told to."""

    url: str = ""
    secret: str = ""
    bodies: list[bytes] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    """Statuses of the next answers; 200 when empty."""
    seconds: float = 0.0

    async def receive(self, request: Request) -> Response:
        self.bodies.append(await request.body())
        self.headers.append(dict(request.headers))
        await asyncio.sleep(self.seconds)
        status = self.answers.pop(0) if self.answers else 200
        return Response(status_code=status, headers={"location": "/elsewhere"} if 300 <= status < 400 else {})

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def last(self, type: str) -> dict[str, Any]:
        found: dict[str, Any] = [event for event in self.events if event["type"] == type][-1]["data"]
        return found


@dataclass
class Play:
    """The whole stage: the sandbox's address, the SDK in test mode, a payer's browser, the controls, the receiver."""

    url: str
    client: stripe.StripeClient
    browser: httpx.AsyncClient
    inbox: Inbox
    checker: Any = None
    world: Any = None

    def checker_ignores(self, *kinds: str) -> None:
        """This test's own requests are wrong on purpose: forget these kinds (none named: unknown paths)."""
        if self.checker:
            ignored = kinds or ("unknown_operation", "bad_error")
            self.checker.violations[:] = [v for v in self.checker.violations if v.kind not in ignored]

    @property
    def v1(self) -> Any:
        return self.client.v1

    def sdk(self, key: str = "sk_test_1", retries: int = 0) -> stripe.StripeClient:
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            max_network_retries=retries,
            http_client=stripe.HTTPXClient(timeout=5),
        )

    async def control(self, path: str, /, **body: Any) -> Any:
        answer = await self.browser.post(f"/sandbox/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self, path: str, /, **query: Any) -> Any:
        answer = await self.browser.get(f"/sandbox/{path}", params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def settle(self) -> list[str]:
        """Waits for the webhooks; the types received so far."""
        told = await self.control("settle", timeout=5)
        assert told["settled"], told
        return self.inbox.types

    async def session(self, amount: int = 1999, currency: str = "usd", **more: Any) -> Any:
        price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "Blue mug"}}
        return await self.v1.checkout.sessions.create_async(
            {
                "mode": "payment",
                "line_items": [{"quantity": 1, "price_data": price}],
                "success_url": "https://shop.example/done?s={CHECKOUT_SESSION_ID}",
                "cancel_url": "https://shop.example/cart",
                **more,
            }
        )

    async def pay(self, session: Any, **how: Any) -> Any:
        return await self.control(f"sessions/{session.id}/pay", **how)

    async def submit(self, session: Any, number: str = "4242 4242 4242 4242", **fields: Any) -> httpx.Response:
        """Posts the hosted page's form as a browser without JavaScript does."""
        form = {
            "attempt": "0",
            "email": "jane@example.com",
            "method": "card",
            "number": number,
            "expiry": "12 / 50",
            "cvc": "123",
            "name": "Jane Diaz",
            **fields,
        }
        return await self.browser.post(f"/c/pay/{session.id}", data=form)


@pytest.fixture(scope="session")
def shared_checker() -> Any:
    """The checker of Stripe's conformance; None where it is not to be had (test_sandbox_conformance says so)."""
    if not (CONFORMANCE / "check.py").exists():
        return None
    sys.path.insert(0, str(CONFORMANCE))
    from check import Checker

    return Checker()


@pytest.fixture
def checker(shared_checker: Any) -> Iterator[Any]:
    """Conformance of everything that the test sends and gets; None when the checker is absent."""
    if shared_checker is not None:
        shared_checker.violations.clear()
    yield shared_checker
    if shared_checker is not None:
        assert not shared_checker.violations, shared_checker.report()


@dataclass
class House:
    """The sandbox and the receiver, started once for all tests; each test finds them empty."""

    url: str
    hooks: str
    world: Any
    inbox: Inbox

    async def receive(self, request: Request) -> Response:
        return await self.inbox.receive(request)


@pytest.fixture(scope="session")
async def house(shared_checker: Any, anyio_backend: str) -> AsyncIterator[House]:
    app = create_app(webhook_timeout=1.0)
    built = House("", "", app.state.world, Inbox())
    receiver = Starlette(routes=[Route("/hooks", built.receive, methods=["POST"])])
    wrapped = shared_checker.asgi(app) if shared_checker else app
    async with served(receiver) as built.hooks, served(wrapped) as built.url:
        yield built


@pytest.fixture
async def play(checker: Any, house: House) -> AsyncIterator[Play]:
    inbox = house.inbox = Inbox(url=f"{house.hooks}/hooks")
    async with httpx.AsyncClient(base_url=house.url) as browser:
        stage = Play(house.url, None, browser, inbox, checker, house.world)  # type: ignore[arg-type]
        stage.client = stage.sdk()
        made = await stage.v1.webhook_endpoints.create_async(
            {"url": inbox.url, "enabled_events": ["*"], "api_version": "2026-10-28.endive"}
        )
        inbox.secret = made.secret
        yield stage
        await browser.delete("/sandbox/faults")
        inbox.seconds = 0
        await stage.control("settle", timeout=2, retries=False)
        await stage.control("reset")
    for event in inbox.events if checker else []:
        checker.check_event(event)
