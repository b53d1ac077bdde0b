"""The command line. `python main.py --help` lists the commands; each has its own --help."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from sqlite3 import DatabaseError
from typing import Any

import uvloop
from asyncpg import PostgresError
from tortoise.exceptions import BaseORMException

import config
from commands import operating, running
from config import ConfigError, Settings
from domain.refusals import Refusal
from kit import logs
from kit.embedded_redis import EmbeddedRedisError
from kit.serving import PortTaken
from models import KeyKind, Scope

_YEAR_HOURS = 8760
Command = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, None]]


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code. 2: something is to be put right, said in one line on stderr."""
    args = _parser().parse_args(argv)
    try:
        if args.command is None:
            operating.schema()
            return 0
        settings = config.from_environment()
        logs.configure(settings.log_level, readable=settings.development)
        _event_loop()(args.command(settings, args))
    except (ConfigError, Refusal, PortTaken, EmbeddedRedisError, TimeoutError, ValueError) as error:
        return _complain(str(error))
    except OSError as error:
        return _complain(f"{error.strerror or error}. Are the database and Redis running, and their URLs right?")
    except (PostgresError, DatabaseError, BaseORMException) as error:
        return _complain(f"The database says: {error}. Is DATABASE_URL right?")
    except KeyboardInterrupt:
        return 130
    return 0


def _event_loop() -> Callable[[Coroutine[Any, Any, None]], None]:
    return asyncio.run if sys.platform == "win32" else uvloop.run


def _complain(message: str) -> int:
    print(f"paygraph: {' '.join(message.split())}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="main.py",
        description="Paygraph, a GraphQL merchant backend for payments.",
        epilog="Settings come from the environment: HOST PORT BASE_URL DATA_DIR DATABASE_URL REDIS_URL"
        " STRIPE_SECRET_KEY"
        " STRIPE_PUBLISHABLE_KEY STRIPE_WEBHOOK_SECRET STRIPE_API_BASE SANDBOX_PORT SMTP_URL MAIL_FROM SECRET_KEY"
        " DEVELOPMENT LOG_LEVEL."
        " None of them is needed for `run`.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add(commands, "run", "everything in one process; with the sandbox PSP unless a Stripe key is set", _run)
    _add(commands, "serve", "the API", _serve)
    _add(commands, "worker", "the worker: relay, retries, refunds, reconciliation", _worker)
    _add(commands, "migrate", "bring the database's schema up to date", _migrate)
    _add(commands, "schema", "print the API's schema", None)
    sandbox = _add(commands, "sandbox", "the sandbox PSP alone", _sandbox)
    sandbox.add_argument("--host", default="127.0.0.1")
    sandbox.add_argument("--port", type=_port, required=True)
    sandbox.add_argument("--state", type=Path, help="the file to remember in (default: memory only)")
    _add_merchant(commands.add_parser("merchant", help="make and list merchants"))
    _add_key(commands.add_parser("key", help="make, rotate and end keys"))
    return parser


def _port(text: str) -> int:
    if not (text.isdecimal() and 0 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def _add(commands: Any, name: str, explanation: str, command: Command | None) -> argparse.ArgumentParser:
    added: argparse.ArgumentParser = commands.add_parser(name, help=explanation, description=explanation)
    added.set_defaults(command=command)
    return added


def _add_merchant(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="command")
    create = _add(commands, "create", "a merchant with its keys, printed this once", _create_merchant)
    create.add_argument("--name", required=True)
    create.add_argument("--mode", choices=["test", "live"], help="default: the mode of STRIPE_SECRET_KEY, or test")
    create.add_argument("--origin", action="append", default=[], help="a web origin of the merchant's; may be repeated")
    create.add_argument("--contact-email", help="where to write to the merchant (default: nowhere)")
    create.add_argument("--locale", help="the language of its mails and its payers', such as de or en-GB")
    contact = _add(commands, "contact", "whom at a merchant mails go to; without --email, nobody", _change_contact)
    contact.add_argument("merchant_id")
    contact.add_argument("--email")
    contact.add_argument("--locale", help="the language of its mails and its payers', such as de or en-GB")
    origins = _add(commands, "origins", "the web origins that a merchant's pages live on", _change_origins)
    origins.add_argument("merchant_id")
    origins.add_argument("--add", action="append", default=[], metavar="ORIGIN")
    origins.add_argument("--remove", action="append", default=[], metavar="ORIGIN")
    _add(commands, "list", "every merchant, with hints of its keys", _list_merchants)


def _add_key(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="command")
    create = _add(commands, "create", "one more key of a merchant, printed this once", _create_key)
    create.add_argument("merchant_id")
    create.add_argument("--kind", choices=[kind.value for kind in KeyKind], default=KeyKind.SECRET.value)
    create.add_argument("--scope", action="append", default=[], choices=[scope.value for scope in Scope])
    rotate = _add(commands, "rotate", "a key in the place of another", _rotate_key)
    rotate.add_argument("key_id")
    rotate.add_argument("--overlap-hours", type=_hours, default=24, help="how long the old key goes on (default: 24)")
    _add(commands, "end", "end a key now", _end_key).add_argument("key_id")


def _hours(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 <= (hours := float(text)) <= _YEAR_HOURS:
            return hours
    raise argparse.ArgumentTypeError(f"give a number of hours from 0 to {_YEAR_HOURS}")


async def _run(settings: Settings, _args: argparse.Namespace) -> None:
    await running.run(settings)


async def _serve(settings: Settings, _args: argparse.Namespace) -> None:
    await running.serve(settings)


async def _worker(settings: Settings, _args: argparse.Namespace) -> None:
    await running.worker(settings)


async def _migrate(settings: Settings, _args: argparse.Namespace) -> None:
    await operating.migrate(settings)


async def _sandbox(_settings: Settings, args: argparse.Namespace) -> None:
    await running.sandbox(args.host, args.port, args.state)


async def _create_merchant(settings: Settings, args: argparse.Namespace) -> None:
    mode = args.mode or ("live" if settings.livemode else "test")
    await operating.create_merchant(settings, args.name, mode, args.origin, args.contact_email, args.locale)


async def _change_contact(settings: Settings, args: argparse.Namespace) -> None:
    await operating.change_contact(settings, args.merchant_id, args.email, args.locale)


async def _change_origins(settings: Settings, args: argparse.Namespace) -> None:
    await operating.change_origins(settings, args.merchant_id, args.add, args.remove)


async def _list_merchants(settings: Settings, _args: argparse.Namespace) -> None:
    await operating.list_merchants(settings)


async def _create_key(settings: Settings, args: argparse.Namespace) -> None:
    await operating.create_key(settings, args.merchant_id, args.kind, args.scope)


async def _rotate_key(settings: Settings, args: argparse.Namespace) -> None:
    await operating.rotate_key(settings, args.key_id, args.overlap_hours)


async def _end_key(settings: Settings, args: argparse.Namespace) -> None:
    await operating.end_key(settings, args.key_id)


if __name__ == "__main__":
    sys.exit(main())
