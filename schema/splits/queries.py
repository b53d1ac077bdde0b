"""Reading split rules."""

import strawberry
from strawberry.types import Info

from models import Scope
from schema.arguments import After, Before, First, Last
from schema.pagination import Connection, Sort, SortBy, listed, row_id, window
from schema.permissions import context_of, query
from schema.splits.types import SplitRule


@strawberry.type
class SplitQueries:
    @query(
        Scope.VENDORS_READ,
        description="The merchant's split rules in all their versions, 25 unless first or last (1 to 100) says else.",
    )
    async def split_rules(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        sort: SortBy = Sort.NEWEST_FIRST,
    ) -> Connection[SplitRule]:
        newest_first = sort is Sort.NEWEST_FIRST
        stretch = window(first, after, last, before, descending=newest_first, key=row_id("rule"))
        return await listed("split_rules", context_of(info).merchant_id, stretch, [], SplitRule.of)
