"""The return page's live updates: each change once, resumable, ended by whatever ends them, and leaking nothing."""

import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from pages import streams
from tests.pages.conftest import LOCAL, Payer, messages, open_streams, serving
from tests.town import Shop, Town, eventually, free_port


@pytest.fixture
def server(town: Town) -> Iterator[tuple[str, Any]]:
    """A server of one's own, whose streams can be counted and ended."""
    url = f"{LOCAL}:{free_port()}"
    with serving(town, url, None) as app:
        yield url, app


def count(town: Town, app: Any) -> int:
    return town.call(open_streams(app))


def test_a_page_that_is_open_turns_paid(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment(4200, "EUR")
    payer = payer_of(payment["id"])
    with town.http.stream("GET", town.base_url + payer.live_path(), headers={"Accept-Language": "fr-FR"}) as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert response.headers["cache-control"] == "no-store"
        assert "content-length" not in response.headers
        lines = response.iter_lines()
        assert next(lines) == "retry: 2000"
        shop.pay(payment)
        last_id, told = list(messages(lines))[-1]  # and so it has ended
    assert (told["state"], told["settled"], told["title"]) == ("paid", True, "Thank you, it is paid")
    assert "42,00\xa0€" in told["html"]
    assert int(last_id) >= shop.find_order(payment["orderId"])["version"] - 1
    assert "<script" not in told["html"]


def test_what_came_between_the_page_and_its_stream_is_told_first(town: Town, shop: Shop, payer_of: Any) -> None:
    payment = shop.open_payment()
    payer = payer_of(payment["id"])
    live = payer.live_path()
    shop.pay(payment)
    assert payer.sees("paid")
    town.settle()
    told = list(messages(iter(town.http.get(town.base_url + live).text.splitlines())))
    assert [message["state"] for _, message in told] == ["paid"]
    # Its id is where the browser goes on from; there is nothing more, and 204 tells it so.
    again = town.http.get(town.base_url + live, headers={"Last-Event-ID": told[0][0]})
    assert (again.status_code, again.text) == (204, "")


@pytest.mark.parametrize("cursor", ["", "-1", "abc", "99999999", "1" * 400, "١"])
def test_an_odd_cursor_begins_with_the_present(town: Town, shop: Shop, payer_of: Any, cursor: str) -> None:
    payment = shop.paid_order()["payments"][0]
    payer = payer_of(payment["id"])
    given = {"Last-Event-ID": cursor} if cursor.isascii() else {}
    response = town.http.get(f"{payer.url}/live?after={cursor}", headers=given)
    assert [told["state"] for _, told in messages(iter(response.text.splitlines()))] == ["paid"]


def test_a_stream_shows_that_it_lives(
    town: Town, shop: Shop, payer_of: Any, monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    monkeypatch.setattr(streams, "HEARTBEAT", 0.05)
    url, _app = server
    payer = payer_of(shop.open_payment()["id"], url)
    with httpx.stream("GET", url + payer.live_path()) as response:
        lines = response.iter_lines()
        beats = [line for _ in range(12) if (line := next(lines)) == ":"]
        assert len(beats) >= 3


def test_a_stream_has_a_bounded_life(
    town: Town, shop: Shop, payer_of: Any, monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    monkeypatch.setattr(streams, "LIFETIME", 0.3)
    url, app = server
    payer = payer_of(shop.open_payment()["id"], url)
    started = time.monotonic()
    assert httpx.get(url + payer.live_path(), timeout=5).text == "retry: 2000\n\n"
    assert time.monotonic() - started < 3
    assert count(town, app) == 0


def test_clients_that_go_leave_nothing_behind(town: Town, shop: Shop, payer_of: Any, server: Any) -> None:
    url, app = server
    payment = shop.open_payment()
    payer = payer_of(payment["id"], url)
    live = payer.live_path()
    sockets = [connect(payer, live) for _ in range(20)]
    eventually(lambda: count(town, app), lambda open_now: open_now == 20)
    assert len(town.house.hub._watched[payment["orderId"]]) == 20
    for client in sockets:
        client.close()
    eventually(lambda: count(town, app), lambda open_now: open_now == 0)
    assert payment["orderId"] not in town.house.hub._watched


def test_a_head_request_does_not_stay(town: Town, shop: Shop, payer_of: Any, server: Any) -> None:
    url, app = server
    payer = payer_of(shop.open_payment()["id"], url)
    assert httpx.head(url + payer.live_path(), timeout=3).status_code == 200
    assert count(town, app) == 0


def test_a_server_that_stops_ends_its_streams_at_once(town: Town, shop: Shop, payer_of: Any) -> None:
    url = f"{LOCAL}:{free_port()}"
    ended: list[str] = []
    with serving(town, url, None) as app:
        payer = payer_of(shop.open_payment()["id"], url)
        live = payer.live_path()
        listener = threading.Thread(target=lambda: ended.append(httpx.get(url + live, timeout=20).text))
        listener.start()
        eventually(lambda: count(town, app), lambda open_now: open_now == 1)
        started = time.monotonic()
    assert time.monotonic() - started < 2
    listener.join(5)
    assert ended == ["retry: 2000\n\n"]


def test_too_many_streams_are_refused(
    town: Town, shop: Shop, payer_of: Any, monkeypatch: pytest.MonkeyPatch, server: Any
) -> None:
    monkeypatch.setattr(streams, "MOST", 1)
    url, app = server
    payer = payer_of(shop.open_payment()["id"], url)
    live = payer.live_path()
    client = connect(payer, live)
    eventually(lambda: count(town, app), lambda open_now: open_now == 1)
    refused = httpx.get(url + live)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    client.close()


def connect(payer: Payer, path: str) -> socket.socket:
    """A client that reads nothing."""
    port = urlsplit(payer.base_url).port
    assert port
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return client
