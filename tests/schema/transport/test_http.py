"""GraphQL over HTTP: media types, status codes, methods, bodies."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient
from strawberry.extensions import SchemaExtension

from schema.transport import ApiError, ErrorCode
from tests.schema.transport.toy import FRIEND, PING, QUERY

NEW = "application/graphql-response+json"
OLD = "application/json"


def post(client: TestClient, body: Any = QUERY, accept: str = NEW, **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(
        "/graphql", content=content, headers={"content-type": "application/json", "accept": accept, **headers}
    )


def code(answer: Any) -> str:
    errors = answer.json()["errors"]
    assert "data" not in answer.json()
    return str(errors[0]["extensions"]["code"])


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (NEW, NEW),
        (OLD, OLD),
        ("*/*", OLD),
        ("application/*", OLD),
        ("text/html, */*;q=0.8", OLD),
        (f"{NEW}, {OLD};q=0.9", NEW),
        (f"{NEW};q=0.5, {OLD}", OLD),
        (f"{OLD}, multipart/mixed", OLD),
        (f"{NEW}, {OLD}, text/event-stream, multipart/mixed", NEW),
        ("text/event-stream;q=0, application/json", OLD),
    ],
)
def test_the_answer_has_the_media_type_that_the_client_prefers(
    client: TestClient, accept: str, media_type: str
) -> None:
    answer = post(client, accept=accept)
    assert (answer.status_code, answer.json()) == (200, PING)
    assert answer.headers["content-type"] == f"{media_type}; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/json;q=0", "application/jsonx"])
def test_an_answer_that_nobody_accepts_is_406(client: TestClient, accept: str) -> None:
    answer = post(client, accept=accept)
    assert (answer.status_code, code(answer)) == (406, "BAD_REQUEST")


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/jsonx",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/json; charset=utf-16",
        "application/json; charset=iso-8859-1",
        "",
    ],
)
def test_only_json_in_utf_8_is_read(client: TestClient, content_type: str) -> None:
    answer = post(client, **{"content-type": content_type})
    assert (answer.status_code, code(answer)) == (415, "BAD_REQUEST")


@pytest.mark.parametrize(
    "content_type", ["Application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8"']
)
def test_the_ways_to_write_json_in_utf_8_are_read(client: TestClient, content_type: str) -> None:
    assert post(client, **{"content-type": content_type}).json() == PING


def test_a_compressed_body_is_415(client: TestClient) -> None:
    assert post(client, **{"content-encoding": "gzip"}).status_code == 415


def test_a_refused_document_is_400_without_data_for_the_new_media_type_and_200_for_the_old(
    client: TestClient,
) -> None:
    for query in ("{", "{ nothing }", "query A { ping } query B { ping }"):
        new, old = post(client, {"query": query}), post(client, {"query": query}, accept=OLD)
        assert (new.status_code, code(new)) == (400, "BAD_REQUEST")
        assert (old.status_code, code(old)) == (200, "BAD_REQUEST")


def test_bad_variables_are_a_refused_request(client: TestClient) -> None:
    body = {"query": "query($n: Int!) { echo(number: $n) }", "variables": {"n": "one"}}
    answer = post(client, body)
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


def test_an_operation_can_be_chosen_by_its_name_only(client: TestClient) -> None:
    query = "query A { a: ping } query B { b: ping }"
    assert post(client, {"query": query, "operationName": "B"}).json()["data"] == {"b": "pong"}
    for name in (None, "C", ""):
        answer = post(client, {"query": query, "operationName": name})
        assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


ODD_BODIES: list[bytes] = [
    b"",
    b"null",
    b"1",
    b'"{ ping }"',
    b"true",
    b"[]",
    b"[1]",
    b'[{"query":"{ ping }"}]',
    b"{}",
    b"{",
    b"\xff\xfe",
    b'\xef\xbb\xbf{"query":"{ ping }"}',
    b'{"query":"{ ping } \xc3\x28"}',
    b'{"query":"{ ping } #\\ud800"}',
    b'{"query":"{ ping }","variables":{"\\udc00":1}}',
    b'{"query":"{ ping }","variables":{"n":' + b"1" * 5000 + b"}}",
    b'{"query":"{ ping }","variables":{"n":1e999}}',
    b'{"query":"{ ping }","variables":{"n":NaN}}',
    b'{"query":"{ ping }","variables":{"n":-Infinity}}',
    b'{"query":"{ ping }","variables":{"n":' + b"[" * 5000 + b"]" * 5000 + b"}}",
    b'{"query":"{ ping }","variables":{"n":' + b"[" * 100 + b"]" * 100 + b"}}",
    b"[" * 50_000,
    b'{"query":"{ ping }","query":"{ ping }"}',
    b'{"query":"{ ping }","variables":{"a":1,"a":2}}',
    b'{"query":null}',
    b'{"query":1}',
    b'{"query":" "}',
    b'{"query":["{ ping }"]}',
    b'{"query":"{ ping }","variables":[]}',
    b'{"query":"{ ping }","variables":"{}"}',
    b'{"query":"{ ping }","operationName":1}',
    b'{"query":"{ ping }","operationName":{}}',
    b'{"query":"{ ping }","extensions":[]}',
    b'{"query":"{ ping }"} trailing',
    b'{"extensions":{"persistedQuery":{"version":1}}}',
]


@pytest.mark.parametrize("body", ODD_BODIES, ids=lambda body: repr(body[:40]))
@pytest.mark.parametrize("accept", [NEW, OLD])
def test_an_odd_body_is_400_and_nothing_is_logged(
    client: TestClient, body: bytes, accept: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = post(client, body, accept=accept)
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")
    assert [record for record in caplog.records if record.name != "httpx2"] == []


def test_a_body_may_be_100_kb(open_client: Callable[..., TestClient]) -> None:
    client = open_client(body_bytes=1_000)
    assert post(client, b'{"query":"{ ping }"}'.ljust(1_000)).status_code == 200
    declared, chunked = (
        post(client, b" " * 1_001),
        client.post(
            "/graphql",
            content=iter([b" " * 600, b" " * 600]),
            headers={"content-type": "application/json", "accept": NEW},
        ),
    )
    for answer in (declared, chunked):
        assert (answer.status_code, code(answer)) == (413, "BAD_REQUEST")
        assert answer.headers["connection"] == "close"


def test_queries_come_by_get_too(client: TestClient) -> None:
    parameters = {
        "query": "query Q($t: String!) { echo(text: $t) }",
        "operationName": "Q",
        "variables": '{"t":"ü"}',
    }
    answer = client.get("/graphql", params=parameters, headers={"accept": NEW})
    assert (answer.status_code, answer.json()["data"]) == (200, {"echo": "ü"})


@pytest.mark.parametrize(
    "query_string",
    ["", "query=", "query=%ff", "query={ping}&query={ping}", "query={ping}&variables=[]", "query={ping}&variables={"],
)
def test_an_odd_url_is_400(client: TestClient, query_string: str) -> None:
    answer = client.get(f"/graphql?{query_string}", headers={"accept": NEW})
    assert (answer.status_code, code(answer)) == (400, "BAD_REQUEST")


def test_a_mutation_by_get_is_405_and_changes_nothing(client: TestClient) -> None:
    answer = client.get("/graphql", params={"query": 'mutation { note(text: "x") }'}, headers={"accept": NEW})
    assert (answer.status_code, code(answer)) == (405, "BAD_REQUEST")
    assert answer.headers["allow"] == "POST"
    assert client.toy.journal.mutations == []  # type: ignore[attr-defined]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "TRACE"])
def test_other_methods_are_405(client: TestClient, method: str) -> None:
    answer = client.request(method, "/graphql")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, OPTIONS")


def test_a_subscription_needs_a_way_to_stream(client: TestClient) -> None:
    answer = post(client, {"query": "subscription { idle }"})
    assert (answer.status_code, code(answer)) == (406, "BAD_REQUEST")


@pytest.mark.parametrize(
    ("key", "status", "expected"),
    [
        ("nobody", 401, "UNAUTHENTICATED"),
        ("outsider", 403, "FORBIDDEN"),
        ("hurried", 429, "THROTTLED"),
        ("cursed", 500, "INTERNAL"),
    ],
)
@pytest.mark.parametrize("accept", [NEW, OLD, "text/event-stream"])
def test_a_refused_key_has_its_status_for_every_media_type(
    client: TestClient, key: str, status: int, expected: str, accept: str
) -> None:
    answer = post(client, accept=accept, authorization=f"Bearer {key}")
    assert (answer.status_code, code(answer)) == (status, expected)
    assert answer.headers.get("retry-after") == ("3" if expected == "THROTTLED" else None)


def test_the_context_is_closed_after_an_answer_and_after_a_refusal(client: TestClient) -> None:
    post(client)
    post(client, {"query": "{ nothing }"})
    assert client.toy.journal.closed_contexts == 2  # type: ignore[attr-defined]


def test_an_extension_can_refuse_with_a_status(open_client: Callable[..., TestClient]) -> None:
    class Budget(SchemaExtension):
        def on_execute(self) -> Any:
            cost = self.execution_context.extensions_results["cost"]
            cost["remaining"] = 0
            raise ApiError(ErrorCode.THROTTLED, "The budget is spent.", retryAfterMs=100)
            yield

    answer = post(open_client(extensions=[Budget]), accept=OLD)
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (429, "THROTTLED", "1")
    assert answer.json()["extensions"] == {"cost": {"requested": 1, "remaining": 0}}


def test_a_listed_origin_may_read_answers_and_another_one_may_not(client: TestClient) -> None:
    friend, stranger = post(client, origin=FRIEND), post(client, origin="https://evil.example")
    assert friend.headers["access-control-allow-origin"] == FRIEND
    assert (stranger.status_code, "access-control-allow-origin" in stranger.headers) == (200, False)
    for answer in (friend, stranger, post(client)):
        assert answer.headers["vary"] == "Origin, Accept"
        assert "access-control-allow-credentials" not in answer.headers
    refused = post(client, origin=FRIEND, authorization="Bearer nobody")
    assert refused.headers["access-control-allow-origin"] == FRIEND


def test_a_preflight_is_answered_for_listed_origins(client: TestClient) -> None:
    asks = {"access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    friend = client.options("/graphql", headers={"origin": FRIEND, **asks})
    assert friend.status_code == 204
    assert friend.headers["access-control-allow-methods"] == "GET, POST"
    assert "Authorization" in friend.headers["access-control-allow-headers"]
    stranger = client.options("/graphql", headers={"origin": "https://evil.example", **asks})
    assert stranger.status_code == 204
    assert not [name for name in stranger.headers if name.startswith("access-control")]
    assert client.options("/graphql").headers["allow"] == "GET, POST, OPTIONS"


def test_graphiql_is_for_development(open_client: Callable[..., TestClient]) -> None:
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    page = open_client(production=False).get("/graphql", headers=browser)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    assert "//" not in page.text  # nothing of it comes from another host
    assert open_client().get("/graphql", headers=browser).status_code == 400
    assert open_client().get("/graphql", headers={"accept": "text/html"}).status_code == 406
