"""Sending webhooks: signed, at most a few at a time, in order of creation when all goes well, again after a failure."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sqlite3
import time

import httpx

from sandbox import outbox
from sandbox.store import Json
from sandbox.stripe.version import API_VERSION
from sandbox.world import World, public

AT_ONCE = 16
ON_THEIR_WAY = 128
"""The most deliveries that are started and not yet answered: those beyond are left in the database until then."""
PATIENCE = 0.25
"""Seconds that a delivery waits for the one before it in its story; released ones wait as long as it takes."""


def sign(payload: bytes, secret: str, moment: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over time, dot and the raw body, with the endpoint's whole secret."""
    signed = hmac.new(secret.encode(), str(moment).encode() + b"." + payload, hashlib.sha256).hexdigest()
    return f"t={moment},v1={signed}"


class Sender:
    """Takes due deliveries from the queue and sends them. `settled` tells when nothing is left."""

    def __init__(self, world: World, timeout: float) -> None:
        self.world = world
        self.timeout = timeout
        self.in_flight: dict[int, asyncio.Task[None]] = {}
        self.tails: dict[tuple[str, str], asyncio.Task[None]] = {}
        self.slots = asyncio.Semaphore(AT_ONCE)
        self.done = asyncio.Event()
        self.client: httpx.AsyncClient | None = None

    def start(self) -> None:
        limits = httpx.Limits(max_keepalive_connections=AT_ONCE, keepalive_expiry=2.0)
        self.client = httpx.AsyncClient(timeout=self.timeout, limits=limits, follow_redirects=False, trust_env=False)

    async def stop(self) -> None:
        for task in list(self.in_flight.values()):
            task.cancel()
        await asyncio.gather(*self.in_flight.values(), return_exceptions=True)
        if self.client:
            await self.client.aclose()

    def next_due(self) -> float | None:
        """When the next delivery that is not already on its way is due, by the sandbox's clock."""
        rows = self.world.store.all(
            "SELECT seq, next_at FROM deliveries WHERE state = 'pending' ORDER BY next_at, seq LIMIT ?",
            len(self.in_flight) + 1,
        )
        return next((row["next_at"] for row in rows if row["seq"] not in self.in_flight), None)

    def send_due(self) -> None:
        """Starts deliveries that are due, as many as may be on their way; returns at once."""
        if len(self.in_flight) > ON_THEIR_WAY // 2:
            return
        rows = self.world.store.all(
            "SELECT * FROM deliveries WHERE state = 'pending' AND next_at <= ? ORDER BY next_at, seq LIMIT ?",
            self.world.now() + 0.001,
            ON_THEIR_WAY,
        )
        for row in rows:
            if row["seq"] in self.in_flight:
                continue
            chain = row["endpoint"], row["story"]
            task = asyncio.create_task(self._deliver(row, self.tails.get(chain)))
            self.tails[chain] = self.in_flight[row["seq"]] = task
            task.set_name(str(row["seq"]))
            task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.in_flight.pop(int(task.get_name()), None)
        if not self.in_flight:
            self.tails.clear()
        self.done.set()
        self.world.wake.set()

    async def _deliver(self, row: sqlite3.Row, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            patience = None if row["story"] == "release" else PATIENCE
            await asyncio.wait([previous], timeout=patience)
        async with self.slots:
            attempt = await self._attempt(row)
        outbox.record(self.world.store, row["seq"], attempt, self.world.now())

    async def _attempt(self, row: sqlite3.Row) -> Json:
        livemode = bool(row["livemode"])
        endpoint = self.world.store.find(livemode, row["endpoint"])
        event = self.world.store.find(livemode, row["event"])
        attempt: Json = {"at": self.world.now(), "ok": False, "status": None, "error": None, "ms": 0.0}
        if endpoint is None or event is None or endpoint["status"] != "enabled":
            return {**attempt, "ok": True, "error": "endpoint removed or disabled"}
        started = time.perf_counter()
        try:
            status = await self._post(endpoint, event)
            attempt |= {"status": status, "ok": 200 <= status < 300}
            if not attempt["ok"]:
                attempt["error"] = f"answered {status}"
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError, OSError) as error:
            attempt["error"] = f"{type(error).__name__}: {error}"[:200]
        attempt["ms"] = round((time.perf_counter() - started) * 1000, 2)
        return attempt

    async def _post(self, endpoint: Json, event: Json) -> int:
        """The answer's status. The signature carries real time: receivers compare it with their own clock."""
        assert self.client is not None
        payload = json.dumps({**public(event), "pending_webhooks": outbox.undelivered(self.world.store, event["id"])})
        body = payload.encode()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": sign(body, endpoint["_"]["secret"], int(time.time())),
            "Stripe-Version": API_VERSION,
        }
        async with asyncio.timeout(self.timeout):
            answer = await self.client.post(endpoint["url"], content=body, headers=headers)
        return answer.status_code

    # -- waiting -----------------------------------------------------------------------

    def open_deliveries(self, *, retries: bool = True) -> int:
        """Deliveries that are on their way or still to be sent; without `retries` only those due now."""
        if not retries:
            due = self.world.store.one(
                "SELECT count(*) AS n FROM deliveries WHERE state = 'pending' AND next_at <= ?", self.world.now()
            )
            return int(due["n"]) if due else 0
        row = self.world.store.one("SELECT count(*) AS n FROM deliveries WHERE state = 'pending'")
        return int(row["n"]) if row else 0

    async def settle(self, seconds: float, *, retries: bool = True) -> bool:
        """Waits until nothing is open (see open_deliveries); False when the time is up first. Real seconds."""
        deadline = time.monotonic() + seconds
        while True:
            self.done.clear()
            self.send_due()
            if not self.in_flight and not self.open_deliveries(retries=retries):
                return True
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            try:
                await asyncio.wait_for(self.done.wait(), min(left, 0.2))
            except TimeoutError:
                continue
