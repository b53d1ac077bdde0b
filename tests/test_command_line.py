"""The command line as an operator meets it: what it prints, how it ends, and one line for what is to be put right."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import config
import main
from config import ConfigError
from tests.town import free_port

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = ["run", "serve", "worker", "migrate", "schema", "sandbox", "merchant", "key"]
NESTED = [
    "merchant create",
    "merchant list",
    "merchant origins",
    "merchant contact",
    "key create",
    "key rotate",
    "key end",
]
REDIS = "redis://127.0.0.1:1/0"
STRIPE = {"STRIPE_SECRET_KEY": "sk_test_x", "STRIPE_WEBHOOK_SECRET": "whsec_x"}


_DRIVER = """
import contextlib, io, json, os, sys
import main
for words, env in json.load(sys.stdin):
    os.environ.update(env)
    out, complaint = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(complaint):
        try:
            code = main.main(words)
        except Exception as error:
            code = repr(error)
    for name in env:
        del os.environ[name]
    print(json.dumps([code, out.getvalue(), complaint.getvalue()]))
"""
"""Several commands in one process: to start one takes longer than what most of them do."""

Case = tuple[list[str], dict[str, str]]


@dataclass
class Ended:
    """How a command ended, and what it said."""

    code: int | str
    out: str
    complaint: str

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


def python(folder: Path, *words: str, given: str = "", **env: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "SYSTEMROOT") if name in os.environ}
    environment = {**clean, "DATA_DIR": str(folder), **env}
    return subprocess.run(
        [sys.executable, *words], cwd=ROOT, env=environment, input=given, capture_output=True, text=True, timeout=60
    )


def run(folder: Path, *words: str, **env: str) -> Ended:
    """One command in a process of its own."""
    done = python(folder, "main.py", *words, **env)
    return Ended(done.returncode, done.stdout, done.stderr)


def run_all(folder: Path, *cases: Case) -> list[Ended]:
    """Commands one after the other, each with what is set for it alone."""
    done = python(folder, "-c", _DRIVER, given=json.dumps(cases))
    assert done.returncode == 0, done.stderr
    return [Ended(*json.loads(line)) for line in done.stdout.splitlines()]


def assert_one_line(ended: Ended, *words: str) -> None:
    """Exit code 2, and one line that names what is wrong: no traceback."""
    assert (ended.code, ended.out) == (2, ""), ended
    assert ended.complaint.startswith("paygraph: ")
    assert ended.complaint.count("\n") == 1, ended
    for word in words:
        assert word in ended.complaint, ended


@pytest.mark.parametrize("words", ["", *COMMANDS, *NESTED])
def test_every_command_explains_itself(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main([*words.split(), "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert said.out.startswith(f"usage: main.py {words}".rstrip())
    assert said.err == ""
    if words:
        assert len(said.out.partition("\n\n")[2].strip()) > 10
    else:
        assert [command for command in COMMANDS if command not in said.out] == []


@pytest.mark.parametrize(
    "words",
    [
        *("", "nonsense", "merchant", "key", "merchant create", "key create", "key rotate", "key end", "sandbox"),
        *(
            "run now",
            "key create mer_1 --kind other",
            "key create mer_1 --scope all",
            *(f"sandbox --port {port}" for port in ("x", "-1", "65536", "80.0", "")),
        ),
        *("merchant create --name x --mode both", "schema --out x"),
        *(f"key rotate key_1 --overlap-hours {hours}" for hours in ("x", "-1", "nan", "inf", "1e30")),
    ],
)
def test_a_command_that_is_none_is_answered_with_how_it_is_used(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main.main(words.split())
    said = capsys.readouterr()
    assert (ended.value.code, said.out) == (2, "")
    assert said.err.startswith("usage: main.py")
    assert "Traceback" not in said.err


BAD_SETTINGS: list[tuple[str, dict[str, str]]] = [
    *(("PORT", {"PORT": text}) for text in ("x", "0", "-1", "65536", "8000.0", "٨٠٠٠", "9" * 5000, " 8000")),
    *(("SANDBOX_PORT", {"SANDBOX_PORT": text}) for text in ("x", "0", "65536")),
    *(("BASE_URL", {"BASE_URL": text}) for text in ("shop.example", "ftp://x", "http://", "http://[", "http://x:port")),
    *(("DATABASE_URL", {"DATABASE_URL": text}) for text in ("x", "mysql://x/y", "file.db", "http://x", "postgres//x")),
    *(("REDIS_URL", {"REDIS_URL": text}) for text in ("localhost:6379", "http://x", "redis://", "redis://x:port/0")),
    *(("SMTP_URL", {"SMTP_URL": text, "MAIL_FROM": "a@b.example"}) for text in ("mail.example", "http://x", "smtp://")),
    *(("SMTP_URL", {"SMTP_URL": text, "MAIL_FROM": "a@b.example"}) for text in ("smtp://u:p@h:port", "smtps://:25")),
    *(
        ("MAIL_FROM", {"MAIL_FROM": text})
        for text in ("pay", "Pay <a@b.example>", "a@b\r\nX: y", "a b@c.example", "ü@x")
    ),
    ("MAIL_FROM", {"SMTP_URL": "smtp://mail.example"}),
    *(("STRIPE_API_BASE", {"STRIPE_API_BASE": text}) for text in ("api.stripe.com", "http://")),
    *(("STRIPE_SECRET_KEY", {"STRIPE_SECRET_KEY": text}) for text in ("x", "pk_test_x", "sk_x", " sk_test_x")),
    *(("DEVELOPMENT", {"DEVELOPMENT": text}) for text in ("maybe", "2", "on!")),
    *(("LOG_LEVEL", {"LOG_LEVEL": text}) for text in ("LOUD", "10", "TRACE")),
    ("SECRET_KEY", {"SECRET_KEY": "short"}),
    ("DATA_DIR", {"DATA_DIR": "/dev/null/x"}),
    ("DATA_DIR", {"DATA_DIR": __file__}),
]


@pytest.mark.parametrize(("name", "env"), BAD_SETTINGS, ids=[f"{n}={e.get(n, '')[:20]}" for n, e in BAD_SETTINGS])
def test_a_setting_that_makes_no_sense_is_named_in_one_line(
    name: str, env: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for setting in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", *STRIPE):
        monkeypatch.delenv(setting, raising=False)
    for setting, text in ({"DATA_DIR": str(tmp_path)} | env).items():
        monkeypatch.setenv(setting, text)
    assert main.main(["migrate"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("paygraph: ")
    assert name in said.err
    assert said.err.count("\n") == 1


def test_no_complaint_repeats_a_secret(tmp_path: Path) -> None:
    secrets = {"STRIPE_SECRET_KEY": "sk-live-4eC39HqLyjWDarjtT1zdp7dc", "SECRET_KEY": "hunter2"}
    secrets["SMTP_URL"] = "smtp://pay:hunter2@"
    for name, secret in secrets.items():
        with pytest.raises(ConfigError) as complaint:
            config.from_environment({"DATA_DIR": str(tmp_path), name: secret})
        assert secret not in str(complaint.value)


def test_an_empty_environment_is_the_embedded_instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = config.from_environment({})
    assert (settings.embedded, settings.livemode, settings.development) == (True, False, True)
    assert (settings.base_url, settings.sandbox_port) == ("http://127.0.0.1:8000", 8001)
    assert settings.database_url == f"sqlite://{tmp_path}/var/paygraph.db"
    assert config.from_environment({}).secret_key == settings.secret_key, "kept, or every secret would end with us"
    assert (tmp_path / "var" / "secret.key").stat().st_mode & 0o077 == 0


def test_a_live_key_means_real_money_and_no_development() -> None:
    live = config.from_environment({"STRIPE_SECRET_KEY": "rk_live_x", "STRIPE_WEBHOOK_SECRET": "whsec_a, whsec_b"})
    assert (live.livemode, live.development, live.embedded) == (True, False, False)
    assert live.stripe_webhook_secrets == ("whsec_a", "whsec_b")


def test_the_schema_is_printed_without_any_setting(tmp_path: Path) -> None:
    printed = run(tmp_path / "never", "schema", PORT="nonsense")
    assert (printed.code, printed.complaint) == (0, "")
    assert printed.out == (ROOT / "schema.graphql").read_text()
    assert not (tmp_path / "never").exists()
    assert_one_line(run(tmp_path, "migrate", PORT="nonsense"), "PORT must be a port number")


def test_a_merchant_and_its_keys_from_first_to_last(tmp_path: Path) -> None:
    create = ["merchant", "create", "--name", "Kiln", "--origin", "https://shop.example"]
    first, again, created = run_all(tmp_path, (["migrate"], {}), (["migrate"], {}), (create, {}))
    assert first.out.startswith("applied 0001_initial\n")
    assert (again.code, again.out, again.complaint) == (0, "nothing to apply\n", "")
    [made] = created.told
    assert made["secretKey"].startswith("sk_test_")
    assert made["publishableKey"].startswith("pk_test_")

    merchant = made["merchantId"]
    scoped, public, wrong, rotated = run_all(
        tmp_path,
        (["key", "create", merchant, "--scope", "orders:read"], {}),
        (["key", "create", merchant, "--kind", "publishable"], {}),
        (["key", "create", merchant, "--scope", "checkout"], {}),
        (["key", "rotate", made["secretKeyId"], "--overlap-hours", "0"], {}),
    )
    assert scoped.told[0]["key"].startswith("sk_test_")
    assert public.told[0]["key"].startswith("pk_test_")
    assert_one_line(wrong, "A secret key may have these scopes")
    [new] = rotated.told

    ended, contact, listed = run_all(
        tmp_path,
        (["key", "end", new["keyId"]], {}),
        (["merchant", "contact", merchant, "--email", "Owner@kiln.example", "--locale", "de-AT"], {}),
        (["merchant", "list"], {}),
    )
    assert ended.told == [{"keyId": new["keyId"], "ended": True}]
    assert contact.told == [{"merchantId": merchant, "contact": "owner@kiln.example", "locale": "de_AT"}]
    [known] = listed.told
    assert (known["name"], known["mode"], known["origins"]) == ("Kiln", "test", ["https://shop.example"])
    assert known["contact"] == "owner@kiln.example"
    ends = {key["keyId"]: key["expiresAt"] is not None for key in known["keys"]}
    assert len(ends) == 5
    assert [ends[key] for key in (made["secretKeyId"], new["keyId"], made["publishableKeyId"])] == [True, True, False]
    for secret in (made["secretKey"], made["publishableKey"], new["key"]):
        assert secret not in listed.out


def test_what_an_operator_gets_wrong_is_said_in_one_line(tmp_path: Path) -> None:
    cases: dict[str, list[str]] = {
        "There is no merchant mer_nope.": ["key", "create", "mer_nope"],
        "There is no key key_nope, or it has ended.": ["key", "rotate", "key_nope"],
        "There is no key key_none, or it has ended.": ["key", "end", "key_none"],
        "The name must not be empty.": ["merchant", "create", "--name", " "],
        "at most 200 characters": ["merchant", "create", "--name", "x" * 201],
        "looks like a card number": ["merchant", "create", "--name", "4242424242424242"],
        "'owner' is no e-mail address": ["merchant", "create", "--name", "x", "--contact-email", "owner"],
        "'tlh' is no language": ["merchant", "contact", "mer_nope", "--locale", "tlh"],
        "There is no merchant mer_none.": ["merchant", "contact", "mer_none", "--email", "a@b.example"],
        "'shop' is no web origin": ["merchant", "create", "--name", "x", "--origin", "shop"],
    }
    asked = [(words, {}) for words in (["migrate"], *cases.values(), ["merchant", "list"])]
    _, *refused, listed = run_all(tmp_path, *asked)
    for complaint, ended in zip(cases, refused, strict=True):
        assert_one_line(ended, complaint)
    assert (listed.code, listed.out) == (0, "")


@contextlib.contextmanager
def a_taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


def test_a_machine_that_is_not_ready_is_told_of_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database, but a text of some length" * 40)
    nowhere = {"DATABASE_URL": f"postgres://postgres@127.0.0.1:{free_port()}/x"}
    with a_taken_port() as taken:
        cases: dict[str, tuple[Case, str]] = {
            "nothing configured": ((["serve"], {}), "DATABASE_URL and REDIS_URL and STRIPE_SECRET_KEY must be set"),
            "no Redis configured": (
                (["worker"], {**STRIPE, "DATABASE_URL": "sqlite:///x.db"}),
                "REDIS_URL must be set",
            ),
            "no PostgreSQL": ((["migrate"], nowhere), "Are the database and Redis running"),
            "no PostgreSQL to list from": ((["merchant", "list"], nowhere), "Are the database and Redis running"),
            "a folder for a file": ((["migrate"], {"DATABASE_URL": f"sqlite://{tmp_path}"}), "unable to open database"),
            "a text": ((["migrate"], {"DATABASE_URL": f"sqlite://{tmp_path}/text.db"}), "file is not a database"),
            "no file": ((["migrate"], {"DATABASE_URL": "sqlite://"}), "names no file"),
            "port taken": ((["run"], {"PORT": str(taken), "SANDBOX_PORT": str(free_port())}), f"port {taken}"),
            "sandbox port taken": ((["run"], {"PORT": str(free_port()), "SANDBOX_PORT": str(taken)}), f"port {taken}"),
            "no webhook secret": ((["run"], {"STRIPE_SECRET_KEY": "sk_test_x"}), "STRIPE_WEBHOOK_SECRET is not set"),
            "an empty one": (
                (
                    ["serve"],
                    {**STRIPE, "STRIPE_WEBHOOK_SECRET": " , ", "DATABASE_URL": "sqlite:///x", "REDIS_URL": REDIS},
                ),
                "STRIPE_WEBHOOK_SECRET is not set",
            ),
            "no room for the sandbox": (
                (["sandbox", "--port", "0", "--state", "/dev/null/x"], {}),
                "--state /dev/null/x",
            ),
            "the sandbox alone": ((["sandbox", "--port", str(taken)], {}), f"port {taken}"),
            "no such host": ((["run"], {"HOST": "no.such.host.invalid", "PORT": str(free_port())}), "no.such.host"),
        }
        ended = run_all(tmp_path, *(case for case, _ in cases.values()))
    for name, result, (_, words) in zip(cases, ended, cases.values(), strict=True):
        complaints = [line for line in result.complaint.splitlines() if line.startswith("paygraph: ")]
        assert (result.code, len(complaints)) == (2, 1), (name, result)
        assert words in complaints[0], name
        assert "Traceback" not in result.complaint, name


@pytest.mark.postgres
def test_a_postgresql_that_does_not_know_the_database_or_the_user(tmp_path: Path) -> None:
    server = os.environ["TEST_DATABASE_URL"]
    address = server.rpartition("/")[0]
    host = address.rpartition("@")[2]
    urls = (f"{address}/no_such_database", f"postgres://no_such_user:secret@{host}/postgres")
    for ended in run_all(
        tmp_path, *((words, {"DATABASE_URL": url}) for url in urls for words in (["migrate"], ["merchant", "list"]))
    ):
        assert_one_line(ended, "no_such")
        assert "secret" not in ended.complaint
