"""The renewal hour: a renewal's messages, drained, next to those of an ordinary payment, and to the whole life of one:
a renewal has its order made by the messages, too."""

import json
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import asyncpg

from bench import load, seed, story
from bench.parts import Log, Sizes, lifecycles
from bench.report import Figure, rate
from bench.stage import BenchError, Program, Stage
from bench.story import Opened
from kit import ids

_START = """mutation ($input: SubscriptionStartInput!) {
  subscriptionStart(input: $input) { subscription { id token } userErrors { code message } } }"""
_RENEWAL = (
    *("customer.subscription.updated", "invoice.paid", "payment_intent.succeeded", "charge.succeeded"),
    "invoice_payment.paid",
)
_PAYMENT = ("payment_intent.succeeded", "charge.succeeded", "checkout.session.completed")
_LEAST = 0.9
_WAVE = 200
"""How many renewals' messages are under way together: those of one type come before those of the next."""
_PSP_KEY = {"authorization": "Bearer sk_test_bench", "content-type": "application/json"}
_CUSTOMERS = """
INSERT INTO customers (id, merchant_id, email, created_at) SELECT c, $2, c || '@example.com', $3
  FROM unnest($1::text[]) AS c"""
_SUBSCRIPTIONS = """
INSERT INTO subscriptions (id, merchant_id, customer_id, plan_id, price_id, quantity, status, gateway, livemode,
                           request, token, item_token, period_start, period_end, cancel_at_period_end, metadata,
                           version, told_at, created_at, updated_at)
SELECT s, $4, c, $5, $6, 1, 'active', 'stripe', false, '{}', t, 'si_' || t, $7, $8, false, '{}', 0, $7, $7, $7
  FROM unnest($1::text[], $2::text[], $3::text[]) AS u(s, c, t)"""


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """All with all of their messages, in turns, over sixteen connections."""
    rates: dict[str, list[float]] = {"renewals": [], "payments": [], "lives": []}
    messages: dict[str, list[float]] = {"renewals": [], "payments": []}
    async with stage.database() as url, stage.sandbox() as psp, stage.serve(url, psp.url) as ours:
        key = stage.keys[0]
        payment = await _payment(ours, psp, key)
        plan, renewal = await _renewal(ours, psp, key)
        for number in range(sizes.rounds + 1):
            bodies = {
                "payments": await _payments(url, stage.merchant_id, payment, sizes.renewals),
                "renewals": await _renewals(url, stage.merchant_id, plan, renewal, sizes.renewals),
            }
            for name, bodies_of_one in bodies.items():
                run = await load.drive(ours.port, map(story.signed, bodies_of_one), expect=b'"received"')
                per_second = sizes.renewals / run.seconds
                if number:  # the first round warms up
                    rates[name].append(per_second)
                    messages[name].append(run.per_second)
                log.say(f"renewals {number}/{sizes.rounds}: {name} {per_second:.0f}/s, {run.per_second:.0f} messages/s")
            lives = await lifecycles.run(ours.port, sizes.lifecycles, partial(story.open_one, key=key), payment.told)
            if number:
                rates["lives"].append(lives)
            log.say(f"renewals {number}/{sizes.rounds}: whole payments {lives:.0f}/s")
        await _check(url, (sizes.rounds + 1) * sizes.renewals)
        count = (sizes.rounds + 1) * sizes.renewals
        log.note(f"The API holds {ours.resident_kib() / 1024:.0f} MiB after {count} renewals.")
    return [
        rate("messages of renewals", messages["renewals"], messages["payments"], "those of ordinary payments", _LEAST),
        rate("renewals", rates["renewals"], rates["payments"], "ordinary payments, with their messages"),
        rate("renewals", rates["renewals"], rates["lives"], "ordinary payments, from their order on", _LEAST),
    ]


async def _payment(ours: Program, psp: Program, key: str) -> "Sample":
    """A payment on a hosted page, and what the PSP tells of it."""
    connection = await load.Connection.open(ours.port)
    opened = await story.open_one(connection, key)
    connection.close()
    await load.post(psp.port, f"/sandbox/sessions/{opened.session_token}/pay", b"{}")
    return await Sample.of(psp, _PAYMENT, (opened.order_id, opened.payment_id, opened.session_token))


async def _renewal(ours: Program, psp: Program, key: str) -> tuple[tuple[str, str], "Sample"]:
    """A plan, and what the PSP tells of the renewal of a subscription to it."""
    connection = await load.Connection.open(ours.port)
    asked = story.graphql(key, story.PLAN_CREATE, {"input": story.new_plan()})
    plan = story.data_of(await connection.ask(asked))["plan"]
    start = {"idempotencyKey": "bench", "planId": plan["id"], "customer": {"email": "bench@example.com"}}
    begun = story.data_of(await connection.ask(story.graphql(key, _START, {"input": start})))["subscription"]
    connection.close()
    await load.post(psp.port, f"/sandbox/sessions/{begun['token']}/pay", b"{}")
    session = await _get(psp, f"/v1/checkout/sessions/{begun['token']}")
    await load.post(psp.port, f"/sandbox/customers/{session['customer']}/advance", b'{"renew": true}')
    sample = await Sample.of(psp, _RENEWAL, (begun["id"], session["subscription"], session["customer"]))
    return (plan["id"], plan["price"]["id"]), sample


class Sample:
    """The PSP's messages about one thing, to be told of any other: its `names` stand for those of the other."""

    def __init__(self, events: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
        self.events, self.names = events, names
        told = [event["data"]["object"]["id"] for event in events]
        self._own = sorted({*told, *_found(events, "pi_"), *_found(events, "in_")} - set(names))
        self._texts = [json.dumps(event) for event in events]

    @classmethod
    async def of(cls, psp: Program, types: Sequence[str], names: Sequence[str]) -> "Sample":
        """The newest message of each type."""
        listed = [(await _get(psp, f"/v1/events?type={kind}&limit=1"))["data"][0] for kind in types]
        return cls(listed, names)

    def told(self, opened: Opened) -> list[bytes]:
        """The signed messages about another payment."""
        return [story.signed(one) for one in self.about((opened.order_id, opened.payment_id, opened.session_token))]

    def about(self, names: Sequence[str]) -> list[bytes]:
        """The messages as they would be about another one."""
        mark = secrets.token_hex(8)
        found = []
        for text in self._texts:
            event = json.loads(text)["id"]
            for known, other in zip(self.names, names, strict=True):
                text = text.replace(known, other)
            for own in self._own:
                text = text.replace(own, f"{own[:8]}{mark}")
            found.append(text.replace(event, f"evt_{secrets.token_hex(12)}").encode())
        return found


def _found(value: Any, prefix: str) -> Iterator[str]:
    """Every text in there that begins so."""
    if isinstance(value, str) and value.startswith(prefix):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _found(each, prefix)


async def _payments(url: str, merchant_id: str, sample: Sample, count: int) -> list[bytes]:
    opened = await seed.open_orders(url, merchant_id, count)
    return _in_waves([sample.about((one.order_id, one.payment_id, one.session_token)) for one in opened])


async def _renewals(url: str, merchant_id: str, plan: tuple[str, str], sample: Sample, count: int) -> list[bytes]:
    """Subscriptions whose period ends, and the messages of what follows."""
    period = sample.events[0]["data"]["object"]["items"]["data"][0]
    ends = datetime.fromtimestamp(period["current_period_start"], UTC)
    now = datetime.now(UTC)
    made = [(ids.new("sub", now), f"sub_{secrets.token_hex(8)}", f"cus_{secrets.token_hex(8)}") for _ in range(count)]
    customers = [ids.new("cus", now) for _ in range(count)]
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute(_CUSTOMERS, customers, merchant_id, now)
        await connection.execute(
            _SUBSCRIPTIONS,
            [one[0] for one in made],
            customers,
            [one[1] for one in made],
            merchant_id,
            *plan,
            min(ends, now) - timedelta(days=31),
            ends,
        )
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return _in_waves([sample.about(one) for one in made])


def _in_waves(messages: Sequence[Sequence[bytes]]) -> list[bytes]:
    waves = [messages[at : at + _WAVE] for at in range(0, len(messages), _WAVE)]
    return [one[place] for wave in waves for place in range(len(wave[0])) for one in wave]


async def _get(psp: Program, path: str) -> Any:
    connection = await load.Connection.open(psp.port)
    try:
        asked = load.request(path, b"", _PSP_KEY).replace(b"POST", b"GET", 1)
        return json.loads(load.check(await connection.ask(asked), b"{"))
    finally:
        connection.close()


async def _check(url: str, expected: int) -> None:
    """Each was collected once, into an order of its own, and booked; none waits."""
    connection: Any = await asyncpg.connect(url)
    try:
        found = await connection.fetchval(
            """SELECT count(*) FROM orders o JOIN payments p ON p.order_id = o.id
                 JOIN invoices i ON i.order_id = o.id JOIN postings b ON b.payment_id = p.id
                WHERE o.status = 'paid' AND p.status = 'captured' AND p.recurrence = 'recc' AND i.status = 'paid'"""
        )
        kept = await connection.fetchval("SELECT count(*) FROM webhook_events WHERE status = 'kept'")
    finally:
        await connection.close()
    if found + kept < expected or kept > expected // 20:
        raise BenchError(f"Of {expected} renewals {found} are settled as they should be; {kept} messages wait.")
