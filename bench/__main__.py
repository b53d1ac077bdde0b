"""`python -m bench`: one table of figures, each next to its ceiling. Exits with 0 whatever the figures are."""

import argparse
import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import asyncpg

from bench import report
from bench.parts import (
    LONG,
    QUICK,
    Log,
    Parts,
    Sizes,
    deliveries,
    lifecycles,
    lists,
    memory,
    operations,
    pages,
    renewals,
    splits,
    subscribers,
    webhooks,
)
from bench.report import Figure
from bench.stage import DEFAULT_DATABASE, BenchError, Stage
from kit.embedded_redis import EmbeddedRedis

PARTS: Parts = {
    "webhooks": webhooks.measure,
    "lists": lists.measure,
    "lifecycles": lifecycles.measure,
    "operations": operations.measure,
    "renewals": renewals.measure,
    "deliveries": deliveries.measure,
    "pages": pages.measure,
    "splits": splits.measure,
    "subscribers": subscribers.measure,
    "memory": memory.measure,
}


def main(argv: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(argv)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            _run(_measure(args, Path(directory)))
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description="Measures Paygraph next to what the same machine could do at best. Ratios are what counts: both"
        " sides of each run in turns.",
        epilog=f"BENCH_DATABASE_URL (default {DEFAULT_DATABASE}) is a PostgreSQL where databases may be made; they are"
        " dropped at the end. REDIS_URL names a Redis; without it one is started.",
    )
    parser.add_argument("--only", metavar="PART,...", help=f"only these parts: {', '.join(PARTS)}")
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--long", action="store_true", help="more rounds, and memory over 20,000 lifecycles")
    sizes.add_argument("--quick", action="store_true", help="see that everything runs; the figures mean nothing")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    return parser


def _run(work: Any) -> None:
    if sys.platform == "win32":
        asyncio.run(work)
    else:
        import uvloop

        uvloop.run(work)


async def _measure(args: argparse.Namespace, directory: Path) -> None:
    chosen = args.only.split(",") if args.only else list(PARTS)
    if unknown := [name for name in chosen if name not in PARTS]:
        raise BenchError(f"There is no part {unknown[0]!r}; there are {', '.join(PARTS)}.")
    sizes = QUICK if args.quick else LONG if args.long else Sizes()
    log, figures, started = Log(_progress), list[Figure](), time.monotonic()
    async with _stage(directory) as stage:
        for name in chosen:
            figures += await PARTS[name](stage, sizes, log)
        facts = report.machine(await _server(stage))
    _progress("")
    print("\n".join(f"{name:<11} {fact}" for name, fact in facts.items()))
    print(f"\n{report.table(figures)}\n")
    print("\n".join([*log.notes, f"Measured in {time.monotonic() - started:.0f} s."]))
    if args.json:
        report.write_json(args.json, figures, facts, log.notes)


@contextlib.asynccontextmanager
async def _stage(directory: Path) -> AsyncIterator[Stage]:
    database = os.environ.get("BENCH_DATABASE_URL") or DEFAULT_DATABASE
    async with contextlib.AsyncExitStack() as stack:
        redis_url = os.environ.get("REDIS_URL")
        if not redis_url:
            redis_url = (await stack.enter_async_context(EmbeddedRedis(directory / "redis"))).url
        stage = Stage(database, redis_url, directory)
        stack.push_async_callback(stage.clear)
        await stage.prepare()
        yield stage


async def _server(stage: Stage) -> str:
    connection: Any = await asyncpg.connect(stage.admin_url)
    try:
        values = [await connection.fetchval(f"SHOW {name}") for name in ("server_version", "fsync", "shared_buffers")]
    finally:
        await connection.close()
    return "{}, fsync {}, shared_buffers {}".format(*values)


def _progress(text: str) -> None:
    """On a terminal one line that changes; elsewhere a line each."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
