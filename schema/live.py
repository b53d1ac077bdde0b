"""What all live streams share: cursors that go on where they left off."""

from schema.context import Context
from schema.pagination import bad_cursor, decode, number
from schema.scalars import Cursor


def starting_point(context: Context, after: Cursor | None, subject_id: str, newest: int) -> int | None:
    """The number after which the stream goes on; None to begin with the present.

    The cursor is `after`, or what a server-sent event stream's Last-Event-ID says. Raises BAD_REQUEST for a cursor
    of another stream, or from the future.
    """
    cursor = after if after is not None else context.last_event_id
    if cursor is None:
        return None
    start = number(decode(subject_id, cursor))
    if start > newest:
        raise bad_cursor()
    return start
