"""graphql-transport-ws: messages, close codes, operations, and their ends."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from tests.schema.transport.toy import FRIEND

PROTOCOL = ["graphql-transport-ws"]


@contextmanager
def socket(client: TestClient, key: str | None = "anna", **headers: str) -> Iterator[WebSocketTestSession]:
    with client.websocket_connect("/graphql", subprotocols=PROTOCOL, headers=headers) as session:
        if key is not None:
            session.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
            assert session.receive_json() == {"type": "connection_ack"}
        yield session


def subscribe(session: WebSocketTestSession, query: str, id_: str = "1", **payload: object) -> None:
    session.send_json({"id": id_, "type": "subscribe", "payload": {"query": query, **payload}})


def closed(session: WebSocketTestSession) -> int:
    try:
        while True:
            session.receive_json()
    except WebSocketDisconnect as end:
        return end.code


def until(condition: Callable[[], object], seconds: float = 5) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_a_subscription_says_its_cost_once_and_then_completes(client: TestClient) -> None:
    with socket(client) as session:
        subscribe(session, "subscription { ticks { number } }")
        first = {"data": {"ticks": {"number": 0}}, "extensions": {"cost": {"requested": 2}}}
        assert session.receive_json() == {"id": "1", "type": "next", "payload": first}
        for number in (1, 2):
            assert session.receive_json()["payload"] == {"data": {"ticks": {"number": number}}}
        assert session.receive_json() == {"id": "1", "type": "complete"}


def test_queries_and_mutations_run_over_a_socket_and_their_ids_can_be_used_again(client: TestClient) -> None:
    with socket(client) as session:
        for query in ("{ ping }", 'mutation { note(text: "x") }'):
            subscribe(session, query)
            assert [session.receive_json()["type"] for _ in range(2)] == ["next", "complete"]
    assert client.toy.journal.mutations == ["x"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "BAD_REQUEST"),
        ("{ nothing }", "BAD_REQUEST"),
        ("query($n: Int!) { echo(number: $n) }", "BAD_REQUEST"),
        ("query A { ping } query B { ping }", "BAD_REQUEST"),
        ("subscription { ticks(to: -1, fail: true) { number } }", "INTERNAL"),
        ("subscription { refused }", "FORBIDDEN"),
    ],
)
def test_a_refused_operation_is_an_error_and_the_socket_stays_open(client: TestClient, query: str, code: str) -> None:
    with socket(client) as session:
        subscribe(session, query)
        message = session.receive_json()
        assert (message["id"], message["type"]) == ("1", "error")
        assert [error["extensions"]["code"] for error in message["payload"]] == [code]
        session.send_json({"type": "ping", "payload": {"at": 1}})
        assert session.receive_json() == {"type": "pong", "payload": {"at": 1}}


ODD_MESSAGES = [
    "",
    "null",
    "1",
    '"ping"',
    "[]",
    '[{"type":"ping"}]',
    "{}",
    '{"type":null}',
    '{"type":["ping"]}',
    '{"type":"start"}',
    '{"type":"next","id":"1"}',
    '{"type":"connection_ack"}',
    "{",
    "[" * 5000,
    '{"type":"ping","payload":"x"}',
    '{"type":"pong","payload":[]}',
    '{"type":"complete"}',
    '{"type":"complete","id":{}}',
    '{"type":"subscribe"}',
    '{"type":"subscribe","id":{"a":1},"payload":{"query":"{ ping }"}}',
    '{"type":"subscribe","id":1,"payload":{"query":"{ ping }"}}',
    '{"type":"subscribe","id":"","payload":{"query":"{ ping }"}}',
    '{"type":"subscribe","id":"' + "x" * 300 + '","payload":{"query":"{ ping }"}}',
    '{"type":"subscribe","id":"1"}',
    '{"type":"subscribe","id":"1","payload":"{ ping }"}',
    '{"type":"subscribe","id":"1","payload":{}}',
    '{"type":"subscribe","id":"1","payload":{"query":1}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{ ping }","variables":[]}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{ ping }","operationName":{}}}',
    '{"type":"subscribe","id":"1","payload":{"query":"{ ping } #\\ud800"}}',
    '{"type":"ping","type":"pong"}',
    json.dumps({"type": "ping", "payload": {"x": "y" * 66_000}}),
    json.dumps({"type": "ping", "payload": {"x": "ü" * 33_000}}, ensure_ascii=False),
]


@pytest.mark.parametrize("message", ODD_MESSAGES, ids=lambda message: message[:50])
def test_an_odd_message_closes_with_4400_and_nothing_is_logged(
    client: TestClient, message: str, caplog: pytest.LogCaptureFixture
) -> None:
    with socket(client) as session:
        session.send_text(message)
        assert closed(session) == 4400
    assert [record for record in caplog.records if record.name != "httpx2"] == []


def test_a_binary_message_closes_with_4400(client: TestClient) -> None:
    with socket(client) as session:
        session.send_bytes(b'{"type":"ping"}')
        assert closed(session) == 4400


def test_before_its_acknowledgement_a_socket_may_only_initialise(client: TestClient) -> None:
    with socket(client, key=None) as session:
        session.send_json({"type": "ping"})
        assert session.receive_json() == {"type": "pong"}
        subscribe(session, "{ ping }")
        assert closed(session) == 4401


def test_a_second_initialisation_closes_with_4429(client: TestClient) -> None:
    with socket(client) as session:
        session.send_json({"type": "connection_init"})
        assert closed(session) == 4429


@pytest.mark.parametrize(("key", "code"), [("nobody", 4401), ("outsider", 4403), ("hurried", 1013), ("cursed", 4500)])
def test_a_refused_key_closes_the_socket(client: TestClient, key: str, code: int) -> None:
    with socket(client, key=None) as session:
        session.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {key}"}})
        assert closed(session) == code


def test_an_id_in_use_closes_with_4409(client: TestClient) -> None:
    with socket(client) as session:
        subscribe(session, "subscription { idle }")
        subscribe(session, "{ ping }")
        assert closed(session) == 4409


@pytest.mark.parametrize("protocols", [None, ["graphql-ws"]])
def test_another_protocol_closes_with_4406(client: TestClient, protocols: list[str] | None) -> None:
    with client.websocket_connect("/graphql", subprotocols=protocols) as session:
        assert closed(session) == 4406


def test_an_unlisted_origin_is_refused_at_the_handshake(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), socket(client, origin="https://evil.example"):
        pass
    assert client.toy.journal.opened == []  # type: ignore[attr-defined]
    with socket(client, origin=FRIEND) as session:
        subscribe(session, "{ ping }")
        assert session.receive_json()["type"] == "next"


def test_a_socket_that_does_not_initialise_is_closed_with_4408(open_client: Callable[..., TestClient]) -> None:
    with socket(open_client(init_seconds=0.1), key=None) as session:
        assert closed(session) == 4408


def test_a_client_that_answers_no_ping_is_closed(open_client: Callable[..., TestClient]) -> None:
    with socket(open_client(heartbeat_seconds=0.2)) as session:
        for _ in range(2):
            assert session.receive_json() == {"type": "ping"}
            session.send_json({"type": "pong"})
        assert session.receive_json() == {"type": "ping"}
        assert closed(session) == 4408


def test_a_revoked_key_ends_its_socket(open_client: Callable[..., TestClient]) -> None:
    client = open_client(recheck_seconds=0.1)
    with socket(client) as session:
        subscribe(session, "subscription { idle }")
        assert session.receive_json()["type"] == "next"
        client.toy.journal.revoked.add("anna")  # type: ignore[attr-defined]
        assert closed(session) == 4403
    assert client.toy.journal.closed_streams == 1  # type: ignore[attr-defined]


def test_a_socket_has_a_longest_life(open_client: Callable[..., TestClient]) -> None:
    with socket(open_client(lifetime_seconds=0.2, heartbeat_seconds=0.2)) as session:
        assert closed(session) == 1001


def test_operations_and_subscriptions_are_capped(open_client: Callable[..., TestClient]) -> None:
    client = open_client(socket_operations=2, subscriptions_per_key=3)

    def open_one(session: WebSocketTestSession, id_: str) -> Any:
        subscribe(session, "subscription { idle }", id_)
        message = session.receive_json()
        return message["type"] if message["type"] == "next" else message["payload"][0]["extensions"]["code"]

    with socket(client) as first, socket(client) as second, socket(client, key="bert") as third:
        assert [open_one(first, id_) for id_ in "abc"] == ["next", "next", "THROTTLED"]
        assert [open_one(second, id_) for id_ in "ab"] == ["next", "THROTTLED"]
        assert open_one(third, "a") == "next"
        first.send_json({"id": "a", "type": "complete"})
        until(lambda: client.toy.journal.closed_streams == 1)  # type: ignore[attr-defined]
        assert open_one(second, "c") == "next"


def test_complete_closes_the_generator_and_says_nothing_more(client: TestClient) -> None:
    with socket(client) as session:
        subscribe(session, "subscription { idle }")
        assert session.receive_json()["type"] == "next"
        session.send_json({"id": "1", "type": "complete"})
        until(lambda: client.toy.journal.closed_streams == 1)  # type: ignore[attr-defined]
        subscribe(session, "{ ping }")
        assert session.receive_json()["payload"]["data"] == {"ping": "pong"}


def test_a_mutation_that_the_client_completes_runs_to_its_end_unheard(client: TestClient) -> None:
    with socket(client) as session:
        subscribe(session, 'mutation { note(text: "kept", seconds: 0.05) }')
        session.send_json({"id": "1", "type": "complete"})
        subscribe(session, "{ slow }")
        assert session.receive_json()["payload"]["data"] == {"slow": "at last"}
    assert client.toy.journal.mutations == ["kept"]  # type: ignore[attr-defined]


def test_a_closed_socket_leaves_nothing_behind(client: TestClient) -> None:
    journal, live = client.toy.journal, client.toy.endpoint._live  # type: ignore[attr-defined]
    with socket(client) as session:
        for id_ in "abc":
            subscribe(session, "subscription { idle }", id_)
            assert session.receive_json()["type"] == "next"
    until(lambda: journal.closed_contexts == 1)
    assert journal.closed_streams == 3
    assert (live._open, live._tasks, live._sweepers, live._subscriptions) == (set(), set(), [], {})
