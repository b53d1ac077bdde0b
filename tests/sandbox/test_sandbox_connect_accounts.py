"""Connected accounts: what is asked of them, how they are onboarded, restricted, rejected, and leave."""

from __future__ import annotations

import re
from typing import Any

import pytest
import stripe

from tests.sandbox.connect import EXPRESS, connected, inside, told, vendor

__all__ = ["connected"]
pytestmark = pytest.mark.anyio

RETURN, REFRESH = "https://shop.example/back", "https://shop.example/again"


async def link_of(play: Any, account: Any, **more: Any) -> Any:
    wanted = {"account": account.id, "type": "account_onboarding", "return_url": RETURN, "refresh_url": REFRESH}
    return await play.v1.account_links.create_async({**wanted, **more})


async def visited(play: Any, account: Any) -> str:
    """The address of the page behind an account link."""
    link = await link_of(play, account)
    answer = await play.browser.get(link.url)
    assert answer.status_code == 303
    return str(answer.headers["location"])


async def test_a_new_account_may_nothing_until_it_is_onboarded(connected: Any) -> None:
    account = await connected.v1.accounts.create_async(EXPRESS)
    assert (account.charges_enabled, account.payouts_enabled, account.details_submitted) == (False, False, False)
    assert account.capabilities.to_dict() == {"transfers": "inactive"}
    assert account.requirements.disabled_reason == "requirements.past_due"
    assert "external_account" in account.requirements.currently_due
    assert account.requirements.past_due == account.requirements.currently_due
    assert (account.type, account.country, account.default_currency) == ("express", "US", "usd")
    assert account.controller.stripe_dashboard.type == "express"
    assert account.settings.payouts.schedule.interval == "daily"
    assert await connected.settle() == []


@pytest.mark.parametrize(
    ("given", "type", "fees", "dashboard"),
    [
        ({}, "standard", "account", "full"),
        ({"type": "custom"}, "custom", "application_custom", "none"),
        (
            {"controller": {"losses": {"payments": "application"}, "fees": {"payer": "application"}}},
            "none",
            "application",
            "full",
        ),
    ],
)
async def test_who_controls_an_account(play: Any, given: Any, type: str, fees: str, dashboard: str) -> None:
    account = await play.v1.accounts.create_async({**given, "country": "DE"})
    assert (account.type, account.controller.fees.payer) == (type, fees)
    assert (account.controller.stripe_dashboard.type, account.default_currency) == (dashboard, "eur")


async def test_what_makes_no_account(play: Any) -> None:
    for wanted in (
        {"country": "XX"},
        {"type": "express", "controller": {"fees": {"payer": "account"}}},
        {"controller": {"losses": {"payments": "application"}}},
        {"email": "nobody"},
        {"capabilities": {"card_issuing": {"requested": True}}},
        {"settings": {"payouts": {"schedule": {"interval": "weekly"}}}},
    ):
        with pytest.raises(stripe.InvalidRequestError):
            await play.v1.accounts.create_async(wanted)
    assert (await play.v1.accounts.list_async()).data == []


async def test_the_page_of_a_link_completes_everything(connected: Any) -> None:
    account = await connected.v1.accounts.create_async(EXPRESS)
    page = await visited(connected, account)
    shown = await connected.browser.get(page)
    assert shown.status_code == 200
    assert "Set up your account" in shown.text
    assert "external_account" in shown.text
    assert not re.search(r"<script|<style| style=| on\w+=", shown.text)
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    done = await connected.browser.post(page, data={"outcome": "complete", "number": "000123456789"})
    assert (done.status_code, done.headers["location"]) == (303, RETURN)
    account = await connected.v1.accounts.retrieve_async(account.id)
    assert (account.charges_enabled, account.payouts_enabled, account.details_submitted) == (False, True, True)
    assert (account.capabilities.transfers, account.requirements.currently_due) == ("active", [])
    assert account.requirements.disabled_reason is None
    assert [bank.last4 for bank in account.external_accounts.data] == ["6789"]
    await connected.settle()
    assert sorted(told(connected, account)) == [
        "account.external_account.created",
        "account.updated",
        "capability.updated",
    ]
    before = connected.inbox.last("account.updated")["previous_attributes"]
    assert (before["details_submitted"], before["payouts_enabled"]) == (False, False)
    assert connected.inbox.last("capability.updated")["object"]["status"] == "active"
    assert "000123456789" not in "\n".join(connected.world.store.db.iterdump())


@pytest.mark.parametrize(
    ("outcome", "submitted", "reason", "due", "transfers"),
    [
        ("partial", False, "requirements.past_due", True, "inactive"),
        ("document", True, "requirements.past_due", True, "inactive"),
        ("review", True, None, False, "pending"),
        ("rejected", True, "rejected.other", False, "inactive"),
        ("leave", False, "requirements.past_due", True, "inactive"),
    ],
)
async def test_other_ends_of_the_page(
    connected: Any, outcome: str, submitted: bool, reason: str | None, due: bool, transfers: str
) -> None:
    account = await connected.v1.accounts.create_async(EXPRESS)
    await connected.v1.accounts.external_accounts.create_async(account.id, {"external_account": BANK})
    fields = (await connected.v1.accounts.retrieve_async(account.id)).requirements.currently_due
    page = await visited(connected, account)
    answer = await connected.browser.post(page, data={"outcome": outcome})
    assert answer.headers["location"] == RETURN
    account = await connected.v1.accounts.retrieve_async(account.id)
    assert (account.details_submitted, account.capabilities.transfers) == (submitted, transfers)
    assert bool(account.requirements.currently_due) == due
    assert account.requirements.disabled_reason == reason or outcome == "review"
    assert account.payouts_enabled is False
    if outcome == "partial":
        assert 0 < len(account.requirements.currently_due) < len(fields)
    if outcome == "leave":
        assert account.requirements.currently_due == fields
    if outcome == "review":
        assert account.requirements.disabled_reason == "requirements.pending_verification"
        assert account.requirements.pending_verification == ["individual.verification.document"]
    await connected.control(f"accounts/{account.id}/onboard")
    assert (await connected.v1.accounts.retrieve_async(account.id)).payouts_enabled is (outcome != "rejected")


BANK = {"object": "bank_account", "country": "US", "account_number": "000123456789", "routing_number": "110000000"}


async def test_a_link_is_good_for_one_visit_and_five_minutes(play: Any) -> None:
    account = await play.v1.accounts.create_async(EXPRESS)
    link = await link_of(play, account)
    assert link.expires_at == link.created + 300
    page = (await play.browser.get(link.url)).headers["location"]
    assert (await play.browser.get(link.url)).headers["location"] == REFRESH
    assert (await play.browser.get(page)).status_code == 200
    assert (await play.browser.post(page, data={"outcome": "refresh"})).headers["location"] == REFRESH
    late = await link_of(play, account)
    await play.control("clock/advance", seconds=300)
    assert (await play.browser.get(late.url)).headers["location"] == REFRESH
    for wrong in (f"{page}x", page.rsplit("/", 1)[0] + "/é", "/c/setup/nope", "/c/setup/nope/nope"):
        assert (await play.browser.get(wrong)).status_code in (303, 404)
        assert (await play.browser.post(wrong, data={"outcome": "complete"})).status_code in (404, 405)
    assert (await play.v1.accounts.retrieve_async(account.id)).details_submitted is False


@pytest.mark.parametrize("form", [{}, {"outcome": "fly"}, {"outcome[a]": "complete"}])
async def test_an_odd_form_is_only_shown_again(play: Any, form: dict[str, str]) -> None:
    account = await play.v1.accounts.create_async(EXPRESS)
    page = await visited(play, account)
    assert (await play.browser.post(page, data=form)).status_code == 200
    assert (await play.v1.accounts.retrieve_async(account.id)).details_submitted is False


async def test_a_bank_account_that_is_no_test_account_is_told_at_its_field(play: Any) -> None:
    account = await play.v1.accounts.create_async({**EXPRESS, "country": "DE"})
    page = await visited(play, account)
    assert "DE89370400440532013000" in (await play.browser.get(page)).text
    answer = await play.browser.post(page, data={"outcome": "complete", "number": "<b>1"})
    assert answer.status_code == 422
    assert "Enter one of the test account numbers." in answer.text
    assert "<b>1" not in answer.text
    assert (await play.v1.accounts.retrieve_async(account.id)).details_submitted is False


async def test_links_that_are_not_made(play: Any) -> None:
    account = await play.v1.accounts.create_async(EXPRESS)
    for more in ({"type": "account_update"}, {"return_url": "shop"}, {"type": "other"}):
        with pytest.raises(stripe.InvalidRequestError):
            await link_of(play, account, **more)
    with pytest.raises(stripe.InvalidRequestError, match="refresh_url"):
        await play.v1.account_links.create_async(
            {"account": account.id, "type": "account_onboarding", "return_url": RETURN}
        )
    custom = await play.v1.accounts.create_async({"type": "custom"})
    assert (await link_of(play, custom, type="account_update")).object == "account_link"


async def test_accounts_are_changed_listed_and_deleted(connected: Any) -> None:
    v1 = connected.v1
    first, second = [await v1.accounts.create_async({**EXPRESS, "metadata": {"n": str(n)}}) for n in (1, 2)]
    changed = await v1.accounts.update_async(
        first.id,
        {
            "email": "new@example.com",
            "metadata": {"n": "", "vendor": "ven_1"},
            "business_profile": {"name": "Anna's Cups"},
            "settings": {"payouts": {"schedule": {"interval": "manual"}}},
            "capabilities": {"card_payments": {"requested": True}},
        },
    )
    assert (changed.email, changed.metadata.to_dict()) == ("new@example.com", {"vendor": "ven_1"})
    assert changed.settings.payouts.schedule.to_dict() == {"delay_days": 2, "interval": "manual"}
    assert changed.capabilities.to_dict() == {"card_payments": "inactive", "transfers": "inactive"}
    assert [each.id for each in (await v1.accounts.list_async()).data] == [second.id, first.id]
    await connected.settle()
    assert sorted(told(connected, first)) == ["account.updated", "capability.updated"]
    assert (await v1.accounts.delete_async(second.id)).deleted is True
    assert [each.id for each in (await v1.accounts.list_async()).data] == [first.id]
    with pytest.raises(stripe.PermissionError) as refused:
        await v1.accounts.retrieve_async(second.id)
    assert refused.value.error.code == "account_invalid"
    with pytest.raises(stripe.PermissionError):
        await v1.balance.retrieve_async({}, inside(second))


async def test_capabilities_are_objects_too(play: Any) -> None:
    account = await vendor(play)
    v1 = play.v1.accounts.capabilities
    assert [each.id for each in (await v1.list_async(account.id)).data] == ["transfers"]
    asked = await v1.update_async(account.id, "card_payments", {"requested": True})
    assert (asked.status, asked.requested) == ("active", True)
    assert (await play.v1.accounts.retrieve_async(account.id)).charges_enabled is True
    withdrawn = await v1.update_async(account.id, "transfers", {"requested": False})
    assert (withdrawn.status, withdrawn.requested_at) == ("unrequested", None)
    with pytest.raises(stripe.InvalidRequestError, match="No such capability"):
        await v1.retrieve_async(account.id, "flying")


async def test_a_rejected_account_may_nothing(connected: Any) -> None:
    account = await vendor(connected)
    rejected = await connected.v1.accounts.reject_async(account.id, {"reason": "fraud_other"})
    assert rejected.requirements.disabled_reason == "rejected.platform_fraud"
    assert (rejected.payouts_enabled, rejected.capabilities.transfers) == (False, "inactive")
    await connected.settle()
    assert told(connected, account)[-2:] == ["account.updated", "capability.updated"]
    await connected.control(f"accounts/{account.id}/onboard")
    assert (await connected.v1.accounts.retrieve_async(account.id)).payouts_enabled is False
    assert (await connected.v1.accounts.unreject_async(account.id)).payouts_enabled is True
    with pytest.raises(stripe.InvalidRequestError, match="not rejected by you"):
        await connected.v1.accounts.unreject_async(account.id)


@pytest.mark.parametrize(
    ("only", "payouts", "transfers"),
    [(None, False, "inactive"), ("payouts", False, "active"), ("transfers", True, "inactive")],
)
async def test_an_account_is_restricted_and_restored(
    connected: Any, only: str | None, payouts: bool, transfers: str
) -> None:
    account = await vendor(connected)
    fields = ["individual.verification.document"]
    more = {"only": only} if only else {}
    await connected.control(f"accounts/{account.id}/restrict", fields=fields, **more)
    stopped = await connected.v1.accounts.retrieve_async(account.id)
    assert (stopped.payouts_enabled, stopped.capabilities.transfers) == (payouts, transfers)
    assert (stopped.requirements.disabled_reason, stopped.requirements.past_due) == ("requirements.past_due", fields)
    await connected.control(f"accounts/{account.id}/onboard")
    restored = await connected.v1.accounts.retrieve_async(account.id)
    assert (restored.payouts_enabled, restored.capabilities.transfers) == (True, "active")
    await connected.settle()
    assert told(connected, account).count("account.updated") == 3


async def test_a_restriction_does_not_make_up_for_what_is_missing(play: Any) -> None:
    account = await play.v1.accounts.create_async(EXPRESS)
    await play.control(f"accounts/{account.id}/restrict", reason="under_review", only="payouts")
    found = await play.v1.accounts.retrieve_async(account.id)
    assert (found.capabilities.transfers, found.requirements.disabled_reason) == ("inactive", "under_review")
    assert found.requirements.currently_due == account.requirements.currently_due


async def test_an_account_that_leaves_is_out_of_reach(connected: Any) -> None:
    account = await vendor(connected)
    await connected.control(f"accounts/{account.id}/deauthorize")
    await connected.settle()
    assert told(connected, account)[-1] == "account.application.deauthorized"
    assert connected.inbox.last("account.application.deauthorized")["object"]["object"] == "application"
    with pytest.raises(stripe.PermissionError):
        await connected.v1.accounts.retrieve_async(account.id)
    with pytest.raises(stripe.InvalidRequestError, match="No such destination"):
        await connected.v1.transfers.create_async({"amount": 1, "currency": "usd", "destination": account.id})
    for control in ("onboard", "restrict", "deauthorize"):
        assert (await connected.browser.post(f"/sandbox/accounts/{account.id}/{control}", json={})).status_code == 404


async def test_bank_accounts_are_added_preferred_and_removed(connected: Any) -> None:
    account = await vendor(connected)
    banks = connected.v1.accounts.external_accounts
    first = account.external_accounts.data[0]
    second = await banks.create_async(account.id, {"external_account": BANK | {"account_number": "000111111116"}})
    assert (first.default_for_currency, second.default_for_currency, second.last4) == (True, False, "1116")
    with pytest.raises(stripe.InvalidRequestError, match="default external account"):
        await banks.delete_async(account.id, first.id)
    preferred = await banks.update_async(account.id, second.id, {"default_for_currency": True, "metadata": {"a": "b"}})
    assert (preferred.default_for_currency, preferred.metadata.to_dict()) == (True, {"a": "b"})
    assert (await banks.retrieve_async(account.id, first.id)).default_for_currency is False
    assert (await banks.delete_async(account.id, first.id)).deleted is True
    assert [each.id for each in (await banks.list_async(account.id)).data] == [second.id]
    assert [each.id for each in (await connected.v1.accounts.retrieve_async(account.id)).external_accounts.data] == [
        second.id
    ]
    with pytest.raises(stripe.InvalidRequestError, match="No such external account"):
        await banks.retrieve_async(account.id, first.id)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        await banks.create_async(account.id, {"external_account": BANK | {"account_number": "123"}})
    assert refused.value.code == "account_number_invalid"
    await connected.settle()
    created, updated, deleted = (f"account.external_account.{end}" for end in ("created", "updated", "deleted"))
    types = told(connected, account)
    assert [types.count(each) for each in (created, updated, deleted)] == [2, 1, 1]


async def test_events_of_accounts_go_to_their_own_endpoints_only(connected: Any) -> None:
    """As Stripe has it: connect=true is for connected accounts' events, and for no others."""
    account = await vendor(connected)
    customer = await connected.v1.customers.create_async({})
    await connected.settle()
    deliveries = (await connected.look("webhooks/deliveries"))["deliveries"]
    own, connect = sorted(
        {each["endpoint"] for each in deliveries}, key=lambda each: each != deliveries[-1]["endpoint"]
    )
    assert [each["type"] for each in deliveries if each["endpoint"] == own] == ["customer.created"]
    assert len([each for each in deliveries if each["endpoint"] == connect]) == len(told(connected, account))
    listed = (await connected.v1.events.list_async({})).data
    assert [each.data.object.id for each in listed] == [customer.id]
    theirs = (await connected.v1.events.list_async({}, inside(account))).data
    assert sorted(each.type for each in theirs) == sorted(told(connected, account))
    assert {each.account for each in theirs} == {account.id}
    found = await connected.v1.events.retrieve_async(theirs[0].id, {}, inside(account))
    assert found.id == theirs[0].id
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        await connected.v1.events.retrieve_async(theirs[0].id)
    assert (await connected.control(f"events/{theirs[0].id}/resend"))["resent"] == [connect]


async def test_acting_as_an_account(play: Any) -> None:
    account = await vendor(play)
    assert (await play.v1.accounts.retrieve_current_async({}, inside(account))).id == account.id
    assert (await play.v1.accounts.retrieve_async(account.id, {}, inside(account))).id == account.id
    other = await vendor(play)
    with pytest.raises(stripe.PermissionError):
        await play.v1.accounts.retrieve_async(other.id, {}, inside(account))
    for options in ({"stripe_account": "acct_nope"}, {"stripe_account": "x"}):
        with pytest.raises(stripe.PermissionError) as refused:
            await play.v1.balance.retrieve_async({}, options)
        assert refused.value.error.code == "account_invalid"
    with pytest.raises(stripe.InvalidRequestError, match="does not implement"):
        await play.v1.customers.create_async({}, inside(account))
    with pytest.raises(stripe.InvalidRequestError, match="does not implement"):
        await play.v1.balance.retrieve_async({}, {"stripe_context": account.id})
    assert (await play.v1.customers.list_async()).data == []


async def test_an_idempotency_key_is_the_accounts_that_it_is_used_in(play: Any) -> None:
    first, second = [await vendor(play) for _ in range(2)]
    key = {"idempotency_key": "one"}
    for account in (first, second):
        await play.control(f"accounts/{account.id}/adjust", amount=500, currency="usd")
    wanted = {"amount": 500, "currency": "usd"}
    made = [await play.v1.payouts.create_async(wanted, {**inside(each), **key}) for each in (first, second, first)]
    assert made[0].id == made[2].id != made[1].id
