"""every GraphQL and SQL block -> valid; those marked so -> run"""

import os
from typing import Any

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from kit.database import reading
from schema.api import build_schema as our_schema
from tests.docs.pages import Block, blocks
from tests.town import Shop, Town


@pytest.fixture(scope="module")
def sdl() -> GraphQLSchema:
    return build_schema(our_schema(production=True).as_str())


@pytest.mark.parametrize("block", blocks("graphql"), ids=str)
def test_a_document_is_valid(block: Block, sdl: GraphQLSchema) -> None:
    assert validate(sdl, parse(block.text)) == []


@pytest.fixture
def known(shop: Shop) -> dict[str, Any]:
    """A value for every variable that the pages use."""
    order = shop.paid_order()
    return {
        "orderId": order["id"],
        "paymentId": order["payments"][0]["id"],
        "input": {
            "idempotencyKey": os.urandom(8).hex(),
            "currency": "EUR",
            "items": [{"name": "Tea", "unitAmount": {"amountMinor": 950, "currency": "EUR"}}],
        },
        "checkout": {"orderId": shop.order()["id"], "idempotencyKey": os.urandom(8).hex()},
    }


@pytest.mark.parametrize("block", [block for block in blocks("graphql") if block.run], ids=str)
def test_a_document_runs(block: Block, shop: Shop, known: dict[str, Any]) -> None:
    (operation,) = parse(block.text).definitions
    names = [definition.variable.name.value for definition in getattr(operation, "variable_definitions", None) or ()]
    data = shop.ask(block.text, **{name: known[name] for name in names})
    (answer,) = data.values()
    assert answer
    if isinstance(answer, dict):
        assert answer.get("userErrors", []) == []


@pytest.mark.parametrize("block", blocks("sql"), ids=str)
def test_a_statement_for_operators_runs(block: Block, town: Town) -> None:
    for statement in filter(str.strip, block.text.split(";")):
        assert isinstance(town.call(reading.fetch(statement)), list)
