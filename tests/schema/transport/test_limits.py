"""Bombs, and what an operation costs."""

import time

import pytest
from graphql import get_introspection_query

from schema.transport.errors import Refused
from tests.schema.transport.toy import Toy


def parents(levels: int, inner: str = "name") -> str:
    return "parent { " * levels + inner + " }" * levels


def nodes(levels: int, inner: str = "name") -> str:
    return "node { " + parents(levels - 1, inner) + " }"


def chain(length: int, link: str) -> str:
    """Fragments that each spread the next one, by `link`."""
    links = "".join(f"fragment f{n} on Node {{ {link.format(n + 1)} }}\n" for n in range(length))
    return links + f"fragment f{length} on Node {{ name }}"


def plan(query: str, variables: dict[str, object] | None = None, name: str | None = None, **limits: int) -> int:
    return Toy(**limits).schema.documents.plan(query, name, variables).cost


def refusal(query: str, variables: dict[str, object] | None = None, **limits: int) -> str:
    with pytest.raises(Refused) as caught:
        plan(query, variables, **limits)
    return str(caught.value)


DOUBLING = "{ node { ...f0 } }" + chain(24, "parent {{ ...f{0} }} tags {{ ...f{0} }}")
FLAT = "{ node { ...f0 } }" + chain(24, "...f{0} ... on Node {{ ...f{0} }}")
RECURSIVE = "{ node { ...a } } fragment a on Node { parent { ...b } } fragment b on Node { parent { ...a } }"
UNUSED = "{ ping } fragment a on Node { " + "parent { name } " * 400 + "}"
MERGE = "{ node { " + "parent { name } " * 400 + "} }"


@pytest.mark.parametrize(
    "query",
    [
        DOUBLING,
        FLAT,
        RECURSIVE,
        UNUSED,
        MERGE,
        "{" * 50_000,
        "{ " + "ping " * 10_000 + "}",
        "# \n" * 30_000 + "{ ping }",
        "{ ping " + "@include(if: true) " * 300 + "}",
        "{ node { " + "... on Node { " * 190 + "name" + " }" * 190 + "} }",
        "query(" + "$v: Int " * 600 + ") { ping }",
        "{ nodes(ids: " + "[" * 190 + "]" * 190 + ") { name } }",
    ],
    ids=["doubling", "flat", "recursive", "unused", "merge", "braces", "fields", "comments", "directives",
         "inline", "variables", "list"],
)  # fmt: skip
def test_a_bomb_is_refused_in_no_time(query: str) -> None:
    toy = Toy()
    started = time.process_time()
    with pytest.raises(Refused):
        toy.schema.documents.plan(query, None, None)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "query",
    [
        f"{{ {nodes(5)} }}",
        "{ " + "... { " * 3 + nodes(5) + " }" * 3 + " }",
        f"{{ node {{ ...a }} }} fragment a on Node {{ {parents(1, '...b')} }} fragment b on Node {{ {parents(3)} }}",
        f"{{ node {{ ...__schema }} }} fragment __schema on Node {{ {parents(4)} }}",
        f"query A {{ ...a }} query B {{ {nodes(3, '...b')} }}"
        f"fragment a on Query {{ node {{ ...b }} }} fragment b on Node {{ {parents(2)} }}",
        f"query A {{ ping }} query B {{ {nodes(5)} }}",
    ],
    ids=["plain", "inline", "fragments", "fragment __schema", "fragment met at a shallow place", "second operation"],
)
def test_depth_cannot_be_hidden(query: str) -> None:
    assert "at most 5 levels deep; this one has 6" in refusal(query, depth=5)
    assert plan(query, None, "B" if "query B" in query else None, depth=6)


def test_aliases_root_fields_directives_and_definitions_are_counted_through_fragments() -> None:
    spread = "fragment a on Query { a: ping b: ping }"
    assert "at most 3 aliases" in refusal("{ ...a ...a } " + spread, aliases=3)
    assert "at most 3 root fields" in refusal("{ ...a ...a } " + spread, root_fields=3)
    assert "at most 3 directives" in refusal("{ " + "ping @skip(if: false) " * 4 + "}", directives=3)
    assert "at most 1 operations and fragments" in refusal("query A { ping } query B { ping }", definitions=1)
    assert plan("{ ...a } " + spread, aliases=2, root_fields=2) == 2


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        ("{ ping }", {}, 1),
        ("{ __typename ping }", {}, 2),
        ("{ node { name parent { name } } }", {}, 4),
        ("{ node { children(first: 5) { edges { cursor node { name } } } } }", {}, 3 + 5 * 3),
        ("{ node { children(first: 5) { ...c } } } fragment c on NodeConnection { edges { cursor } }", {}, 3 + 5),
        ("{ node { children { edges { cursor } } } }", {}, 3 + 10),
        ("{ node { children(last: 7) { edges { cursor } } } }", {}, 3 + 7),
        ("{ node { children(first: 2, last: 7) { edges { cursor } } } }", {}, 3 + 7),
        ("{ node { children(first: 100000) { edges { cursor } } } }", {}, 3 + 100),
        ("{ node { children(first: -5) { edges { cursor } } } }", {}, 3),
        ("{ node { tags { name } } }", {}, 2 + 10),
        ('{ nodes(ids: ["a", "b"]) { name } }', {}, 1 + 2),
        ('{ nodes(ids: "a") { name } }', {}, 1 + 1),
        ("query($i: [ID!]!) { nodes(ids: $i) { name } }", {"i": ["a", "b", "c"]}, 1 + 3),
        ("query($n: Int!) { node { children(first: $n) { edges { cursor } } } }", {"n": 4}, 3 + 4),
        ("query($n: Int = 6) { node { children(first: $n) { edges { cursor } } } }", {}, 3 + 6),
        ("query($n: Int!) { node { children(first: $n) { edges { cursor } } } }", {"n": "4"}, 3 + 100),
        ("query($n: Int!) { node { children(first: $n) { edges { cursor } } } }", {"n": -4}, 3),
        ('mutation { note(text: "") }', {}, 11),
        ("subscription { ticks { number } }", {}, 2),
    ],
)  # fmt: skip
def test_an_operation_costs_the_values_its_answer_may_hold(query: str, variables: dict[str, object], cost: int) -> None:
    assert plan(query, variables) == cost


def test_a_page_inside_a_page_multiplies_and_the_variables_decide() -> None:
    page = "children(first: $n) {{ edges {{ {} }} }}"
    query = f"query($n: Int!) {{ node {{ {page.format('node { ' + page.format('cursor') + ' }')} }} }}"
    assert plan(query, {"n": 10}) == 3 + 10 * (1 + 2 + 10)
    assert refusal(query, {"n": 100}) == "This operation costs 10303 of at most 10000: ask for smaller pages."


def test_the_cost_is_that_of_the_chosen_operation() -> None:
    query = "query A { ping } query B { ping node { name } }"
    assert [plan(query, None, name) for name in ("A", "B")] == [1, 3]


def test_a_document_is_read_once_and_remembered_within_bounds() -> None:
    documents = Toy(cached_documents=3, cached_tokens=40).schema.documents
    first = documents.plan("{ ping }", None, None).document
    assert documents.plan("{ ping }", None, None).document is first
    for number in range(3):
        documents.plan(f"{{ a{number}: ping }}", None, None)
    assert documents.plan("{ ping }", None, None).document is not first

    small = documents.plan("{ a2: ping }", None, None).document
    documents.plan("{ node { " + "name " * 34 + "} }", None, None)  # as many tokens as all may have together
    assert documents.plan("{ a2: ping }", None, None).document is not small


def test_development_can_be_introspected_within_the_limits() -> None:
    documents = Toy(production=False).schema.documents
    query = get_introspection_query(specified_by_url=True, directive_is_repeatable=True, input_value_deprecation=True)
    assert documents.plan(query, None, None).cost == 1
