"""What is measured: one module for each part of the table."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bench.report import Figure
from bench.stage import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much is measured."""

    rounds: int = 5
    webhooks: int = 800
    lists: int = 250
    listed_orders: int = 5_000
    listed_subscriptions: int = 100_000
    lifecycles: int = 250
    operations: int = 250
    renewals: int = 800
    deliveries: int = 2_000
    backlog: int = 10_000
    pages: int = 500
    remembered_lifecycles: int = 4_000
    subscribers: int = 2_000
    followers: int = 1_000
    latency_events: int = 200
    vendor_postings: int = 1_000_000


QUICK = Sizes(
    rounds=1,
    webhooks=40,
    lists=10,
    listed_orders=100,
    listed_subscriptions=200,
    lifecycles=10,
    operations=10,
    renewals=40,
    deliveries=200,
    backlog=200,
    pages=20,
    remembered_lifecycles=80,
    subscribers=40,
    followers=20,
    latency_events=10,
    vendor_postings=20_000,
)
LONG = Sizes(rounds=9, listed_subscriptions=1_000_000, remembered_lifecycles=20_000, renewals=10_000)


@dataclass(slots=True)
class Log:
    """What a part tells beside its figures: progress at once, notes under the table."""

    say: Callable[[str], None]
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.notes.append(text)


Part = Callable[[Stage, Sizes, Log], Awaitable[list[Figure]]]
Parts = Mapping[str, Part]
