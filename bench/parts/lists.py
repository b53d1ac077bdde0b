"""Lists per second: 25 orders with their items and payments."""

from bench import load, seed, story
from bench.parts import Log, Sizes
from bench.report import Figure, rate
from bench.stage import Stage

_LEAST = 0.6
QUERY = """query Orders($first: Int!) { orders(first: $first) {
  nodes {
    id status reference version createdAt total { amountMinor currency }
    items { id name quantity amount { amountMinor currency } }
    payments { id status createdAt amount { amountMinor currency } captured { amountMinor currency } }
  }
  pageInfo { hasNextPage endCursor } } }"""


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Ours, from the database and with a key, against a bare schema that has the page in memory, in turns."""
    async with (
        stage.database() as url,
        stage.serve(url, "http://127.0.0.1:1") as ours,
        stage.comparator("bare") as bare,
    ):
        await seed.open_orders(url, stage.merchant_id, sizes.listed_orders)
        request = story.graphql(stage.keys[0], QUERY, {"first": 25})
        programs = {"ours": ours, "bare": bare}
        rates: dict[str, list[float]] = {name: [] for name in programs}
        for number in range(sizes.rounds + 1):
            for name, program in programs.items():
                run = await load.drive(program.port, [request] * sizes.lists, expect=b'{"data":{"orders":{"nodes":[{')
                if number:
                    rates[name].append(run.per_second)
                log.say(f"lists {number}/{sizes.rounds}: {name} {run.per_second:.0f}/s")
    return [rate("orders(first: 25)", rates["ours"], rates["bare"], "bare cached schema, from memory", _LEAST)]
