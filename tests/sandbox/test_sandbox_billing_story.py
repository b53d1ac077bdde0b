"""Any story of a subscription, with time between its steps: the amounts add up, and no period is asked for twice."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.store import Store
from sandbox.stripe import api, endpoints, params
from sandbox.stripe.errors import StripeError
from sandbox.world import World

DAY = 86400
STEPS = st.one_of(
    st.tuples(st.just("advance"), st.sampled_from([1, 3600, DAY, 5 * DAY, 17 * DAY, 31 * DAY, 70 * DAY])),
    st.tuples(st.just("price"), st.sampled_from(["gold", "silver", "year", "free"])),
    st.tuples(st.just("quantity"), st.integers(1, 4)),
    st.tuples(
        st.just("decline"), st.sampled_from([None, "insufficient_funds", "stolen_card", "authentication_required"])
    ),
    st.tuples(st.just("cancel_at_period_end"), st.booleans()),
    st.tuples(st.just("pause"), st.sampled_from(["void", "keep_as_draft", "mark_uncollectible", ""])),
    st.tuples(st.just("trial"), st.sampled_from(["now", 10])),
    st.tuples(st.just("pay"), st.none()),
    st.tuples(st.just("void"), st.none()),
    st.tuples(st.just("cancel"), st.booleans()),
)
BEHAVIORS = st.sampled_from(["always_invoice", "create_prorations", "none"])
PAYMENTS = st.sampled_from(["allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete"])


class Stage:
    """One subscriber in a world of their own, spoken to as /v1 is, without the wire."""

    def __init__(self) -> None:
        self.world = World(Store(None))
        self.refusals = 0
        self.prices = {
            name: self.post(
                "prices",
                {
                    "currency": "eur",
                    "unit_amount": amount,
                    "product_data[name]": name,
                    "recurring[interval]": interval,
                },
            )["id"]
            for name, amount, interval in (
                ("gold", 1999, "month"),
                ("silver", 733, "month"),
                ("year", 15000, "year"),
                ("free", 0, "month"),
            )
        }
        self.clock = self.post("test_helpers/test_clocks", {"frozen_time": 1_769_817_600})["id"]
        self.customer = self.post(
            "customers",
            {
                "test_clock": self.clock,
                "payment_method": "pm_card_visa",
                "invoice_settings[default_payment_method]": "pm_card_visa",
            },
        )["id"]
        item = {"customer": self.customer, "items[0][price]": self.prices["gold"]}
        self.subscription = self.post("subscriptions", item)["id"]

    def call(self, method: str, path: str, form: dict[str, Any] | None = None) -> Any:
        raw = params.decode("&".join(f"{key}={value}" for key, value in (form or {}).items()))
        call = self.world.call(False, base_url="http://sandbox.example")
        exchange = api.Exchange(method, f"/v1/{path}", {})
        found = endpoints.match(method, f"/v1/{path}")
        with call.store.transaction(), call.store.savepoint() as work:
            try:
                return api.run(call, exchange, found, raw)
            except StripeError as error:
                work.keep = error.keeps
                raise

    def post(self, path: str, form: dict[str, Any] | None = None) -> Any:
        return self.call("POST", path, form)

    def all(self, kind: str) -> list[Any]:
        return self.world.store.select(False, kind, [], order="ASC")

    def now(self) -> int:
        return int(self.call("GET", f"test_helpers/test_clocks/{self.clock}")["frozen_time"])

    def try_to(self, step: str, value: Any, behavior: str, payment: str) -> None:
        try:
            self._do(step, value, behavior, payment)
        except StripeError:
            self.refusals += 1

    def _do(self, step: str, value: Any, behavior: str, payment: str) -> None:
        path = f"subscriptions/{self.subscription}"
        subscription = self.call("GET", path)
        change = {"proration_behavior": behavior, "payment_behavior": payment}
        named = {"items[0][id]": subscription["items"]["data"][0]["id"], **change}
        if step == "advance":
            self.post(f"test_helpers/test_clocks/{self.clock}/advance", {"frozen_time": self.now() + value})
        elif step == "price":
            self.preview_and_post(path, {**named, "items[0][price]": self.prices[value]})
        elif step == "quantity":
            self.preview_and_post(path, {**named, "items[0][quantity]": value})
        elif step == "decline":
            for method in self.all("payment_method"):
                method["_"]["bank_says"] = value
                self.world.store.save(False, method)
        elif step == "cancel_at_period_end":
            self.post(path, {"cancel_at_period_end": str(value).lower()})
        elif step == "pause":
            self.post(path, {"pause_collection[behavior]": value} if value else {"pause_collection": ""})
        elif step == "trial":
            self.post(path, {"trial_end": "now" if value == "now" else self.now() + value * DAY, **change})
        elif step in ("pay", "void"):
            self.post(f"invoices/{subscription['latest_invoice']}/{step}")
        elif step == "cancel":
            self.call("DELETE", path, {"prorate": "true", "invoice_now": str(value).lower()})

    def preview_and_post(self, path: str, form: dict[str, Any]) -> None:
        """What is asked for at once is what the preview told."""
        told = {name: value for name, value in form.items() if name != "payment_behavior"}
        details = {_within("subscription_details", name): value for name, value in told.items()}
        preview = self.post("invoices/create_preview", {"subscription": self.subscription, **details})
        before = len(self.all("invoice"))
        self.post(path, form)
        made = self.all("invoice")[before:]
        if made:
            assert [(line["amount"], line["description"]) for line in made[0]["lines"]["data"]] == [
                (line["amount"], line["description"]) for line in preview["lines"]["data"]
            ]
            assert made[0]["total"] == preview["total"]

    def check(self) -> None:
        subscription = self.call("GET", f"subscriptions/{self.subscription}")
        invoices = [each for each in self.all("invoice") if not each.get("deleted")]
        for each in invoices:
            assert each["total"] == sum(line["amount"] for line in each["lines"]["data"])
            assert each["amount_due"] >= 0
            assert (each["status"] == "paid") == (each["status_transitions"]["paid_at"] is not None)
            if each["status"] == "paid":
                assert each["amount_paid"] == each["amount_due"]
        asked: Counter[Any] = Counter()
        for each in invoices:
            for line in each["lines"]["data"] if each["billing_reason"] == "subscription_cycle" else []:
                details = line["parent"]["subscription_item_details"]
                if details and not details["proration"]:
                    asked[details["subscription_item"], line["period"]["start"]] += 1
        assert not asked or max(asked.values()) == 1, asked
        intents = self.all("payment_intent")
        received = sum(each["amount_received"] for each in intents)
        assert received == sum(each["amount_paid"] for each in invoices)
        succeeded = Counter(each["payment_intent"] for each in self.all("charge") if each["status"] == "succeeded")
        assert not succeeded or max(succeeded.values()) == 1
        balance = self.all("customer")[0]["balance"]
        assert balance == sum(each["amount"] for each in self.all("customer_balance_transaction"))
        now = self.now()
        if subscription["status"] in ("active", "trialing", "past_due", "unpaid"):
            assert subscription["items"]["data"][0]["current_period_end"] > now
        if subscription["status"] in ("canceled", "incomplete_expired"):
            due = self.world.store.one("SELECT count(*) AS n FROM due WHERE subject = ?", self.subscription)
            assert due is not None
            assert due["n"] == 0


def _within(outer: str, name: str) -> str:
    head, bracket, tail = name.partition("[")
    return f"{outer}[{head}]{bracket}{tail}"


class Complaints(logging.Handler):
    """What the sandbox's clock could not do."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(f"{record.getMessage()}: {record.exc_info}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(STEPS, BEHAVIORS, PAYMENTS), min_size=1, max_size=14))
def test_any_story_adds_up(story: list[Any]) -> None:
    stage, complaints = Stage(), Complaints()
    logging.getLogger("sandbox").addHandler(complaints)
    try:
        for (step, value), behavior, payment in story:
            stage.try_to(step, value, behavior, payment)
            stage.check()
    finally:
        logging.getLogger("sandbox").removeHandler(complaints)
        stage.world.store.close()
    assert not complaints.heard
