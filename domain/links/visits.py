"""What comes of opening a payment link: one order for each visit, and its one open payment."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain import idempotency, orders
from domain.catalog import Amount
from domain.checkout.hosted import start_checkout
from domain.checkout.places import Places
from domain.events import Cause
from domain.links.offer import Choice
from domain.order_input import NewCustomer, NewItem
from domain.orders import LinkVisit
from domain.payments import inquire
from domain.refusals import Fault, Refusal
from domain.tokens import Tokens
from gateways.capabilities import Capabilities
from gateways.registry import Gateways
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from models import SINGLE_VISIT, CaptureMethod, LinkStatus, OrderStatus

_SLUG = re.compile(r"[0-9a-z]{1,40}")


_CLOSED = {
    LinkStatus.INACTIVE: "LINK_INACTIVE",
    LinkStatus.EXPIRED: "LINK_EXPIRED",
    LinkStatus.USED_UP: "LINK_USED_UP",
}


class LinkClosed(Refusal):
    """Nothing is sold there any more."""

    def __init__(self, status: LinkStatus) -> None:
        super().__init__(Fault(_CLOSED[status], "The link is closed.", ("paymentLinkId",)))
        self.status = status


class BadAmount(Refusal):
    def __init__(self, least_minor: int, most_minor: int, step_minor: int) -> None:
        message = f"The amount must be from {least_minor} to {most_minor} minor units, in steps of {step_minor}."
        super().__init__(Fault("INVALID_AMOUNT", message, ("amount",)))
        self.least_minor, self.most_minor, self.step_minor = least_minor, most_minor, step_minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as its visitors meet it; amounts in minor units of `currency`."""

    link_id: str
    merchant_id: str
    merchant_name: str
    livemode: bool
    slug: str
    active: bool
    purpose: str
    currency: str
    items: Sequence[Mapping[str, Any]]
    total_minor: int | None
    choice: Choice | None
    reusable: bool
    in_parts: bool
    email: str | None
    name: str | None
    reference: str | None
    metadata: Mapping[str, str]
    due_at: datetime | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a visit stands. `order_id` None: nothing was begun. `payment_id` is its newest payment; `outstanding_minor`
    what the order still wants, None where the payer has yet to name the amount. `underway`: a payment has begun that
    takes its time."""

    status: LinkStatus
    order_id: str | None
    order_status: OrderStatus | None
    payment_id: str | None
    collected_minor: int
    outstanding_minor: int | None
    underway: bool


_LINK = """
SELECT l.id, l.merchant_id, l.slug, l.active, l.purpose, l.currency, l.items, l.total_minor, l.least_minor,
       l.most_minor, l.presets, l.reusable, l.in_parts, l.email, l.name, l.reference, l.metadata, l.due_at,
       l.expires_at, m.name AS merchant_name, m.livemode
  FROM payment_links l JOIN merchants m ON m.id = l.merchant_id WHERE l.slug = $1
"""


async def find(slug: str) -> Link | None:
    """The link at an address, whatever the address is; None for none."""
    row = await reading.fetch_one(_LINK, slug) if _SLUG.fullmatch(slug) else None
    if row is None:
        return None
    least, most = row["least_minor"], row["most_minor"]
    return Link(
        link_id=row["id"],
        merchant_id=row["merchant_id"],
        merchant_name=row["merchant_name"],
        livemode=bool(row["livemode"]),
        slug=row["slug"],
        active=bool(row["active"]),
        purpose=row["purpose"],
        currency=row["currency"],
        items=decode_json(row["items"]),
        total_minor=row["total_minor"],
        choice=Choice(least, most, tuple(decode_json(row["presets"]))) if least is not None else None,
        reusable=bool(row["reusable"]),
        in_parts=bool(row["in_parts"]),
        email=row["email"],
        name=row["name"],
        reference=row["reference"],
        metadata=decode_json(row["metadata"]),
        due_at=decode_time(row["due_at"]) if row["due_at"] else None,
        expires_at=decode_time(row["expires_at"]) if row["expires_at"] else None,
    )


async def standing(link: Link, visit: str, now: datetime) -> Standing:
    """Where the visit stands now; `visit` is what the browser remembers, and counts for nothing at a link with one
    order."""
    row = await reading.fetch_one(
        """SELECT o.id, o.status, o.total_minor,
                  (SELECT p.id FROM payments p WHERE p.order_id = o.id ORDER BY p.id DESC LIMIT 1) AS payment_id,
                  (SELECT CAST(COALESCE(SUM(p.captured_minor), 0) AS BIGINT) FROM payments p
                    WHERE p.order_id = o.id AND p.superseded_at IS NULL) AS collected,
                  EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id
                             AND p.status IN ('requires_action', 'processing', 'authorized')) AS underway
             FROM orders o WHERE o.payment_link_id = $1 AND o.visit = $2""",
        link.link_id,
        _visit(link, visit),
    )
    order_status = OrderStatus(row["status"]) if row else None
    collected = int(row["collected"]) if row else 0
    total = row["total_minor"] if row else link.total_minor
    return Standing(
        status=status_of(link.active, link.expires_at, link.reusable, order_status, now),
        order_id=row["id"] if row else None,
        order_status=order_status,
        payment_id=row["payment_id"] if row else None,
        collected_minor=collected,
        outstanding_minor=None if total is None else total - collected,
        underway=bool(row and row["underway"]),
    )


async def to_go_on_with(link: Link, remembered: Sequence[str]) -> str:
    """The visit that a browser goes on with, of several that it remembers: one that has an order, else the first."""
    row = await reading.fetch_one(
        "SELECT visit FROM orders WHERE payment_link_id = $1 AND visit = ANY($2) ORDER BY id LIMIT 1",
        link.link_id,
        list(remembered),
    )
    return str(row["visit"]) if row else remembered[0]


def status_of(
    active: bool, expires_at: datetime | None, reusable: bool, order_status: OrderStatus | None, now: datetime
) -> LinkStatus:
    """`order_status` is that of the one order of a link that is not reusable."""
    if not reusable and order_status not in (None, OrderStatus.OPEN):
        return LinkStatus.USED_UP
    if not active:
        return LinkStatus.INACTIVE
    if expires_at is not None and expires_at <= now:
        return LinkStatus.EXPIRED
    return LinkStatus.ACTIVE


async def pay(
    gateways: Gateways,
    tokens: Tokens,
    link: Link,
    visit: str,
    *,
    amount_minor: int | None,
    base_url: str,
    cause: Cause,
    now: datetime,
) -> str:
    """The visit's one open payment, with its hosted page; returns its id. However often and from however many tabs it
    is called, the visit has one order, and its order one open page.

    `amount_minor` is what the payer names, where there is something to name. Raises LinkClosed, BadAmount, or why the
    order takes no payment now.
    """
    found = await standing(link, visit, now)
    if found.status is not LinkStatus.ACTIVE:
        raise LinkClosed(found.status)
    amount = _named(link, found, amount_minor, gateways.default.capabilities)
    if found.order_id is None:
        await _make_order(gateways, link, _visit(link, visit), amount, cause, now)
        found = await standing(link, visit, now)
    order_id = found.order_id
    assert order_id is not None
    if link.choice is not None and found.outstanding_minor != amount:
        items = [_chosen(link, amount)]
        await orders.edit_order(
            gateways,
            merchant_id=link.merchant_id,
            order_id=order_id,
            items=items,
            split_rule=None,
            cause=cause,
            now=now,
            by_payer=True,
        )
    payment_id = await start_checkout(
        gateways,
        tokens,
        merchant_id=link.merchant_id,
        order_id=order_id,
        places=Places(base_url),
        capture_method=CaptureMethod.AUTOMATIC,
        idempotency_key=secrets.token_hex(16),
        body_digest=order_id,
        cause=cause,
        now=now,
        part_minor=amount if link.in_parts else None,
    )
    await _close_if_ended(gateways, link, payment_id, cause, now)
    return payment_id


async def _close_if_ended(gateways: Gateways, link: Link, payment_id: str, cause: Cause, now: datetime) -> None:
    """A link that ended while its page was being opened: whoever comes second here sees the other's work."""
    row = await reading.fetch_one("SELECT active, expires_at, closes_at FROM payment_links WHERE id = $1", link.link_id)
    assert row is not None
    if not row["active"] or row["closes_at"] != row["expires_at"]:  # its pages have been closed, or are just now
        await inquire.close(gateways, payment_id, cause=cause, now=now)
        raise LinkClosed(LinkStatus.EXPIRED if row["active"] else LinkStatus.INACTIVE)


def _named(link: Link, found: Standing, amount_minor: int | None, capabilities: Capabilities) -> int:
    """What is to be paid now: what the payer names, within the bounds, or all that is outstanding."""
    outstanding = found.outstanding_minor or 0
    if link.choice is None and (not link.in_parts or amount_minor in (None, outstanding)):
        return outstanding
    step = capabilities.steps.get(link.currency, 1)
    least, most = _bounds(link, outstanding, max(step, capabilities.minimums.get(link.currency, 1)))
    if amount_minor is None or not least <= amount_minor <= most or amount_minor % step:
        raise BadAmount(least, most, step)
    return amount_minor


def _bounds(link: Link, outstanding_minor: int, smallest: int) -> tuple[int, int]:
    """The least and the most that may be named. A part leaves enough to be charged another time, or is all there is."""
    if link.choice is not None:
        return link.choice.least_minor, link.choice.most_minor
    if outstanding_minor < 2 * smallest:
        return outstanding_minor, outstanding_minor
    return smallest, outstanding_minor - smallest


async def _make_order(
    gateways: Gateways, link: Link, visit: str, amount_minor: int, cause: Cause, now: datetime
) -> None:
    """The visit's order. Two calls at once make one, for they have the same key."""
    await orders.create_order(
        gateways,
        merchant_id=link.merchant_id,
        currency=link.currency,
        items=_items(link, amount_minor),
        customer=NewCustomer(link.email, link.name) if link.email else None,
        reference=link.reference,
        metadata=list(link.metadata.items()),
        idempotency_key=f"{link.link_id}:{visit}",
        body_digest=idempotency.digest({"link": link.link_id}),
        cause=cause,
        now=now,
        visit=LinkVisit(link.link_id, visit),
    )


def _items(link: Link, amount_minor: int) -> list[NewItem]:
    if link.choice is not None:
        return [_chosen(link, amount_minor)]
    return [
        NewItem(
            quantity=item["quantity"],
            name=item["name"],
            unit_amount=Amount(item["unit_amount_minor"], link.currency),
            split_rule=item.get("split_rule"),
        )
        for item in link.items
    ]


def _chosen(link: Link, amount_minor: int) -> NewItem:
    return NewItem(quantity=1, name=link.purpose, unit_amount=Amount(amount_minor, link.currency))


def _visit(link: Link, visit: str) -> str:
    return visit if link.reusable else SINGLE_VISIT
