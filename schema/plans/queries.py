"""Reading plans."""

import strawberry
from strawberry.types import Info

from domain import reads
from domain.reads import Condition
from models import Scope
from schema.arguments import After, Before, Filter, First, Last, PlanId
from schema.errors import known_id
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query
from schema.plans.types import Plan


@strawberry.input(description="Which plans; all conditions must hold.")
class PlanFilter:
    archived: bool | None = strawberry.field(default=None, description="Archived ones, or all others.")


@strawberry.type
class PlanQueries:
    @query(Scope.PRODUCTS_READ, description="A plan; null when the merchant has none with this id.")
    async def plan(self, info: Info, id: PlanId) -> Plan | None:
        row = await reads.by_id("plans", context_of(info).merchant_id, known_id(id, "plan", "a plan"))
        return Plan.of(row) if row else None

    @query(Scope.PRODUCTS_READ, description="The merchant's plans, 25 unless first or last (1 to 100) says else.")
    async def plans(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        filter: Filter[PlanFilter] = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[Plan]:
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("plan"))
        return await listed("plans", context_of(info).merchant_id, stretch, _conditions(filter), Plan.of)


def _conditions(wanted: PlanFilter | None) -> list[Condition]:
    if wanted is None or wanted.archived is None:
        return []
    return [Condition("archived_at", "IS NOT" if wanted.archived else "IS", None)]
