"""What the pages of a subscription and of an invoice show; whoever has their address may see them."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain import following
from domain.invoices.rows import is_payable
from gateways.billing import InvoiceLine
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.hub import Hub
from models import SUBSCRIPTION_ENDED, Interval, InvoiceStatus, SubscriptionStatus


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription for its customer, as of its `version`. `payment_url` is where what is owed is paid, None for
    nothing owed, or no longer; `next_attempt_at` is when the PSP tries to collect it, None when it does not."""

    subscription_id: str
    merchant_id: str
    merchant_name: str
    livemode: bool
    plan_name: str
    status: SubscriptionStatus
    quantity: int
    amount_minor: int
    currency: str
    interval: Interval
    interval_count: int
    period_end: datetime | None
    paused_until: datetime | None
    trial_end: datetime | None
    ends_at: datetime | None
    checkout_url: str | None
    payment_url: str | None
    owed_minor: int
    next_attempt_at: datetime | None
    version: int

    @property
    def settled(self) -> bool:
        """Nothing that the customer is about to do would change the page."""
        awaited = self.status in (SubscriptionStatus.INCOMPLETE, SubscriptionStatus.PAST_DUE)
        return not awaited and self.payment_url is None


@dataclass(frozen=True, slots=True)
class Billed:
    """An invoice to print; amounts in minor units of `currency`."""

    merchant_name: str
    livemode: bool
    number: str | None
    status: InvoiceStatus
    name: str | None
    email: str
    plan_name: str
    currency: str
    lines: Sequence[InvoiceLine]
    subtotal_minor: int
    tax_minor: int
    total_minor: int
    due_minor: int
    paid_minor: int
    refunded_minor: int
    balance_before_minor: int
    balance_after_minor: int
    issued_at: datetime
    paid_at: datetime | None
    payment_url: str | None


async def subscription(subscription_id: str, now: datetime) -> Subscribed | None:
    row = await reading.fetch_one(
        """SELECT s.id, s.merchant_id, m.name AS merchant_name, s.livemode, p.name AS plan_name, s.status, s.quantity,
                  v.amount_minor * s.quantity AS amount_minor, v.currency, v.interval, v.interval_count,
                  s.period_end, s.trial_end, s.paused_until, s.cancel_at,
                  s.cancel_at_period_end, s.checkout_url, s.expires_at, s.token, s.version, i.payment_url,
                  i.next_attempt_at,
                  COALESCE(i.due_minor - i.paid_minor, 0) AS owed_minor
             FROM subscriptions s JOIN merchants m ON m.id = s.merchant_id JOIN plans p ON p.id = s.plan_id
             JOIN plan_prices v ON v.id = s.price_id
             LEFT JOIN invoices i ON i.subscription_id = s.id
                  AND (i.status = 'open' OR i.status = 'uncollectible' AND i.period_end > s.period_start)
            WHERE s.id = $1 ORDER BY i.id DESC LIMIT 1""",
        subscription_id,
    )
    if row is None:
        return None
    names = ("period_end", "trial_end", "paused_until", "cancel_at", "expires_at", "next_attempt_at")
    times = {name: _time(row, name) for name in names}
    status = SubscriptionStatus(row["status"])
    open_page = status is SubscriptionStatus.INCOMPLETE and row["token"] is None
    return Subscribed(
        subscription_id=row["id"],
        merchant_id=row["merchant_id"],
        merchant_name=row["merchant_name"],
        livemode=bool(row["livemode"]),
        plan_name=row["plan_name"],
        status=status,
        quantity=row["quantity"],
        amount_minor=row["amount_minor"],
        currency=row["currency"],
        interval=Interval(row["interval"]),
        interval_count=row["interval_count"],
        period_end=times["period_end"],
        paused_until=times["paused_until"],
        trial_end=times["trial_end"],
        ends_at=times["cancel_at"] or (times["period_end"] if row["cancel_at_period_end"] else None),
        checkout_url=row["checkout_url"] if open_page and times["expires_at"] and times["expires_at"] > now else None,
        payment_url=None if status in SUBSCRIPTION_ENDED else row["payment_url"],
        owed_minor=row["owed_minor"],
        next_attempt_at=times["next_attempt_at"],
        version=row["version"],
    )


def follow(hub: Hub, subscription_id: str, after: int, now: datetime) -> AsyncGenerator[Subscribed, None]:
    """The subscription, as soon as it is newer than the version `after`; ends with what is settled."""

    async def look() -> Subscribed:
        found = await subscription(subscription_id, now)
        assert found is not None, "subscriptions are never deleted"
        return found

    return following.follow(hub, subscription_id, after, look)


async def invoice(invoice_id: str) -> Billed | None:
    row = await reading.fetch_one(
        """SELECT m.name AS merchant_name, s.livemode, i.number, i.status, c.name, c.email, p.name AS plan_name,
                  i.currency, i.lines, i.subtotal_minor, i.tax_minor, i.total_minor, i.due_minor, i.paid_minor,
                  i.balance_before_minor, i.balance_after_minor, i.issued_at, i.paid_at, i.payment_url,
                  s.status AS subscription_status,
                  (SELECT CAST(COALESCE(SUM(refunded_minor), 0) AS BIGINT) FROM payments p
                    WHERE p.order_id = i.order_id) AS refunded_minor
             FROM invoices i JOIN subscriptions s ON s.id = i.subscription_id JOIN merchants m ON m.id = i.merchant_id
             JOIN customers c ON c.id = i.customer_id JOIN plans p ON p.id = s.plan_id
            WHERE i.id = $1""",
        invoice_id,
    )
    if row is None:
        return None
    status = InvoiceStatus(row["status"])
    return Billed(
        **{name: row[name] for name in Billed.__slots__}
        | {
            "livemode": bool(row["livemode"]),
            "status": status,
            "lines": [InvoiceLine.from_json(line) for line in decode_json(row["lines"])],
            "issued_at": decode_time(row["issued_at"]),
            "paid_at": _time(row, "paid_at"),
            "payment_url": row["payment_url"] if is_payable(status, row["subscription_status"]) else None,
        }
    )


def _time(row: Mapping[str, object], name: str) -> datetime | None:
    value = row[name]
    return decode_time(value) if isinstance(value, str | datetime) else None
