"""`main.py run`: one process, one folder. It is killed, it comes back, nothing is lost; it is asked to go, it goes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import invariants
from tests.following import MERCHANT_EVENTS, ORDER_UPDATES, follow, is_
from tests.processes.programs import Program, main
from tests.town import Shop, eventually, free_port


@dataclass
class Instance:
    """An embedded instance with its folder."""

    folder: Path
    program: Program
    http: httpx.Client

    @property
    def demo(self) -> Any:
        return json.loads((self.folder / "demo.json").read_text())

    @property
    def graphql_url(self) -> str:
        return str(self.demo["graphqlUrl"])

    @property
    def shop(self) -> Shop:
        town: Any = self
        return Shop(town, self.demo["merchantId"], "", self.demo["secretKey"], self.demo["publishableKey"])

    def sandbox(self, verb: str, path: str, /, **body: Any) -> Any:
        response = self.http.request(verb, f"{self.demo['sandboxUrl']}/sandbox{path}", json=body or None)
        assert response.status_code == 200, response.text
        return response.json()

    def redis_pids(self) -> list[int]:
        """The redis-servers that work in the folder, read from /proc."""
        found = []
        for process in Path("/proc").iterdir():
            try:
                if "redis-server" in (process / "cmdline").read_text() and (process / "cwd").resolve().is_relative_to(
                    self.folder.resolve()
                ):
                    found.append(int(process.name))
            except (OSError, ValueError):
                continue
        return found


Make = Callable[[str], Instance]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Starts instances; ends them after the test, and sees that their Redis goes with them."""
    made: list[Instance] = []
    client = httpx.Client(timeout=30)

    def make(name: str) -> Instance:
        folder = tmp_path / name
        port = free_port()
        env = {"DATA_DIR": str(folder), "PORT": str(port), "SANDBOX_PORT": str(free_port())}
        instance = Instance(folder, main(tmp_path, name, ["run"], "Stop with Ctrl-C", **env), client)
        made.append(instance)
        instance.program.start()
        return instance

    yield make
    for instance in made:
        instance.program.kill()
    client.close()
    eventually(lambda: [pid for instance in made for pid in instance.redis_pids()], lambda left: left == [])


def test_an_instance_that_was_killed_comes_back_with_all_it_knew(make: Make) -> None:
    instance = make("one")
    instance.program.wait()
    told, shop = instance.demo, instance.shop
    paid = shop.paid_order()
    opened, under_way = shop.open_payment(1900), shop.open_payment(2900)
    with follow(instance.graphql_url, shop.secret_key, ORDER_UPDATES, id=opened["orderId"]) as following:
        cursor = following.next()["cursor"]
        instance.sandbox("POST", f"/sessions/{under_way['token']}/pay")
        instance.program.kill()
        assert following.ended().code is None

    instance.program.start().wait()
    assert instance.demo == told
    assert instance.sandbox("GET", "/state")["objects"]["checkout.session"] == 3
    assert shop.find_order(paid["id"])["status"] == "PAID"
    assert shop.checkout(opened["orderId"])["checkoutUrl"] == opened["checkoutUrl"]
    with follow(instance.graphql_url, shop.secret_key, ORDER_UPDATES, after=cursor, id=opened["orderId"]) as following:
        shop.pay(opened)
        assert [m["version"] for m in following.until(is_("order.paid"))] == [4, 5]
    eventually(lambda: shop.find_order(under_way["orderId"]), lambda order: order["status"] == "PAID")
    assert instance.sandbox("POST", "/settle", timeout=10, retries=False)["settled"]
    assert len(instance.redis_pids()) == 1
    url = f"sqlite://{instance.folder / 'paygraph.db'}"
    eventually(lambda: invariants.broken(url, told["sandboxUrl"]), lambda found: found == [])


def test_two_instances_side_by_side_know_nothing_of_each_other(make: Make) -> None:
    instances = [make("one"), make("two")]
    for instance in instances:
        instance.program.wait()
    one, two = instances
    with follow(one.graphql_url, one.shop.secret_key, MERCHANT_EVENTS) as following:
        assert following.next()["sequence"] == 0
        two.shop.paid_order()
        assert following.silent()
    refused = two.shop.post("{ orders(first: 1) { nodes { id } } }", key=one.shop.secret_key)
    assert refused.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert one.shop.ask("{ orders(first: 1) { nodes { id } } }")["orders"]["nodes"] == []
    assert one.sandbox("GET", "/state")["objects"].get("checkout.session", 0) == 0

    two.program.kill()
    one.shop.paid_order()
    assert len(one.redis_pids()) == 1


def test_sigterm_ends_sockets_and_streams_politely_and_soon(make: Make) -> None:
    instance = make("one")
    instance.program.wait()
    shop = instance.shop
    order = shop.order()
    url, key = instance.graphql_url, shop.secret_key
    with (
        follow(url, key, ORDER_UPDATES, id=order["id"]) as a_socket,
        follow(url, key, ORDER_UPDATES, kind="stream", id=order["id"]) as a_stream,
        follow(url, key, MERCHANT_EVENTS) as another,
    ):
        for following in (a_socket, a_stream, another):
            following.next()
        assert instance.program.stop() < 8
        assert a_socket.ended().code == 1001
        assert a_stream.ended().polite
        assert another.ended().code == 1001
    assert instance.program.process is not None
    assert instance.program.process.returncode == 0
    eventually(instance.redis_pids, lambda left: left == [])


def test_two_instances_do_not_share_a_folder(make: Make) -> None:
    first = make("one")
    first.program.wait()
    told = first.demo
    second = make("one")
    eventually(lambda: not second.program.alive, timeout=30)
    assert "Another instance works in DATA_DIR" in second.program.said()
    assert "Traceback" not in second.program.said()
    assert (first.program.alive, first.demo) == (True, told)
    assert first.shop.paid_order()["status"] == "PAID"
