"""What time it is for a customer: their test clock's, or the sandbox's where they have none."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.store import Json
from sandbox.world import Call

Job = Callable[[Call, Json], None]
JOBS: dict[str, Job] = {}


def job(run: Job) -> Job:
    """Registers work of billing that comes due: run(call, document), under its own name."""
    JOBS[run.__name__] = run
    return run


def now_of(call: Call, clock: str | None) -> int:
    """Unix seconds by that test clock; the sandbox's without one."""
    found = call.find(clock, "test_helpers.test_clock")
    return int(found["frozen_time"]) if found else int(call.world.now())


def now(call: Call, document: Json) -> int:
    """The time of an object that has a test_clock of its own: a customer, a subscription, an invoice."""
    return now_of(call, document.get("test_clock"))


def schedule(call: Call, run: Job, document: Json, moment: int) -> None:
    """Does this once at that moment of the object's clock, in the place of what was planned of it before."""
    cancel(call, run, document)
    call.schedule_at(run.__name__, document["id"], moment, document["test_clock"])


def cancel(call: Call, run: Job, document: Json) -> None:
    call.unschedule(document["id"], run.__name__)


def forget(call: Call, document: Json) -> None:
    """Nothing more happens to the object by itself."""
    call.store.run("DELETE FROM due WHERE subject = ?", document["id"])
