"""Captures and refunds per second, end to end: from the mutation through the PSP to what is booked.

The ceiling is the PSP alone, asked for the same with nothing in between. It works on the same machine.
"""

import asyncio
import json
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import asyncpg

from bench import load, story
from bench.parts import Log, Sizes
from bench.report import Figure, rate
from bench.stage import BenchError, Program, Stage

_AUTHORIZE = """mutation Authorize($input: PaymentAuthorizeInput!) {
  paymentAuthorize(input: $input) { payment { id status } userErrors { code message } } }"""
_CAPTURE = """mutation Capture($input: PaymentCaptureInput!) {
  paymentCapture(input: $input) { payment { status } userErrors { code message } } }"""
_REFUND = """mutation Refund($input: RefundCreateInput!) {
  refundCreate(input: $input) { refund { status } userErrors { code message } } }"""
_PSP_KEY = {"authorization": "Bearer sk_test_bench", "content-type": "application/x-www-form-urlencoded"}

Asking = Callable[[load.Connection], Awaitable[str]]


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Ours and the PSP alone, in turns; each round authorizes, then captures all of it, then gives all of it back."""
    async with stage.database() as url, stage.sandbox() as psp, stage.serve(url, psp.url) as ours:
        key, rates = (
            stage.keys[0],
            {name: list[float]() for name in ("captures", "refunds", "psp captures", "psp refunds")},
        )
        for number in range(sizes.rounds + 1):
            payments = await _many(ours.port, sizes.operations, lambda connection: _authorized(connection, key))
            intents = await _many(psp.port, sizes.operations, _reserved)
            runs = {
                "captures": await _drive(ours, [_mutation(key, _CAPTURE, id) for id in payments], b'"CAPTURED"'),
                "psp captures": await _drive(psp, [_form(f"/{id}/capture") for id in intents], b'"succeeded"'),
                "refunds": await _drive(
                    ours,
                    [_mutation(key, _REFUND, id, reason="DUPLICATE") for id in payments],
                    b'"SUCCEEDED"',
                ),
                "psp refunds": await _drive(psp, [_refund(id) for id in intents], b'"succeeded"'),
            }
            for name, per_second in runs.items():
                if number:  # the first round warms up
                    rates[name].append(per_second)
                log.say(f"operations {number}/{sizes.rounds}: {name} {per_second:.0f}/s")
        await _check(url, (sizes.rounds + 1) * sizes.operations)
    return [
        rate("captures", rates["captures"], rates["psp captures"], "the sandbox PSP alone"),
        rate("refunds", rates["refunds"], rates["psp refunds"], "the sandbox PSP alone"),
    ]


async def _many(port: int, count: int, ask: Asking) -> list[str]:
    """As many ids, asked for over sixteen connections."""
    waiting, made = iter(range(count)), list[str]()

    async def work() -> None:
        connection = await load.Connection.open(port)
        for _ in waiting:
            made.append(await ask(connection))
        connection.close()

    await asyncio.gather(*(work() for _ in range(load.CONNECTIONS)))
    return made


async def _authorized(connection: load.Connection, key: str) -> str:
    """A payment of ours with reserved money."""
    created = story.graphql(key, story.ORDER_CREATE, {"input": story.new_order()})
    order_id = story.data_of(await connection.ask(created))["order"]["id"]
    given = story.new_checkout(order_id) | {"token": "pm_card_visa", "captureMethod": "MANUAL"}
    answer = await connection.ask(story.graphql(key, _AUTHORIZE, {"input": given}))
    return str(story.data_of(answer)["payment"]["id"])


async def _reserved(connection: load.Connection) -> str:
    """The same at the PSP, without us."""
    asked = {"amount": story.TOTAL_MINOR, "currency": "eur", "payment_method": "pm_card_visa", "confirm": "true"}
    asked |= {"capture_method": "manual", "return_url": "https://shop.example/", "metadata[order]": "bench"}
    answer = await connection.ask(_form("", asked))
    return str(json.loads(load.check(answer, b'"requires_capture"'))["id"])


def _mutation(key: str, query: str, payment_id: str, **more: str) -> bytes:
    given = {"paymentId": payment_id, "idempotencyKey": secrets.token_hex(12), **more}
    return story.graphql(key, query, {"input": given})


def _form(path: str, fields: dict[str, Any] | None = None, base: str = "/v1/payment_intents") -> bytes:
    headers = _PSP_KEY | {"idempotency-key": secrets.token_hex(12)}
    return load.request(base + path, urlencode(fields or {}).encode(), headers)


def _refund(intent_id: str) -> bytes:
    return _form("", {"payment_intent": intent_id}, "/v1/refunds")


async def _drive(program: Program, requests: list[bytes], expect: bytes) -> float:
    return (await load.drive(program.port, requests, expect=expect)).per_second


async def _check(url: str, expected: int) -> None:
    """Every payment was captured and given back in whole, here."""
    connection: Any = await asyncpg.connect(url)
    try:
        found = await connection.fetchval(
            "SELECT count(*) FROM payments WHERE captured_minor = amount_minor AND refunded_minor = amount_minor"
        )
    finally:
        await connection.close()
    if found != expected:
        raise BenchError(f"{expected} payments were captured and given back, but {found} are booked so.")
