"""Relay connections over keyset pages."""

import base64
import binascii
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from graphql import FieldNode, FragmentSpreadNode
from strawberry.types import Info

from domain import reads
from domain.reads import Condition, Page, Window
from kit import ids
from schema.enums import show
from schema.errors import bad_request
from schema.scalars import Cursor

MAX_PAGE = 100
DEFAULT_PAGE = 25
_MAX_VERSION = 2**31 - 1  # what the column can hold

NodeT = TypeVar("NodeT")


class Sort(Enum):
    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


show(
    Sort,
    "The order of a list, by the time of creation.",
    NEWEST_FIRST="What was made last comes first.",
    OLDEST_FIRST="What was made first comes first.",
)
SortBy = Annotated[Sort, strawberry.argument(description="The order of the list.")]


@strawberry.type(description="Where a page stands in its list.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether more follows this page.")
    has_previous_page: bool = strawberry.field(description="Whether something stands before this page.")
    start_cursor: Cursor | None = strawberry.field(description="The first row's cursor, null on an empty page.")
    end_cursor: Cursor | None = strawberry.field(description="The last row's cursor, null on an empty page.")


@strawberry.type(description="A row of a list with its place.")
class Edge(Generic[NodeT]):
    node: NodeT = strawberry.field(description="The row.")
    key: strawberry.Private[str]

    @strawberry.field(description="The row's place: give it as `after` or `before`.")
    def cursor(self) -> Cursor:
        return encode("k", self.key)


async def _edges(root: Any, info: Info) -> Any:
    asked = (field for field in _fields(info, info._raw_info.field_nodes) if field.name.value == "node")
    await _read_ahead(info, root.rows, asked)
    return root.rows


@strawberry.type(description="A page of a list.")
class Connection(Generic[NodeT]):
    edges: list[Edge[NodeT]] = strawberry.field(resolver=_edges, description="The rows with their cursors.")
    page_info: PageInfo = strawberry.field(description="Where this page stands.")
    rows: strawberry.Private[list[Any]]
    count: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="The rows without their cursors.")
    async def nodes(self, info: Info) -> list[NodeT]:
        await _read_ahead(info, self.rows, info._raw_info.field_nodes)
        return [edge.node for edge in self.rows]

    @strawberry.field(description="How many rows the whole list has. Counted only when asked: it costs.")
    async def total_count(self) -> int:
        return await self.count()


async def _read_ahead(info: Info, edges: list[Any], asked: Iterable[FieldNode]) -> None:
    """Lets the rows read what the operation asks of all of them, before it is asked of each.

    A field that awaits costs the executor several times what one costs that does not.
    """
    read = getattr(type(edges[0].node), "read_ahead", None) if edges else None
    if read is not None:
        await read(info, [edge.node for edge in edges], {field.name.value for field in _fields(info, asked)})


def _fields(info: Info, parents: Iterable[Any]) -> Iterator[FieldNode]:
    """The fields right below, through fragments of both kinds."""
    for parent in parents:
        for selection in parent.selection_set.selections if parent.selection_set else ():
            if isinstance(selection, FieldNode):
                yield selection
            elif isinstance(selection, FragmentSpreadNode):
                yield from _fields(info, [info._raw_info.fragments[selection.name.value]])
            else:
                yield from _fields(info, [selection])


def connection(
    page: Page, nodes: Sequence[NodeT], keys: Sequence[str], count: Callable[[], Awaitable[int]]
) -> Connection[NodeT]:
    edges = [Edge(node=node, key=key) for node, key in zip(nodes, keys, strict=True)]
    info = PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=encode("k", keys[0]) if keys else None,
        end_cursor=encode("k", keys[-1]) if keys else None,
    )
    return Connection(rows=edges, page_info=info, count=count)


async def listed(
    table: str,
    merchant_id: str,
    stretch: Window,
    conditions: Sequence[Condition],
    of: Callable[[Mapping[str, Any]], NodeT],
) -> Connection[NodeT]:
    """A stretch of the merchant's rows in a table, each shown by `of`."""
    page = await reads.page(table, merchant_id, stretch, conditions)
    nodes, keys = [of(row) for row in page.rows], [row["id"] for row in page.rows]
    return connection(page, nodes, keys, lambda: reads.count(table, merchant_id, conditions))


def window(
    first: int | None,
    after: Cursor | None,
    last: int | None,
    before: Cursor | None,
    *,
    descending: bool,
    key: Callable[[str], object],
) -> Window:
    """The stretch that the arguments ask for; `key` reads the list's cursors.

    Raises BAD_REQUEST for arguments that make no sense.
    """
    if first is not None and last is not None:
        raise bad_request("Give first or last, not both.")
    limit = first if first is not None else last if last is not None else DEFAULT_PAGE
    if not 1 <= limit <= MAX_PAGE:
        raise bad_request(f"first and last must be 1 to {MAX_PAGE}.")
    return Window(
        limit=limit,
        after=key(decode("k", after)) if after is not None else None,
        before=key(decode("k", before)) if before is not None else None,
        backward=last is not None,
        descending=descending,
    )


def row_id(prefix: str) -> Callable[[str], str]:
    """Reads the cursors of a list of rows whose ids have this prefix."""

    def read(text: str) -> str:
        if ids.prefix_of(text) != prefix:
            raise bad_cursor()
        return text

    return read


def number(text: str) -> int:
    """Reads the cursors of a list that is ordered by numbers."""
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise bad_cursor()
    return int(text)


def version(text: str) -> int:
    """Reads the cursors of a timeline."""
    found = number(text)
    if found > _MAX_VERSION:
        raise bad_cursor()
    return found


def encode(kind: str, key: str) -> Cursor:
    return Cursor(base64.urlsafe_b64encode(f"{kind}:{key}".encode()).decode().rstrip("="))


def decode(kind: str, cursor: str) -> str:
    """What a cursor of this kind stands for; raises BAD_REQUEST for any other text."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode("ascii")
    except (ValueError, binascii.Error):
        raise bad_cursor() from None
    found, _, key = text.partition(":")
    if found != kind or not key:
        raise bad_cursor()
    return key


def bad_cursor() -> Exception:
    return bad_request("The cursor is not one that this list or stream gave.")
