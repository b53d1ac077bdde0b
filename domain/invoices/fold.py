"""Folds a PSP's word into an invoice: pure, and such that the order of arrival cannot matter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateways.billing import InvoiceEvidence
from models import INVOICE_EDGES, InvoiceStatus

State = Mapping[str, Any]


@dataclass(slots=True)
class Change:
    """The columns that change; `failed`: another try at collecting it has failed; `asked`: the payer's bank asks."""

    columns: dict[str, Any] = field(default_factory=dict)
    failed: bool = False
    asked: bool = False


def fold(state: State, evidence: InvoiceEvidence) -> Change:
    """What the evidence changes of an invoice; what is written on it stays as it was when it was issued, but for rows
    that were not told yet.

    Its end is told once, tries are counted upwards, and money does not go away.
    """
    change = Change()
    status, known = InvoiceStatus(evidence.standing.value), InvoiceStatus(state["status"])
    if status in INVOICE_EDGES[known]:
        change.columns["status"] = status
    if evidence.paid_minor > state["paid_minor"]:
        change.columns["paid_minor"] = evidence.paid_minor
    if evidence.paid_at and state["paid_at"] is None:
        change.columns["paid_at"] = evidence.paid_at
    if len(evidence.lines) > len(state["lines"]):
        change.columns["lines"] = [line.to_json() for line in evidence.lines]
    _fold_tries(state, evidence, change)
    return change


def _fold_tries(state: State, evidence: InvoiceEvidence, change: Change) -> None:
    if evidence.attempts < state["attempts"]:
        return
    stands = change.columns.get("status", state["status"])
    again = evidence.attempts == state["attempts"]
    told = {
        "attempts": evidence.attempts,
        "next_attempt_at": evidence.next_attempt_at if stands == InvoiceStatus.OPEN else None,
        "requires_action": stands == InvoiceStatus.OPEN
        and (evidence.requires_action or (again and state["requires_action"])),
    }
    change.columns |= {name: value for name, value in told.items() if value != state[name]}
    change.failed = stands == InvoiceStatus.OPEN and not again
    change.asked = bool(change.columns.get("requires_action"))
