"""kill -9, at any moment, of any process -> restart -> retries and sweeps -> every order paid once, all books right"""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import httpx
import pytest

from tests import vendors
from tests.following import MERCHANT_EVENTS, Stubborn, follow, is_
from tests.post_office import SILENCE
from tests.processes.programs import Town
from tests.town import CHECKOUT_START, ORDER_CANCEL, ORDER_CREATE, GraphQLErrors, Shop, eventually

ORDERS, KILLS = 24, 10


@pytest.mark.parametrize("seed", [int(os.environ.get("KILL_SEED", "1"))])
def test_processes_die_at_random_moments_and_every_order_is_paid_once(town: Town, shop: Shop, seed: int) -> None:
    print(f"seed {seed} (KILL_SEED chooses another)")
    dice = Random(seed)
    with follow(town.graphql_url, shop.secret_key, MERCHANT_EVENTS) as following:
        start = following.next()
    followers = [
        Stubborn(town.graphql_urls, shop.secret_key, MERCHANT_EVENTS, last=is_("order.canceled"), kind=kind,
                 after=start["cursor"])
        for kind in ("socket", "stream")
    ]  # fmt: skip
    buyers = [Buyer(town, shop, Random(dice.random())) for _ in range(ORDERS)]
    with ThreadPoolExecutor(5) as pool:
        bought = [pool.submit(buyer.buy) for buyer in buyers]
        for _ in range(KILLS):
            time.sleep(dice.uniform(0.1, 0.9))
            victim = dice.choice([*town.servers, town.worker])
            victim.kill()
            victim.start()
            town.leases_are_over()
        town.everything_runs()
        order_ids = [each.result(60) for each in bought]
    town.settle()
    town.leases_are_over()

    eventually(lambda: [shop.find_order(id)["status"] for id in order_ids], lambda found: set(found) == {"PAID"})
    end = shop.order()
    shop.ask(ORDER_CANCEL, input={"orderId": end["id"]})
    for follower in followers:
        numbers = [message["sequence"] for message in follower.all()]
        assert numbers == list(range(start["sequence"] + 1, start["sequence"] + 1 + len(numbers)))
    assert len(set(order_ids)) == ORDERS
    town.check()
    paid = {session["client_reference_id"] for session in sessions(town) if session["payment_status"] == "paid"}
    assert {payment["id"] for id in order_ids for payment in shop.find_order(id)["payments"]} <= paid


class Buyer:
    """Asks again, at any server, with the same keys, until it has its answer; then pays, once."""

    def __init__(self, town: Town, shop: Shop, dice: Random) -> None:
        self._dice, self._keys = dice, [os.urandom(8).hex(), os.urandom(8).hex()]
        self._shops = [town.at(shop, 0), town.at(shop, 1)]

    def buy(self) -> str:
        item = {"name": "Thing", "unitAmount": {"amountMinor": self._dice.randrange(100, 9000), "currency": "EUR"}}
        made = self._insist(ORDER_CREATE, "orderCreate", self._keys[0], currency="EUR", items=[item])
        order_id: str = made["order"]["id"]
        started = self._insist(CHECKOUT_START, "checkoutStart", self._keys[1], orderId=order_id)
        self._shops[0].pay(started["payment"])
        return order_id

    def _insist(self, query: str, field: str, key: str, **given: Any) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError, GraphQLErrors):
                answer = self._ask(query, {"input": {**given, "idempotencyKey": key}})[field]
                if not answer["userErrors"]:
                    return answer
                assert all(error["retryable"] for error in answer["userErrors"]), answer
            time.sleep(0.05)
        raise AssertionError(f"{field} was never answered")

    def _ask(self, query: str, variables: dict[str, Any]) -> Any:
        shop = self._dice.choice(self._shops)
        headers = {"Authorization": f"Bearer {shop.secret_key}"}
        body = {"query": query, "variables": variables}
        answer = httpx.post(shop.town.graphql_url, json=body, headers=headers, timeout=3).json()
        if "errors" in answer:
            raise GraphQLErrors(answer["errors"])
        return answer["data"]


def sessions(town: Town) -> list[Any]:
    """The newest sessions at the PSP."""
    return list(town.stripe("GET", "/v1/checkout/sessions?limit=100")["data"])


def executed(town: Town, path: str, key: str) -> int:
    """How often the PSP did the work of this key; a call is logged at its end, so the first may come last."""

    def count() -> int:
        return sum(call["executed"] for call in town.calls("POST", path) if call["idempotency_key"] == key)

    return eventually(count)


def in_vain(call: Callable[[], Any]) -> threading.Thread:
    """Makes a call that nobody will answer."""

    def run() -> None:
        with contextlib.suppress(httpx.TransportError):
            call()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_server_that_dies_while_it_opens_a_session_leaves_one_session(town: Town, shop: Shop, when: str) -> None:
    order = shop.order(5100)
    given = {"orderId": order["id"], "idempotencyKey": os.urandom(8).hex()}
    town.sandbox("POST", "/faults", kind="hang", method="POST", path="/v1/checkout/sessions", when=when, seconds=2)
    call = in_vain(lambda: shop.ask(CHECKOUT_START, input=given))
    payment = eventually(lambda: town.at(shop, 1).find_order(order["id"])["payments"])[0]
    eventually(lambda: town.sandbox("GET", "/faults")["faults"] == [])
    known = [s for s in sessions(town) if s["client_reference_id"] == payment["id"]]
    assert (len(known), payment["status"]) == ({"before": 0, "after": 1}[when], "CREATED")

    town.servers[0].kill()
    call.join(10)
    town.servers[0].start().wait()
    town.leases_are_over()

    def again() -> Any:
        return shop.ask(CHECKOUT_START, input=given)["checkoutStart"]

    started = eventually(again, lambda answer: answer["userErrors"] == [])
    assert started["payment"]["id"] == payment["id"]
    assert town.at(shop, 1).checkout(order["id"])["checkoutUrl"] == started["checkoutUrl"]
    (session,) = [s for s in sessions(town) if s["client_reference_id"] == payment["id"]]
    assert (session["id"], session["url"]) == (started["payment"]["token"], started["checkoutUrl"])
    assert executed(town, "/v1/checkout/sessions", payment["id"]) == 1
    shop.pay(started["payment"])
    eventually(lambda: shop.find_order(order["id"]), lambda found: found["status"] == "PAID")
    town.settle()
    town.check()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_while_it_asks_for_a_refund_refunds_once(town: Town, shop: Shop, when: str) -> None:
    payment = shop.open_payment(2300)
    town.stripe("POST", f"/v1/checkout/sessions/{payment['token']}/expire")
    eventually(lambda: shop.find_payment(payment["id"]), lambda found: found["status"] == "EXPIRED")
    shop.pay(shop.checkout(payment["orderId"])["payment"])
    eventually(lambda: shop.find_order(payment["orderId"]), lambda order: order["status"] == "PAID")

    town.sandbox("POST", "/webhooks/rules", action="hold", types=["refund.*", "charge.refund*"])
    town.sandbox("POST", "/faults", kind="hang", method="POST", path="/v1/refunds", when=when, seconds=2)
    shop.pay(payment, force=True)
    eventually(lambda: town.sandbox("GET", "/faults")["faults"] == [])
    town.worker.kill()
    (refund,) = eventually(lambda: shop.find_payment(payment["id"])["refunds"])
    assert (refund["status"], refund["reason"], refund["amount"]["amountMinor"]) == ("RESERVED", "DUPLICATE", 2300)
    town.worker.start().wait()
    town.leases_are_over()

    def look() -> Any:
        found = shop.find_payment(payment["id"])
        if found["refunds"][0]["status"] == "RESERVED":
            town.leases_are_over()  # the PSP still hangs on the key
        return found

    done = eventually(look, lambda found: found["refunded"]["amountMinor"] == 2300)
    assert [(refund["status"], refund["amount"]["amountMinor"]) for refund in done["refunds"]] == [("SUCCEEDED", 2300)]
    assert executed(town, "/v1/refunds", refund["id"]) == 1
    town.sandbox("POST", "/webhooks/release")
    assert shop.find_order(payment["orderId"])["status"] == "PAID"
    town.settle()
    town.check()


@pytest.mark.parametrize("path", ["/v1/transfers", "/v1/transfers/*/reversals"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_worker_that_dies_while_it_moves_a_share_moves_it_once(town: Town, shop: Shop, when: str, path: str) -> None:
    back = path.endswith("reversals")
    vendor = vendors.active(shop)
    if not back:
        town.sandbox("POST", "/faults", kind="hang", method="POST", path=path, when=when, seconds=6)
    payment = vendors.sold(shop, [vendors.item(10000, vendors.commissioned(shop, vendor))])
    if back:
        eventually(lambda: vendors.moved(vendors.found(shop, payment["id"])) == [("MADE", 9000, False)])
        town.sandbox("POST", "/faults", kind="hang", method="POST", path=path, when=when, seconds=6)
        assert vendors.codes(vendors.do(shop, vendors.REFUND_CREATE, paymentId=payment["id"])) == []
    eventually(lambda: town.sandbox("GET", "/faults")["faults"] == [])
    town.worker.kill()
    transfer = vendors.found(shop, payment["id"])["transfers"][-1]
    assert (transfer["status"], transfer["amount"]["amountMinor"]) == ("RESERVED", 9000)
    town.worker.start().wait()
    town.leases_are_over()

    def look() -> Any:
        found = vendors.found(shop, payment["id"])["transfers"][-1]
        if found["status"] == "RESERVED":
            town.leases_are_over()  # the PSP still hangs on the key
        return found

    done = eventually(look, lambda found: found["status"] == "MADE")
    assert done["id"] == transfer["id"]
    first = vendors.found(shop, payment["id"])["transfers"][0]["token"]
    assert executed(town, path.replace("*", first), transfer["id"]) == 1
    town.settle()
    town.check()


def test_a_worker_that_dies_while_its_mail_is_taken_sends_the_same_mail_again(town: Town, shop: Shop) -> None:
    payer = f"{os.urandom(6).hex()}@payer.example"
    mails = "query ($id: ID!) { mails(filter: {orderId: $id}) { nodes { status attempts } } }"
    town.post_office.after_data[payer] = [SILENCE]
    order = shop.order(customer={"email": payer})
    shop.pay(shop.checkout(order["id"])["payment"])
    eventually(lambda: town.post_office.letters(payer))
    town.worker.kill()
    assert shop.ask(mails, id=order["id"])["mails"]["nodes"] == [{"status": "QUEUED", "attempts": 1}]

    town.worker.start().wait()
    town.leases_are_over()
    sent = [{"status": "SENT", "attempts": 2}]
    eventually(lambda: shop.ask(mails, id=order["id"])["mails"]["nodes"] == sent)
    first, second = town.post_office.letters(payer)
    assert first.data == second.data
    town.check()
