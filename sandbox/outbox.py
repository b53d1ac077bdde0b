"""The queue of webhook deliveries and the rules that disturb it. webhooks.py does the sending."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.store import Json, Store
from sandbox.stripe import ids

if TYPE_CHECKING:
    from sandbox.world import Call

BACKOFF = (5, 30, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Seconds from a failed attempt to the next, by the sandbox's clock."""


@dataclass
class Rule:
    """What happens to the next `next` deliveries (None: until removed) of matching event types."""

    id: int
    action: str
    types: list[str] = field(default_factory=lambda: ["*"])
    next: int | None = None
    seconds: float = 0.0
    copies: int = 1

    def matches(self, type: str) -> bool:
        return any(fnmatch.fnmatchcase(type, pattern) for pattern in self.types)


def rules(store: Store) -> list[Rule]:
    return [Rule(**each) for each in store.get_meta("webhook_rules", [])]


def save_rules(store: Store, kept: list[Rule]) -> None:
    store.set_meta("webhook_rules", [asdict(rule) for rule in kept])


def _take_rule(store: Store, type: str) -> Rule | None:
    """The first rule that matches, one use of it spent."""
    active = rules(store)
    rule = next((each for each in active if each.matches(type)), None)
    if rule and rule.next is not None:
        rule.next -= 1
        save_rules(store, [each for each in active if each.next != 0])
    return rule


def enqueue(call: Call, event: Json, endpoint: str) -> None:
    """Queues a new event for an endpoint, as the rules have it."""
    rule = _take_rule(call.store, event["type"])
    now = call.world.now()
    action = rule.action if rule else "send"
    state = {"drop": "dropped", "hold": "held"}.get(action, "pending")
    when = now + rule.seconds if rule and action == "delay" else now
    copies = rule.copies if rule and action in ("duplicate", "twin") else 0
    for number in range(1 + copies):
        if number and action == "twin":
            event = call.insert({**event, "id": ids.new("evt")})
        add(call, event, endpoint, state=state, when=when, rule=None if action == "send" else action)


def add(call: Call, event: Json, endpoint: str, *, state: str, when: float, rule: str | None) -> None:
    """Queues one delivery; those of one story (a payment, say) are sent in order."""
    about = event["data"]["object"]
    story = about.get("payment_intent") or about.get("setup_intent") or about["id"]
    call.store.run(
        "INSERT INTO deliveries(event, endpoint, livemode, state, next_at, rule, story) VALUES (?, ?, ?, ?, ?, ?, ?)",
        event["id"],
        endpoint,
        call.livemode,
        state,
        when,
        rule,
        story,
    )
    call.world.wake.set()


def record(store: Store, seq: int, attempt: Json, now: float) -> None:
    """Notes one attempt; a failed one is due again later, until the back-off is used up."""
    row = store.one("SELECT log FROM deliveries WHERE seq = ?", seq)
    if row is None:
        return
    log = [*json.loads(row["log"]), attempt]
    tried = len(log)
    state, when = ("delivered", None) if attempt["ok"] else ("failed", None)
    if not attempt["ok"] and tried <= len(BACKOFF):
        state, when = "pending", now + BACKOFF[tried - 1]
    store.run("UPDATE deliveries SET state = ?, next_at = ?, log = ? WHERE seq = ?", state, when, json.dumps(log), seq)


def undelivered(store: Store, event: str) -> int:
    """How many deliveries of the event have not been answered with 2xx yet."""
    row = store.one("SELECT count(*) AS n FROM deliveries WHERE event = ? AND state != 'delivered'", event)
    return int(row["n"]) if row else 0


def describe(row: Any, type: str | None = None) -> Json:
    """A delivery as the controls show it."""
    return {
        "id": row["seq"],
        "event": row["event"],
        "type": type,
        "endpoint": row["endpoint"],
        "livemode": bool(row["livemode"]),
        "state": row["state"],
        "next_at": row["next_at"],
        "rule": row["rule"],
        "attempts": json.loads(row["log"]),
    }
