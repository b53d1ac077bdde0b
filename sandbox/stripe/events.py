"""Events: a snapshot of an object at a moment, and one delivery of it for each endpoint that listens."""

from __future__ import annotations

from typing import Any

from sandbox import outbox
from sandbox.store import Json
from sandbox.stripe import ids
from sandbox.stripe.version import API_VERSION
from sandbox.world import Call


def emit(call: Call, type: str, document: Json, previous: Json | None = None) -> Json:
    """Records the event, dated by the sandbox's own clock, and queues its deliveries, in the call's transaction."""
    # written down at once, and so in no need of a deep copy
    data: Json = {"object": {key: value for key, value in document.items() if key != "_"}}
    if previous is not None:
        data["previous_attributes"] = previous
    listeners = [each for each in endpoints(call) if listens(each, type, call.account)]
    event = call.insert(
        {
            **({"account": call.account} if call.account else {}),
            "id": ids.new("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": call.now,
            "data": data,
            "livemode": call.livemode,
            "pending_webhooks": len(listeners),
            "request": {"id": call.request_id, "idempotency_key": call.idempotency_key},
            "type": type,
        }
    )
    for endpoint in listeners:
        outbox.enqueue(call, event, endpoint["id"])
    return event


def endpoints(call: Call) -> list[Json]:
    return call.store.select(call.livemode, "webhook_endpoint", [], order="ASC")


def listens(endpoint: Json, type: str, account: str | None) -> bool:
    """Whether it wants such an event of a connected account (None: the platform's own); no endpoint gets both."""
    wanted = endpoint["enabled_events"]
    fits = endpoint["_"].get("connect", False) == (account is not None)
    return fits and endpoint["status"] == "enabled" and ("*" in wanted or type in wanted)


def change(call: Call, document: Json, event: str | None = None, **changes: Any) -> Json:
    """Saves the changes; if one is real, emits `event` with the attributes as they were."""
    before = {key: document.get(key) for key, value in changes.items() if document.get(key) != value}
    previous = {key: _difference(value, changes[key]) for key, value in before.items()}
    document.update(changes)
    call.save(document)
    if event and previous:
        emit(call, event, document, previous)
    return document


def _difference(old: Any, new: Any) -> Any:
    """Of a hash only the entries that change, with null for new ones, as Stripe tells it."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return old
    return {key: old.get(key) for key in {**old, **new} if old.get(key) != new.get(key)}
