"""The API's manners: keys, modes, parameters, pages, idempotency, nonsense."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from sandbox import create_app
from tests.sandbox.conftest import served

pytestmark = pytest.mark.anyio

KEY = {"Authorization": "Bearer sk_test_1"}


async def refused(play: Any, method: str, path: str, status: int = 400, **how: Any) -> dict[str, Any]:
    headers = {**KEY, **how.pop("headers", {})}
    answer = await play.browser.request(method, path, headers=headers, **how)
    assert answer.status_code == status, answer.text
    assert answer.headers["request-id"].startswith("req_")
    error: dict[str, Any] = answer.json()["error"]
    return error


@pytest.mark.parametrize(
    "header", [None, "Bearer nonsense", "Bearer pk_test_1", "Basic %%%", "Digest sk_test_1", "Bearer sk_test_é"]
)
async def test_a_missing_or_odd_key_is_unauthorized(play: Any, header: str | None) -> None:
    headers = {"Authorization": header.encode()} if header else {}
    answer = await play.browser.get("/v1/account", headers=headers)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_basic_authentication_works_like_bearer(play: Any) -> None:
    answer = await play.browser.get("/v1/account", auth=("sk_test_1", ""))
    assert answer.json()["id"].startswith("acct_")


async def test_live_and_test_do_not_see_each_other(play: Any) -> None:
    live = play.sdk("sk_live_1")
    mine = await live.v1.customers.create_async({"email": "a@example.com"})
    assert mine.livemode is True
    with pytest.raises(stripe.InvalidRequestError) as caught:
        await play.v1.customers.retrieve_async(mine.id)
    assert caught.value.code == "resource_missing"
    assert caught.value.http_status == 404
    await play.settle()
    assert play.inbox.events == []


async def test_an_unknown_path_is_stripes_404(play: Any) -> None:
    answer = await play.browser.get("/v1/foo", headers=KEY)
    assert answer.status_code == 404
    assert answer.json()["error"]["message"].startswith("Unrecognized request URL (GET: /v1/foo)")
    play.checker_ignores()


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"amount": 100}, "parameter_missing", "currency"),
        ({"amount": 100, "currency": "usd", "foo": 1}, "parameter_unknown", "foo"),
        ({"amount": 100, "currency": "usd", "shipping[foo]": 1}, "parameter_unknown", "shipping[foo]"),
        (
            {"amount": 100, "currency": "usd", "payment_method_types[]": "card"},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"amount": "1.5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "9" * 5000, "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": 49, "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": 10**15, "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": 100, "currency": "xyz"}, None, "currency"),
        ({"amount": 1001, "currency": "kwd"}, None, "amount"),
        ({"amount": 1050, "currency": "isk"}, None, "amount"),
        ({"amount": 100, "currency": ""}, None, "currency"),
        ({"amount": 100, "currency": "usd", "capture_method": "maybe"}, None, "capture_method"),
        ({"amount": 100, "currency": "usd", "confirm": "yes"}, None, "confirm"),
        ({"amount": 100, "currency": "usd", "description": ""}, "parameter_invalid_empty", "description"),
        ({"amount": 100, "currency": "usd", "metadata[a]": "x" * 501}, None, "metadata[a]"),
        ({"amount": 100, "currency": "usd", f"metadata[{'k' * 41}]": "x"}, None, "metadata"),
        ({"amount": 100, "currency": "usd", **{f"metadata[k{n}]": "x" for n in range(51)}}, None, "metadata"),
        ({"amount": 100, "currency": "usd", "expand[]": "foo"}, None, "expand"),
    ],
)
async def test_bad_parameters_are_refused(play: Any, params: Any, code: str | None, param: str) -> None:
    error = await refused(play, "POST", "/v1/payment_intents", data=params)
    assert (error.get("code"), error["param"]) == (code, param)
    assert (await play.v1.payment_intents.list_async()).data == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff\xfe=1", "application/x-www-form-urlencoded"),
        (b"a=%ff", "application/x-www-form-urlencoded"),
        (b'{"amount": 100}', "application/json"),
        (b"a" + b"[b]" * 500 + b"=1", "application/x-www-form-urlencoded"),
        (b"amount=1&amount[x]=2", "application/x-www-form-urlencoded"),
        (b"amount[x]=1&amount=2", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(5000)), "application/x-www-form-urlencoded"),
        (b"x" * 3_000_000, "application/x-www-form-urlencoded"),
        (b"[]=1", "application/x-www-form-urlencoded"),
        (b"--x\r\n\r\n--x--", "multipart/form-data; boundary=x"),
        (b"metadata[a][b]=c&amount=100&currency=usd", "application/x-www-form-urlencoded"),
        (b"line_items[99999999999999999999]=c", "application/x-www-form-urlencoded"),
    ],
)
async def test_nonsense_is_a_400(play: Any, body: bytes, kind: str) -> None:
    for path in ("/v1/payment_intents", "/v1/checkout/sessions"):
        answer = await play.browser.post(path, content=body, headers={**KEY, "Content-Type": kind})
        assert answer.status_code == 400, answer.text
        assert answer.json()["error"]["message"]
    play.checker_ignores("unknown_param", "missing_param", "bad_param")


async def test_odd_requests_are_answered(play: Any) -> None:
    await refused(play, "GET", "/v1/customers/%00%ff", 404)
    await refused(play, "GET", "/v1/customers?limit=0")
    await refused(play, "GET", "/v1/customers?limit=101")
    await refused(play, "GET", "/v1/customers?starting_after=nope", 404)
    await refused(play, "GET", "/v1/customers?created[gte]=x")
    await refused(play, "PUT", "/v1/customers", 404)
    await refused(play, "GET", "/v1/account", headers={"Stripe-Version": "2020-01-01"})
    await refused(play, "GET", "/v1/account", 403, headers={"Stripe-Account": "acct_other"})
    await refused(play, "POST", "/v1/customers", headers={"Idempotency-Key": "x" * 256})
    play.checker_ignores()


async def test_headers_come_back(play: Any) -> None:
    headers = {**KEY, "Idempotency-Key": "k1", "Stripe-Version": "2026-10-28.endive"}
    answer = await play.browser.post("/v1/customers", headers=headers)
    assert answer.headers["stripe-version"] == "2026-10-28.endive"
    assert answer.headers["idempotency-key"] == "k1"


async def test_lists_are_paged_both_ways(play: Any) -> None:
    made = [(await play.v1.customers.create_async({"name": str(n)})).id for n in range(5)][::-1]
    first = await play.v1.customers.list_async({"limit": 2})
    assert ([each.id for each in first.data], first.has_more, first.url) == (made[:2], True, "/v1/customers")
    then = await play.v1.customers.list_async({"limit": 2, "starting_after": made[1]})
    assert [each.id for each in then.data] == made[2:4]
    back = await play.v1.customers.list_async({"limit": 2, "ending_before": made[3]})
    assert ([each.id for each in back.data], back.has_more) == (made[1:3], True)
    every = await play.v1.customers.list_async({"limit": 2})
    assert [each.id async for each in every.auto_paging_iter()] == made


async def test_a_key_repeats_the_first_answer(play: Any) -> None:
    key = {"idempotency_key": "once"}
    first = await play.v1.customers.create_async({"name": "A"}, key)
    second = await play.v1.customers.create_async({"name": "A"}, key)
    assert first.id == second.id
    assert second.last_response.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.last_response.headers
    with pytest.raises(stripe.IdempotencyError):
        await play.v1.customers.create_async({"name": "B"}, key)
    with pytest.raises(stripe.IdempotencyError):
        await play.v1.products.create_async({"name": "A"}, key)
    other_mode = await play.sdk("sk_live_1").v1.customers.create_async({"name": "B"}, key)
    assert other_mode.livemode
    calls = (await play.look("calls", path="/v1/customers", idempotency_key="once"))["calls"]
    assert [(call["executed"], call["replayed"], call["status"]) for call in calls] == [
        (True, False, 200),
        (False, True, 200),
        (False, False, 400),
        (True, False, 200),
    ]


async def test_a_key_does_not_remember_failed_validation_but_a_decline(play: Any) -> None:
    key = {"idempotency_key": "k"}
    with pytest.raises(stripe.InvalidRequestError):
        await play.v1.payment_intents.create_async({"amount": 1, "currency": "usd"}, key)
    made = await play.v1.payment_intents.create_async({"amount": 100, "currency": "usd"}, key)
    assert made.status == "requires_payment_method"
    how: Any = {
        "amount": 100,
        "currency": "usd",
        "confirm": True,
        "payment_method": "pm_card_visa_chargeDeclined",
        "return_url": "https://shop.example",
    }
    ids = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as caught:
            await play.v1.payment_intents.create_async(how, {"idempotency_key": "k2"})
        ids.append(caught.value.error.payment_intent.id)
    assert ids[0] == ids[1]


async def test_a_key_is_forgotten_after_a_day(play: Any) -> None:
    key = {"idempotency_key": "k"}
    first = await play.v1.customers.create_async({"name": "A"}, key)
    await play.control("clock/advance", seconds=86401)
    assert (await play.v1.customers.create_async({"name": "A"}, key)).id != first.id


async def test_a_key_in_use_is_a_conflict(play: Any) -> None:
    await play.control("faults", kind="hang", seconds=0.4, when="after", path="/v1/customers")
    headers = {**KEY, "Idempotency-Key": "k"}
    slow = asyncio.create_task(play.browser.post("/v1/customers", headers=headers))
    await asyncio.sleep(0.1)
    error = await refused(play, "POST", "/v1/customers", 409, headers={"Idempotency-Key": "k"})
    assert error["code"] == "idempotency_key_in_use"
    with pytest.raises(httpx.HTTPError):
        await slow
    answer = await play.browser.post("/v1/customers", headers=headers)
    assert answer.headers["idempotent-replayed"] == "true"
    play.checker_ignores()


async def test_everything_survives_a_restart(tmp_path: Path, play: Any) -> None:
    file = tmp_path / "sandbox.sqlite"
    headers = {**KEY, "Idempotency-Key": "k"}
    async with served(create_app(state=file)) as url, httpx.AsyncClient(base_url=url) as http:
        first = (await http.post("/v1/customers", headers=headers)).json()
        account = (await http.get("/v1/account", headers=KEY)).json()["id"]
        await http.post("/sandbox/clock/advance", json={"seconds": 3600})
    async with served(create_app(state=file)) as url, httpx.AsyncClient(base_url=url) as http:
        again = await http.post("/v1/customers", headers=headers)
        assert (again.json(), again.headers["idempotent-replayed"]) == (first, "true")
        assert (await http.get("/v1/account", headers=KEY)).json()["id"] == account
        assert (await http.get("/sandbox/state")).json()["ahead_seconds"] == pytest.approx(3600, abs=1)
