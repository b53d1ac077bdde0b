"""Server-sent events: graphql-sse, distinct connections."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.schema.transport.toy import FRIEND

EVENTS = "text/event-stream"


def post(client: TestClient, query: str, accept: str = EVENTS, **headers: str) -> Any:
    return client.post("/graphql", json={"query": query}, headers={"accept": accept, **headers})


def events(text: str) -> list[dict[str, str]]:
    """The events of a stream, comments left out."""
    blocks = [[line for line in block.split("\n") if line and line[0] != ":"] for block in text.split("\n\n")]
    return [dict(line.split(":", 1) for line in block) for block in blocks if block]


def numbers(text: str) -> list[int]:
    return [json.loads(e["data"])["data"]["ticks"]["number"] for e in events(text) if e["event"] == " next"]


def test_a_stream_has_events_with_cursors_and_an_end(client: TestClient) -> None:
    answer = post(client, "subscription { ticks { cursor number } }", origin=FRIEND)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert (answer.headers["cache-control"], answer.headers["x-accel-buffering"]) == ("no-store", "no")
    assert answer.headers["access-control-allow-origin"] == FRIEND
    assert answer.text.startswith(":\n\nid: 0\nevent: next\ndata: {")
    assert [event.get("id") for event in events(answer.text)] == [" 0", " 1", " 2", None]
    assert numbers(answer.text) == [0, 1, 2]
    assert answer.text.endswith("event: complete\ndata:\n\n")
    assert client.toy.journal.closed_streams == 1  # type: ignore[attr-defined]


def test_a_stream_resumes_after_the_last_event_that_the_client_has(client: TestClient) -> None:
    query = "subscription { ticks(to: 5) { cursor number } }"
    answer = client.get("/graphql", params={"query": query}, headers={"accept": EVENTS, "last-event-id": "2"})
    assert numbers(answer.text) == [3, 4]


def test_there_is_no_id_without_a_cursor(client: TestClient) -> None:
    assert "id:" not in post(client, "subscription { ticks { number } }").text


def test_queries_and_mutations_are_answered_as_events_too(client: TestClient) -> None:
    for query in ("{ ping }", 'mutation { note(text: "x") }'):
        answer = post(client, query)
        assert [event["event"] for event in events(answer.text)] == [" next", " complete"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("subscription {", 400, "BAD_REQUEST"),
        ("subscription { nothing }", 400, "BAD_REQUEST"),
        ("subscription($n: Int!) { ticks(to: $n) { number } }", 400, "BAD_REQUEST"),
        ("subscription { refused }", 403, "FORBIDDEN"),
        ("subscription { ticks(to: 0, fail: true) { number } }", 500, "INTERNAL"),
    ],
)
def test_an_early_refusal_is_json_with_its_status(client: TestClient, query: str, status: int, code: str) -> None:
    for accept in (EVENTS, f"{EVENTS}, application/graphql-response+json"):
        answer = post(client, query, accept)
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("application/graphql-response+json")
        assert answer.json()["errors"][0]["extensions"]["code"] == code


def test_a_failure_on_the_way_is_an_event(client: TestClient) -> None:
    answer = post(client, "subscription { ticks(to: 1, fail: true) { number } }")
    assert answer.status_code == 200
    *_, failure, complete = events(answer.text)
    assert json.loads(failure["data"])["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert complete["event"] == " complete"


def test_a_subscription_chooses_the_stream_wherever_it_stands_in_accept(client: TestClient) -> None:
    accept = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed"
    assert post(client, "subscription { ticks { number } }", accept).headers["content-type"].startswith(EVENTS)
    assert post(client, "{ ping }", accept).json()["data"] == {"ping": "pong"}


def test_an_idle_stream_beats_and_has_a_longest_life_without_completing(
    open_client: Callable[..., TestClient],
) -> None:
    client = open_client(stream_heartbeat_seconds=0.1, lifetime_seconds=0.5, grace_seconds=0.05)
    answer = post(client, "subscription { idle }")
    assert answer.text.count(":\n\n") >= 3
    assert "complete" not in answer.text
    assert client.toy.journal.closed_streams == 1  # type: ignore[attr-defined]


def test_a_revoked_key_ends_its_stream(open_client: Callable[..., TestClient]) -> None:
    client = open_client(recheck_seconds=0.1)
    client.toy.journal.revoked.add("anna")  # type: ignore[attr-defined]
    answer = post(client, "subscription { idle }", authorization="Bearer anna")
    *_, refusal, complete = events(answer.text)
    assert json.loads(refusal["data"])["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert complete["event"] == " complete"


def test_streams_count_as_subscriptions_of_their_key(open_client: Callable[..., TestClient]) -> None:
    client = open_client(subscriptions_per_key=0)
    answer = post(client, "subscription { idle }", authorization="Bearer anna")
    assert (answer.status_code, answer.json()["errors"][0]["extensions"]["code"]) == (429, "THROTTLED")
    assert answer.headers["retry-after"] == "1"
