"""A demo shop beside the town's own server, in the same house; and how a payer sees a payment."""

import asyncio
import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from commands.application import build
from domain import demo
from kit import clock
from kit.serving import Serving
from pages import streams
from tests.town import Shop, Town, eventually, free_port

LOCAL = "http://127.0.0.1"


@dataclass
class DemoShop:
    """The embedded instance's pages."""

    url: str
    facts: dict[str, Any]
    app: Any
    merchant: Shop
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30))

    def start(self, **headers: str) -> str:
        response = self.http.get(self.url, headers=headers)
        assert response.status_code == 200
        return response.text

    def forms(self) -> list[dict[str, str]]:
        """The fields of each buy form, with the currency that is proposed."""
        found = []
        for form in re.findall(r'<form method="post" action="/demo/buy">(.*?)</form>', self.start(), re.S):
            fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
            if chosen := re.search(r'name="currency" value="(\w+)" checked', form):
                fields["currency"] = chosen[1]
            found.append(fields)
        return found

    def buy(self, fields: dict[str, str]) -> httpx.Response:
        return self.http.post(f"{self.url}/demo/buy", data=fields)


@pytest.fixture(scope="session")
def demo_shop(shared_town: Town) -> Iterator[DemoShop]:
    made = shared_town.call(demo.set_up(livemode=False, now=clock.now()))
    url = f"{LOCAL}:{free_port()}"
    facts = {
        "baseUrl": url,
        "graphqlUrl": f"{url}/graphql",
        "merchantId": made.merchant_id,
        "secretKey": made.secret_key,
        "publishableKey": made.publishable_key,
        "productIds": made.product_ids,
        "sandboxUrl": shared_town.sandbox_url,
    }
    merchant = Shop(shared_town, made.merchant_id, "", made.secret_key, made.publishable_key)
    with serving(shared_town, url, facts) as app:
        yield DemoShop(url, facts, app, merchant)


@contextmanager
def serving(town: Town, url: str, facts: dict[str, Any] | None) -> Iterator[Any]:
    """One more server over the town's house."""

    async def start() -> tuple[Serving, Any]:
        app = build(town.house, facts).asgi
        server = Serving(app, "127.0.0.1", int(url.rpartition(":")[2]))
        await server.start()
        return server, app

    server, app = town.call(start())

    async def stop() -> None:
        streams.end_all(app)
        await server.stop()

    try:
        yield app
    finally:
        town.call(stop())


@dataclass
class Payer:
    """A payer with the address of a payment's return page."""

    town: Town
    path: str
    base_url: str

    @property
    def url(self) -> str:
        return f"{self.base_url}{self.path}"

    def look(self, **headers: str) -> httpx.Response:
        return self.town.http.get(self.url, headers=headers)

    def state(self) -> str:
        """How the page says that the payment stands."""
        response = self.look()
        assert response.status_code == 200
        found = re.search(r'data-state="(\w+)"', response.text)
        assert found
        return found[1]

    def sees(self, state: str) -> bool:
        """Whether the page comes to say so; a busy machine may answer later than a payer is made to wait."""
        return eventually(self.state, lambda found: found == state) == state

    def live_path(self) -> str | None:
        """What the page follows, None if it follows nothing."""
        found = re.search(r'data-live="([^"]+)"', self.look().text)
        return html.unescape(found[1]) if found else None

    def again(self) -> httpx.Response:
        return self.town.http.post(f"{self.url}/again")


@pytest.fixture
def payer_of(town: Town) -> Any:
    """Makes the payer of a payment."""

    def make(payment_id: str, base_url: str | None = None) -> Payer:
        path = f"/return/{payment_id}/{town.house.tokens.return_token(payment_id)}"
        return Payer(town, path, base_url or town.base_url)

    return make


def messages(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The server-sent events in a response's lines: their ids and what they tell."""
    last_id = ""
    for line in lines:
        if line.startswith("id: "):
            last_id = line[4:]
        elif line.startswith("data: "):
            yield last_id, json.loads(line[6:])


async def open_streams(app: Any) -> int:
    await asyncio.sleep(0)
    return streams.of(app).open


def words(response: httpx.Response) -> str:
    """The page's text, without its tags."""
    body = response.text.partition("<body")[2]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())
