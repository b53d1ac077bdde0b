"""the bench compares with the very statements of the product, and runs"""

from typing import Any

import pytest

from bench import report
from bench.comparators import statements
from bench.report import Figure
from kit.database import postgres, sqlite
from kit.logs import _IDS
from tests.journeys.test_webhooks_in import completed, send, unheard
from tests.town import Shop, Town

REQUEST = "bench-settle"


def test_the_raw_comparator_says_what_the_product_says(town: Town, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for speaker in (sqlite._TransactionClient, postgres._TransactionClient):
        for method in ("raw_fetch", "raw_execute"):
            monkeypatch.setattr(speaker, method, _overheard(getattr(speaker, method), said))
    _, events = unheard(town, shop)
    assert send(town, completed(events), **{"X-Request-Id": REQUEST}).json() == {"received": "applied"}
    settled = [" ".join(statement.split()) for statement in said]
    assert settled == [" ".join(statement.split()) for statement in statements.SETTLE[1:-1]]


def _overheard(original: Any, said: list[str]) -> Any:
    async def speak(self: Any, statement: str, args: Any) -> Any:
        if (_IDS.get() or {}).get("request_id") == REQUEST:
            said.append(statement)
        return await original(self, statement, args)

    return speak


def test_the_table_says_what_was_met() -> None:
    figures = [
        report.rate("webhooks", [50.0, 60.0, 70.0], [100.0, 100.0, 100.0], "asyncpg", 0.5),
        Figure(name="an idle subscriber", ours=61.0, unit="KiB", target="<= 60 KiB", met=False),
    ]
    lines = report.table(figures).splitlines()
    assert [line.split()[-1] for line in lines] == ["met", lines[1], "yes", "NO"]
    assert "0.60" in lines[2]
