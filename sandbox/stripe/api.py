"""/v1: one request from its key and form to its answer. Work is synchronous, so a call is never seen half done."""

from __future__ import annotations

import asyncio
import base64
import json
import re
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from sandbox import faults
from sandbox.faults import Fault
from sandbox.store import Json
from sandbox.stripe import (  # noqa: F401  (the modules register their endpoints)
    account,
    browsers,
    catalog,
    customers,
    dispute_calls,
    errors,
    expand,
    idempotency,
    ids,
    intents,
    params,
    payment_methods,
    prices,
    radar,
    refunds,
    sessions,
    setup_intents,
)
from sandbox.stripe.billing import (  # noqa: F401
    clock_calls,
    invoice_calls,
    item_calls,
    portal,
    previews,
    subscription_calls,
)
from sandbox.stripe.connect import (  # noqa: F401
    account_calls,
    accounts,
    onboarding,
    payout_calls,
    transfer_calls,
)
from sandbox.stripe.endpoints import Endpoint, match
from sandbox.stripe.idempotency import Remembered
from sandbox.stripe.version import API_VERSION
from sandbox.wire import LostConnection, base_url, read_body
from sandbox.world import Call, World

KEY = re.compile(r"(sk|rk|pk)_(test|live)_[A-Za-z0-9_]{1,250}")


@dataclass
class Exchange:
    """A request under way and what the log of calls will say of it."""

    method: str
    path: str
    headers: Any
    request_id: str = field(default_factory=lambda: ids.new("req", 14))
    livemode: bool | None = None
    publishable: bool = False
    """Made with a publishable key: by a browser."""
    key: str | None = None
    status: int = 0
    replayed: bool = False
    executed: bool = False
    fault: str | None = None
    extra: dict[str, str] = field(default_factory=dict)


class Api:
    """The ASGI side of /v1 in one world."""

    def __init__(self, world: World, public_url: str | None) -> None:
        self.world, self.public_url = world, public_url
        self.under_way: set[tuple[bool, str | None, str]] = set()

    async def __call__(self, request: Request) -> Response:
        exchange = Exchange(request.method, request.url.path, request.headers)
        exchange.key = request.headers.get("idempotency-key") if request.method == "POST" else None
        if request.method == "OPTIONS" and (allowed := browsers.preflight(request)):
            return allowed
        exchange.extra |= browsers.headers_for(request.method, request.url.path)
        try:
            body = await self._answer(request, exchange)
        except errors.StripeError as error:
            exchange.status, body = error.status, json.dumps(error.body(exchange.request_id))
        except (LostConnection, ClientDisconnect):
            self._log(exchange)
            raise LostConnection from None
        self._log(exchange)
        headers = {"Request-Id": exchange.request_id, "Stripe-Version": API_VERSION, **exchange.extra}
        headers["Date"] = formatdate(self.world.now(), usegmt=True)
        if exchange.key is not None and exchange.key.isprintable() and exchange.key.isascii():
            headers["Idempotency-Key"] = exchange.key
        return Response(body, exchange.status, headers, "application/json")

    async def _answer(self, request: Request, exchange: Exchange) -> str:
        exchange.livemode, exchange.publishable = authenticate(exchange.headers)
        check_headers(exchange.headers)
        raw = await parameters(request)
        found = match(exchange.method, exchange.path)
        if exchange.publishable:
            browsers.require_publishable(found)
        call = self.world.call(
            exchange.livemode,
            base_url=base_url(request, self.public_url),
            request_id=exchange.request_id,
            idempotency_key=exchange.key,
        )
        call.account = accounts.acting_as(call, exchange.headers.get("stripe-account"))
        if exchange.key is None:
            return await self._with_faults(call, exchange, found, raw, "")
        idempotency.check_key(exchange.key)
        mark = idempotency.fingerprint(call, exchange.method, exchange.path, raw)
        busy = (exchange.livemode, call.account, exchange.key)
        if busy in self.under_way:
            raise errors.KeyInUse(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                "submitted twice, and the other request is still going through): "
                f"{exchange.key}. Please try again later.",
                code="idempotency_key_in_use",
            )
        self.under_way.add(busy)
        try:
            return await self._with_faults(call, exchange, found, raw, mark)
        finally:
            self.under_way.discard(busy)

    async def _with_faults(
        self, call: Call, exchange: Exchange, found: tuple[Endpoint, list[str]] | None, raw: Json, mark: str
    ) -> str:
        fault = faults.take(call.store, exchange.method, exchange.path)
        if fault is None:
            return self._execute_once(call, exchange, found, raw, mark)
        exchange.fault = f"{fault.kind} {fault.when}"
        if fault.when == "after":
            self._execute_once(call, exchange, found, raw, mark)
        return await self._fail(call, exchange, fault, mark)

    async def _fail(self, call: Call, exchange: Exchange, fault: Fault, mark: str) -> str:
        if fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
        if fault.kind in ("hang", "reset"):
            raise LostConnection
        exchange.status, body = fault.status, json.dumps(faults.body(fault.status))
        exchange.extra.pop("Idempotent-Replayed", None)
        if fault.stored and mark and exchange.key:
            remembered = Remembered(fault.status, body, exchange.request_id)
            idempotency.remember(call, exchange.key, mark, remembered)
        return body

    def _execute_once(
        self, call: Call, exchange: Exchange, found: tuple[Endpoint, list[str]] | None, raw: Json, mark: str
    ) -> str:
        """Runs the call, or repeats the answer that its idempotency key already has."""
        if mark and exchange.key and (old := idempotency.recall(call, exchange.key, mark)):
            exchange.status, exchange.replayed = old.status, True
            exchange.extra |= {"Idempotent-Replayed": "true", "Original-Request": old.request_id}
            return old.body
        with call.store.transaction():
            status, body, stored = self._execute(call, exchange, found, raw)
            if stored and mark and exchange.key:
                idempotency.remember(call, exchange.key, mark, Remembered(status, body, exchange.request_id))
        exchange.status = status
        return body

    def _execute(
        self, call: Call, exchange: Exchange, found: tuple[Endpoint, list[str]] | None, raw: Json
    ) -> tuple[int, str, bool]:
        """(status, body, whether the idempotency key remembers it)"""
        try:
            with call.store.savepoint() as work:
                try:
                    result = run(call, exchange, found, raw)
                except errors.StripeError as error:
                    work.keep = error.keeps
                    raise
            return 200, json.dumps(result), True
        except errors.StripeError as error:
            return error.status, json.dumps(error.body(exchange.request_id)), error.stored

    def _log(self, exchange: Exchange) -> None:
        self.world.store.run(
            "INSERT INTO calls(at, method, path, livemode, request_id, idempotency_key, status, replayed, executed, "
            "fault) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            self.world.now(),
            exchange.method,
            exchange.path[:500],
            exchange.livemode,
            exchange.request_id,
            exchange.key,
            exchange.status or None,
            exchange.replayed,
            exchange.executed,
            exchange.fault,
        )


def run(call: Call, exchange: Exchange, found: tuple[Endpoint, list[str]] | None, raw: Json) -> Json:
    """Checks the parameters, does the work and renders its result."""
    if found is None:
        raise unknown_url(exchange)
    endpoint, identifiers = found
    if call.account and not endpoint.connected:
        raise errors.unsupported("Stripe-Account for this call")
    given = params.check(endpoint.shape, raw)
    if exchange.publishable and endpoint.publishable == "secret":
        browsers.require_secret(call, given, identifiers[0])
    exchange.executed = True
    result = expand.answer(call, endpoint.run(call, given, *identifiers), given.get("expand", []))
    return browsers.shown_to_browser(result) if exchange.publishable else result


def unknown_url(exchange: Exchange) -> errors.NotFound:
    error = errors.NotFound(
        f"Unrecognized request URL ({exchange.method}: {exchange.path[:200]}). Please see https://stripe.com/docs "
        "or we can help at https://support.stripe.com/."
    )
    error.stored = False
    return error


def authenticate(headers: Any) -> tuple[bool, bool]:
    """(livemode, publishable) of the request's key. Raises Unauthorized for none or an odd one."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    key = credentials.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode("ascii").partition(":")[0]
        except ValueError:
            key = ""
    if not key:
        raise errors.Unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    found = KEY.fullmatch(key)
    if scheme.lower() not in ("bearer", "basic") or not found:
        raise errors.Unauthorized(f"Invalid API Key provided: {key[:7]}{'*' * 8}")
    return found[2] == "live", found[1] == "pk"


def check_headers(headers: Any) -> None:
    version = headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise errors.InvalidParameter(f"Invalid Stripe API version: {version[:40]}. The sandbox speaks {API_VERSION}.")
    if "stripe-context" in headers:
        raise errors.unsupported("Stripe-Context")


async def parameters(request: Request) -> Json:
    """The undecoded parameters of query and form. Raises InvalidParameter for any body but a form."""
    text = request.url.query
    body = await read_body(request)
    if body and request.method != "GET":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("application/x-www-form-urlencoded", ""):
            raise errors.InvalidParameter(
                "Invalid request (check that your POST content type is application/x-www-form-urlencoded). If you have "
                "questions, we can help at https://support.stripe.com/."
            )
        try:
            text = "&".join(filter(None, [text, body.decode("utf-8")]))
        except UnicodeDecodeError:
            raise errors.InvalidParameter("Invalid request: the body is not valid UTF-8.") from None
    return params.decode(text)
