"""Statements written for PostgreSQL, translated for SQLite."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.database.statements import adapt, bind, decode_json, decode_time, for_sqlite

UNTOUCHED = [
    "'costs $1 or ''$2'''",
    '"a $1 column"',
    "-- $1, isn't it\n",
    "/* $1 'x */",
    "price$1",
    "'FOR UPDATE'",
    "'::text'",
]


@pytest.mark.parametrize(
    ("statement", "translated", "order"),
    [
        ("SELECT $1, $2", "SELECT ?, ?", (0, 1)),
        ("SELECT $2, $1, $2", "SELECT ?, ?, ?", (1, 0, 1)),
        ("SELECT $10" + "".join(f", ${n}" for n in range(1, 10)), "SELECT ?" + ", ?" * 9, (9, *range(9))),
        ("INSERT INTO t VALUES ($1::jsonb, $2::bigint[])", "INSERT INTO t VALUES (?, ?)", (0, 1)),
        ("SELECT count(*)::int FROM t", "SELECT count(*) FROM t", ()),
        ("WHERE a = ANY($1)", "WHERE a IN (SELECT value FROM json_each(?))", (0,)),
        ("WHERE a = any ( $2::text[] ) AND b=$1", "WHERE a IN (SELECT value FROM json_each(?)) AND b=?", (1, 0)),
        ("SELECT 1 FROM t FOR UPDATE", "SELECT 1 FROM t ", ()),
        ("SELECT 1 FROM t FOR NO KEY UPDATE OF t, u SKIP LOCKED", "SELECT 1 FROM t ", ()),
        ("SELECT 1 FROM t for share nowait", "SELECT 1 FROM t ", ()),
        ("UPDATE t SET format = $1", "UPDATE t SET format = ?", (0,)),
    ],
)
def test_parameters_lists_locks_and_casts(statement: str, translated: str, order: tuple[int, ...]) -> None:
    assert for_sqlite(statement) == (translated, order, max(order, default=-1) + 1)


@given(st.lists(st.one_of(st.sampled_from(UNTOUCHED), st.integers(1, 12)), max_size=12))
def test_strings_names_and_comments_stay_as_they_are(pieces: list[str | int]) -> None:
    statement = " ".join(f"${piece}" if isinstance(piece, int) else piece for piece in pieces)
    translated, order, _ = for_sqlite(statement)
    assert translated == " ".join("?" if isinstance(piece, int) else piece for piece in pieces)
    assert order == tuple(piece - 1 for piece in pieces if isinstance(piece, int))


@given(
    st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.text("ab$1'\"?;-é", max_size=8)), min_size=1),
    st.data(),
)
def test_each_parameter_receives_its_own_argument(args: list[int | str], data: st.DataObject) -> None:
    numbers = data.draw(st.permutations(range(1, len(args) + 1))) + data.draw(
        st.lists(st.integers(1, len(args)), max_size=5)
    )
    sql, order, expected = for_sqlite("SELECT " + ", ".join(f"${n}" for n in numbers))
    row = sqlite3.connect(":memory:").execute(sql, bind(order, expected, tuple(args))).fetchone()
    assert list(row) == [args[n - 1] for n in numbers]


def test_the_number_of_arguments_must_be_right() -> None:
    sql = for_sqlite("SELECT $1, $2")
    with pytest.raises(ValueError, match="2 parameters, 3 were given"):
        bind(sql[1], sql[2], (1, 2, 3))


@given(st.datetimes(timezones=st.timezones()))
def test_times_keep_their_order_as_text_and_come_back(moment: datetime) -> None:
    if not 2 < moment.year < 9998:
        return
    later = moment.astimezone(UTC) + timedelta(microseconds=1)
    assert adapt(moment) < adapt(later)
    assert decode_time(adapt(moment)) == moment.astimezone(UTC)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        adapt(datetime(2026, 1, 2))  # noqa: DTZ001


def test_values_take_the_form_the_orm_gives_them() -> None:
    east = timezone(timedelta(hours=2))
    assert adapt(datetime(2026, 1, 2, 3, tzinfo=east)) == "2026-01-02 01:00:00+00:00"
    assert adapt(True) == 1
    assert type(adapt(True)) is int
    assert adapt({"a": [1, None]}) == '{"a":[1,null]}'
    assert adapt([UUID(int=1)]) == '["00000000-0000-0000-0000-000000000001"]'
    assert adapt(None) is None
    with pytest.raises(TypeError, match="object has no form in JSON"):
        adapt([object()])


@pytest.mark.parametrize(("stored", "value"), [('{"a":1}', {"a": 1}), ("[]", []), ("null", None), (5, 5), (None, None)])
def test_json_is_decoded(stored: object, value: object) -> None:
    assert decode_json(stored) == value
