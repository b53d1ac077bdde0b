"""Plans and the versions of their terms."""

from datetime import datetime
from typing import Any

import strawberry
from strawberry.types import Info

from domain.reads import Row
from kit.database.reading import decode_json, decode_time
from models import Interval
from schema.enums import show
from schema.nodes import Node
from schema.orders.types import MetadataEntry
from schema.permissions import context_of
from schema.scalars import Money, money_of

show(
    Interval,
    "What the periods of a plan are counted in.",
    DAY="Days of 24 hours.",
    WEEK="Weeks of seven days.",
    MONTH="Months: those that begin on the 31st end on a month's last day.",
    YEAR="Years: those that begin on February 29th end on the 28th of other years.",
)


@strawberry.type(description="A version of a plan's terms. It never changes.")
class PlanPrice:
    id: strawberry.ID = strawberry.field(description="The version's id (price_…).")
    number: int = strawberry.field(description="Counts the plan's versions from 1.")
    amount: Money = strawberry.field(description="What a period costs, for one seat if perSeat.")
    interval: Interval = strawberry.field(description="What periods are counted in.")
    interval_count: int = strawberry.field(description="How many of them a period has: 3 and MONTH for a quarter.")
    per_seat: bool = strawberry.field(description="Whether it is sold by the seat; else the quantity is 1.")
    trial_days: int = strawberry.field(description="Days before the first period that cost nothing; 0 for none.")
    setup_fee: Money | None = strawberry.field(description="What comes once, with the first invoice; null for nothing.")
    features: list[str] = strawberry.field(description="What subscribers may use, in the merchant's own words.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def of(cls, row: Row) -> "PlanPrice":
        currency, fee = row["currency"], row["setup_fee_minor"]
        return cls(
            id=row["id"],
            number=row["number"],
            amount=money_of(row["amount_minor"], currency),
            interval=Interval(row["interval"]),
            interval_count=row["interval_count"],
            per_seat=bool(row["per_seat"]),
            trial_days=row["trial_days"],
            setup_fee=money_of(fee, currency) if fee else None,
            features=decode_json(row["features"]),
            created_at=decode_time(row["created_at"]),
        )


@strawberry.type(description="What customers subscribe to. Who has subscribed keeps the version of that day.")
class Plan(Node):
    name: str = strawberry.field(description="As the payer sees it, also on invoices.")
    description: str | None = strawberry.field(description="More about it, null when there is nothing to add.")
    archived_at: datetime | None = strawberry.field(
        description="Since when nobody can subscribe to it any more; null while one can."
    )
    created_at: datetime = strawberry.field(description="When it was made.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    pairs: strawberry.Private[Any]

    @classmethod
    def of(cls, row: Row) -> "Plan":
        return cls(
            id=row["id"],
            name=row["name"],
            description=row["description"],
            archived_at=decode_time(row["archived_at"]) if row["archived_at"] else None,
            created_at=decode_time(row["created_at"]),
            updated_at=decode_time(row["updated_at"]),
            pairs=row["metadata"],
        )

    @strawberry.field(description="The newest terms, those of whoever subscribes now.")
    async def price(self, info: Info) -> PlanPrice:
        return PlanPrice.of((await context_of(info).load.plan_prices.load(self.id))[-1])

    @strawberry.field(description="All versions of the terms, oldest first.")
    async def versions(self, info: Info) -> list[PlanPrice]:
        return [PlanPrice.of(row) for row in await context_of(info).load.plan_prices.load(self.id)]

    @strawberry.field(description="What the merchant keeps with it.")
    def metadata(self) -> list[MetadataEntry]:
        return [MetadataEntry(key=key, value=value) for key, value in decode_json(self.pairs).items()]
