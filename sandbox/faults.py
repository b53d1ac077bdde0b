"""Faults on order: the next calls that match fail before or after the work, hang, or lose their connection."""

from __future__ import annotations

import fnmatch
from dataclasses import asdict, dataclass
from typing import Any

from sandbox.store import Store

KINDS = ("status", "hang", "reset")


@dataclass
class Fault:
    """`stored`: whether the failure itself is what the idempotency key remembers (Stripe keeps its 500s)."""

    id: int
    kind: str
    method: str = "*"
    path: str = "*"
    when: str = "before"
    next: int | None = 1
    status: int = 500
    seconds: float = 30.0
    stored: bool = False

    def matches(self, method: str, path: str) -> bool:
        return fnmatch.fnmatchcase(method, self.method.upper()) and fnmatch.fnmatchcase(path, self.path)


def active(store: Store) -> list[Fault]:
    return [Fault(**each) for each in store.get_meta("faults", [])]


def save(store: Store, faults: list[Fault]) -> None:
    store.set_meta("faults", [asdict(fault) for fault in faults])


def take(store: Store, method: str, path: str) -> Fault | None:
    """The first fault that matches the call, one use of it spent."""
    faults = active(store)
    fault = next((each for each in faults if each.matches(method, path)), None)
    if fault and fault.next is not None:
        fault.next -= 1
        save(store, [each for each in faults if each.next != 0])
    return fault


def body(status: int) -> dict[str, Any]:
    """The error that Stripe sends with such a status."""
    if status == 429:
        return {
            "error": {
                "code": "rate_limit",
                "message": "Request rate limit exceeded. Learn more about rate limits in the docs.",
                "type": "invalid_request_error",
            }
        }
    if status == 409:
        return {
            "error": {
                "code": "lock_timeout",
                "message": "This object cannot be accessed right now because another API request or Stripe process is "
                "currently accessing it.",
                "type": "invalid_request_error",
            }
        }
    if status == 402:
        declined = {"code": "card_declined", "decline_code": "generic_decline", "type": "card_error"}
        return {"error": {**declined, "message": "Your card was declined."}}
    kind = "api_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": f"The sandbox was told to answer {status}.", "type": kind}}
