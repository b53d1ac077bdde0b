"""Database URLs."""

import pytest

from kit.database.connect import connection_config


def test_a_sqlite_url_names_a_file_and_gets_write_ahead_logging() -> None:
    assert connection_config("sqlite:///data/pay.db") == {
        "engine": "kit.database.sqlite",
        "credentials": {
            "file_path": "/data/pay.db",
            "busy_timeout": 5000,
            "journal_mode": "WAL",
            "synchronous": "NORMAL",
            "foreign_keys": "ON",
        },
    }


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////data/pay.db", "/data/pay.db"),
        ("sqlite://var/pay.db", "var/pay.db"),
        ("sqlite://Var/pay.db", "Var/pay.db"),
        ("sqlite:///a%20b/pay.db", "/a b/pay.db"),
    ],
)
def test_everything_after_the_two_slashes_is_the_path(url: str, path: str) -> None:
    assert connection_config(url)["credentials"]["file_path"] == path


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_a_postgres_url_gets_timeouts_and_a_pool(scheme: str) -> None:
    config = connection_config(f"{scheme}://a%40b:p%2Fw@db.example:6543/shop?sslmode=require", pool_max=7)
    assert config == {
        "engine": "kit.database.postgres",
        "credentials": {
            "host": "db.example",
            "port": 6543,
            "user": "a@b",
            "password": "p/w",
            "database": "shop",
            "ssl": "require",
            "server_settings": {
                "application_name": "paygraph",
                "statement_timeout": "5000",
                "lock_timeout": "2000",
                "idle_in_transaction_session_timeout": "15000",
            },
            "command_timeout": 10,
            "minsize": 2,
            "maxsize": 7,
        },
    }


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://localhost/x", "cannot begin with mysql"),
        ("pay.db", "cannot begin with 'pay.db'"),
        ("", "cannot begin with ''"),
        ("postgres://localhost", "names no database"),
        ("postgres://localhost/", "names no database"),
        ("postgres://localhost:port/x", "port that is no number"),
        ("postgres://localhost/x?pool=3", "option we do not know: pool"),
        ("sqlite://", "names no file"),
        ("sqlite:///data/", "names no file"),
        ("sqlite:///x.db?mode=ro", "takes no options"),
    ],
)
def test_a_url_that_makes_no_sense_is_answered_with_a_sentence(url: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refusal:
        connection_config(url)
    assert "postgres://user:password@host:5432/database" in str(refusal.value)
