"""What a client is told, and what the log is told."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from graphql import GraphQLError
from starlette.testclient import TestClient

from schema.transport import ApiError, ErrorCode
from schema.transport.errors import describe
from tests.schema.transport.toy import CARD


def ask(client: TestClient, query: str, **variables: object) -> Any:
    return client.post("/graphql", json={"query": query, "variables": variables}).json()


def test_a_crash_is_masked_and_logged_once_with_the_same_reference(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = ask(client, "query Marker { broken ping }")
    assert answer["data"] == {"broken": None, "ping": "pong"}
    [error] = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["broken"], "INTERNAL")
    reference = error["extensions"]["reference"]
    assert error["message"] == f"Something went wrong on our side. Quote {reference} when you ask us about it."

    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    text = record.getMessage()
    assert reference in text
    assert "at broken" in text
    assert "RuntimeError: the database said [redacted]" in text
    assert "Marker" not in caplog.text
    assert CARD not in caplog.text


def test_a_refusal_by_a_resolver_keeps_its_sentence_and_its_extensions(client: TestClient) -> None:
    [error] = ask(client, "{ forbidden }")["errors"]
    assert error["message"] == "This key lacks the scope `orders:read`."
    assert error["extensions"] == {"code": "FORBIDDEN", "scope": "orders:read"}


def test_an_executed_operation_has_data_even_when_it_is_null(client: TestClient) -> None:
    answer = client.post("/graphql", json={"query": "{ vital }"})
    assert (answer.status_code, answer.json()["data"]) == (200, None)
    assert answer.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}


def test_what_json_cannot_hold_is_an_internal_error(client: TestClient) -> None:
    answer = ask(client, "{ unspeakable }")
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert "inf" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (f'{{ echo(number: "{CARD}") }}', {}),
        (f'{{ echo(colour: "{CARD}") }}', {}),
        (f'{{ echo(text: "{CARD}" }}', {}),
        (f"{{ echo(nothing: {CARD}) }}", {}),
        ("query($n: Int!) { echo(number: $n) }", {"n": CARD}),
        ("query($n: Int!) { echo(number: $n) }", {"n": int(CARD)}),
        ("query($n: [Int!]!) { echo(number: $n) }", {"n": [CARD]}),
        ("query($t: String!) { echo(text: $t) broken }", {"t": CARD}),
    ],
)
def test_what_a_client_sends_is_never_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture, query: str, variables: dict[str, object]
) -> None:
    caplog.set_level(logging.DEBUG)
    assert ask(client, query, **variables)["errors"]
    assert CARD not in caplog.text
    assert "echo" not in caplog.text


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ pong }", {}),
        ("{ node { nam } }", {}),
        ('{ echo(txt: "a") }', {}),
        ("{ echo(colour: REDD) }", {}),
        ("query($c: Colour) { echo(colour: $c) }", {"c": "REDD"}),
        ("{ ... on Quer { ping } }", {}),
        ("{ ping @skp(if: true) }", {}),
        ("query($c: Color) { echo(colour: $c) }", {}),
    ],
)
def test_production_does_not_help_to_guess_names(client: TestClient, query: str, variables: dict[str, object]) -> None:
    answer = ask(client, query, **variables)
    assert answer["errors"][0]["extensions"]["code"] == "BAD_REQUEST"
    assert "Did you mean" not in json.dumps(answer)


def test_introspection_and_suggestions_are_for_development(open_client: Callable[..., TestClient]) -> None:
    queries = ("{ __schema { types { name } } }", '{ __type(name: "Query") { name } }')
    for query in queries:
        assert "data" not in ask(open_client(), query)
        assert "errors" not in ask(open_client(production=False), query)
    assert "Did you mean 'ping'?" in json.dumps(ask(open_client(production=False), "{ pin }"))
    assert ask(open_client(), "{ __typename }")["data"] == {"__typename": "Query"}


def test_a_description_has_the_causes_but_no_secrets() -> None:
    try:
        try:
            raise ValueError(f"card {CARD[:4]} {CARD[4:]} with sk_test_abcdefgh")
        except ValueError as cause:
            raise ApiError(ErrorCode.INTERNAL, "outer") from cause
    except ApiError as error:
        text = describe(GraphQLError("outer", original_error=error))
    assert "ApiError: outer" in text
    assert "ValueError: card [redacted] with [redacted]" in text


@pytest.mark.anyio
async def test_the_schema_codes_its_errors_without_the_endpoint_too(client: TestClient) -> None:
    result = await client.toy.schema.execute("{ nothing }")  # type: ignore[attr-defined]
    assert [error.extensions for error in result.errors] == [{"code": "BAD_REQUEST"}]
