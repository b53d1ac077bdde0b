"""Payment links' pages per second: read, rendered in the payer's locale, with all of their headers."""

from bench import load, story
from bench.parts import Log, Sizes
from bench.report import Figure, rate
from bench.stage import Stage

_LINK_CREATE = """mutation Create($input: PaymentLinkCreateInput!) {
  paymentLinkCreate(input: $input) { paymentLink { url } userErrors { code message } } }"""


async def measure(stage: Stage, sizes: Sizes, log: Log) -> list[Figure]:
    """Ours, from the database, against the same template with its facts in memory, in turns."""
    async with (
        stage.database() as url,
        stage.serve(url, "http://127.0.0.1:1") as ours,
        stage.comparator("bare") as bare,
    ):
        given = {**story.new_order(), "purpose": "Wholesale coffee", "reusable": True}
        connection = await load.Connection.open(ours.port)
        made = story.data_of(await connection.ask(story.graphql(stage.keys[0], _LINK_CREATE, {"input": given})))
        connection.close()
        path = "/l/" + made["paymentLink"]["url"].rpartition("/")[2]
        sides = {"ours": (ours, path), "bare": (bare, "/link")}
        rates: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(sizes.rounds + 1):
            for name, (program, path) in sides.items():
                asked = load.request(path, b"", {"accept-language": "de-AT,de;q=0.9"}).replace(b"POST", b"GET", 1)
                run = await load.drive(program.port, [asked] * sizes.pages, expect=b"Wholesale coffee")
                if number:
                    rates[name].append(run.per_second)
                log.say(f"pages {number}/{sizes.rounds}: {name} {run.per_second:.0f}/s")
    return [rate("a link's page", rates["ours"], rates["bare"], "the same template, from memory")]
