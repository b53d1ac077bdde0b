"""Rows whose time has come, taken by one worker at a time."""

from datetime import datetime, timedelta

from kit.database.unit import unit_of_work


async def claim(table: str, column: str, *, now: datetime, lease: timedelta, limit: int) -> list[str]:
    """The ids of the rows that are due by this column, longest due first, put off by the lease: they are the caller's
    alone until then, and whoever dies meanwhile loses none."""
    statement = f"""UPDATE {table} SET {column} = $2 WHERE id IN (
                      SELECT id FROM {table} WHERE {column} <= $1 ORDER BY {column} LIMIT $3 FOR UPDATE SKIP LOCKED
                    ) RETURNING id"""  # noqa: S608 - names of ours
    rows = await unit_of_work(lambda unit: unit.fetch(statement, now, now + lease, limit))
    return [row["id"] for row in rows]
