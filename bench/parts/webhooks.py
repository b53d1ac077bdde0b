"""Webhooks per second: each is verified, recorded and settles a payment of its own, in one commit."""

from bench import load, seed, story
from bench.parts import Log, Sizes
from bench.report import Figure, median, rate
from bench.stage import BenchError, Stage

_LEAST = 0.5


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Ours against the same SQL by asyncpg, a statement a round trip and as one statement, in turns."""
    async with (
        stage.database() as url,
        stage.sandbox() as psp,
        stage.serve(url, psp.url) as ours,
        stage.comparator("raw", url) as raw,
    ):
        events = await story.Events.learn(ours, psp, stage.keys[0])
        ways = {"ours": (ours, b""), "steps": (raw, b""), "at once": (raw, b"/webhooks/at-once")}
        runs: dict[str, list[load.Run]] = {way: [] for way in ways}
        for number in range(sizes.rounds + 1):
            for way, (program, path) in ways.items():
                opened = await seed.open_orders(url, stage.merchant_id, sizes.webhooks)
                requests = events.all_completed(opened)
                if path:
                    requests = [request.replace(b"/webhooks/stripe", path, 1) for request in requests]
                run = await load.drive(program.port, requests, expect=b'"applied"')
                if number:  # the first round warms up
                    runs[way].append(run)
                log.say(f"webhooks {number}/{sizes.rounds}: {way} {run.per_second:.0f}/s")
        await _check(url, (sizes.rounds + 1) * len(ways) * sizes.webhooks)
    rates = {way: [run.per_second for run in found] for way, found in runs.items()}
    milliseconds = [1000 * latency for run in runs["ours"] for latency in run.latencies]
    log.note(f"A webhook is answered after {median(milliseconds):.1f} ms (median), with {load.CONNECTIONS} at a time.")
    return [
        rate("webhooks", rates["ours"], rates["steps"], "asyncpg, a statement a round trip", _LEAST),
        rate("webhooks", rates["ours"], rates["at once"], "asyncpg, all as one statement"),
    ]


async def _check(url: str, expected: int) -> None:
    """Every one of them did all of its work, on all sides."""
    found = await seed.paid(url)
    if found != expected:
        raise BenchError(f"{expected} webhooks were answered, but {found} orders are settled as they should be.")
