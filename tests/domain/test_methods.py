"""The table of payment methods is sound, and each method is either offered or excluded with its reason."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.methods.availability import (
    Availability,
    ExclusionReason,
    MethodNotAvailable,
    availability,
    restriction,
)
from domain.methods.countries import COUNTRIES
from domain.methods.method import Method, MethodKind, OutcomeDelay, PaymentMethodType, RefundSupport
from domain.methods.table import BY_TYPE, TABLE, VERSION, named
from gateways.capabilities import Capabilities
from gateways.stripe.capabilities import CAPABILITIES
from gateways.stripe.currencies import NotRepresentable, to_wire
from kit.money import EXPONENTS, MAX_MINOR
from models import Recurrence
from sandbox.stripe import currencies as sandbox_currencies
from sandbox.stripe import methods as sandbox_methods

T = PaymentMethodType
SALE, RECC = Recurrence.SALE, Recurrence.RECC
WISHES = st.tuples(
    st.none() | st.sampled_from(sorted(COUNTRIES)),
    st.sampled_from(sorted(EXPONENTS)) | st.sampled_from(["EUR", "USD", "INR", "JPY", "KWD"]),
    st.integers(1, 10_000_000) | st.integers(1, MAX_MINOR),
    st.sampled_from(Recurrence),
)
rows = pytest.mark.parametrize("row", TABLE, ids=lambda row: row.type.name)


def offered(found: Availability) -> set[PaymentMethodType]:
    return {offer.method.type for offer in found.available}


def reasons(found: Availability) -> dict[PaymentMethodType, ExclusionReason]:
    return {exclusion.method.type: exclusion.reason for exclusion in found.excluded}


# The table


def test_the_table_has_one_row_for_each_method_and_a_date_for_its_version() -> None:
    assert sorted(row.type for row in TABLE) == sorted(PaymentMethodType)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", VERSION)


@rows
def test_a_row_is_about_real_countries_currencies_and_limits(row: Method) -> None:
    assert row.countries is None or (row.countries and row.countries <= COUNTRIES)
    assert row.currencies is None or (row.currencies and row.currencies <= EXPONENTS.keys())
    for limits in (row.minimums, row.maximums):
        assert limits.keys() <= (row.currencies or set())
        assert all(amount > 0 for amount in limits.values())
    assert all(row.minimums.get(currency, 0) < most for currency, most in row.maximums.items())
    if row.home:
        assert (set(row.home), set(row.home.values())) == (row.countries, row.currencies)


@rows
def test_a_row_does_not_contradict_itself(row: Method) -> None:
    assert row.delay_days is None or (row.delay is OutcomeDelay.DAYS and row.delay_days > 0)
    assert row.refund_days is None or (row.refunds is not RefundSupport.NONE and row.refund_days > 0)
    assert (row.kind is MethodKind.CARD) == (row.gateway_name == "card")
    assert (row.wallet is None) == (row.comes_with is None)
    assert row.gateway_name or row.obstacle
    assert bool(row.obstacle) == (row.gateway_name not in CAPABILITIES.methods)
    assert all(text.endswith(".") for text in (row.note, row.obstacle) if text)


def test_names_at_the_gateway_lead_back_to_one_method_each() -> None:
    known = [(row.gateway_name, row.wallet) for row in TABLE if row.gateway_name]
    assert len(known) == len(set(known))
    for row in TABLE:
        if row.gateway_name:
            assert named(row.gateway_name, row.wallet) is row.type


def test_a_wallet_without_a_row_is_the_card_in_it_and_an_unknown_name_is_nothing() -> None:
    assert named("card", "samsung_pay") is T.CARD
    assert named("card", "apple_pay") is T.APPLE_PAY
    assert named("fpx") is None
    assert named("netbanking") is None


def test_every_name_that_the_gateway_declares_is_a_method_of_the_table() -> None:
    assert CAPABILITIES.methods - {row.gateway_name for row in TABLE} == set()


def test_a_country_is_one_of_iso_3166() -> None:
    assert len(COUNTRIES) == 249 + 1  # and Kosovo's
    assert {"NL", "IN", "US", "XK"} <= COUNTRIES
    assert not {"EU", "ZZ", "UK", "001", "nl", ""} & COUNTRIES


# The gateway's word


def test_what_the_gateway_declares_is_what_it_can_write() -> None:
    for currency in CAPABILITIES.currencies:
        step = CAPABILITIES.steps.get(currency, 1)
        assert to_wire(step, currency) > 0
        if step > 1:
            with pytest.raises(NotRepresentable):
                to_wire(step - 1, currency)
    assert CAPABILITIES.minimums.keys() <= CAPABILITIES.currencies
    assert (CAPABILITIES.maximum("card", "EUR"), CAPABILITIES.maximum("ideal", "EUR")) == (999_999_999_999, 99_999_999)
    assert (CAPABILITIES.maximum("upi", "INR"), CAPABILITIES.maximum("card", "ISK")) == (999_999_999, 9_999_999_999)


def test_the_sandbox_has_what_the_gateway_declares() -> None:
    assert CAPABILITIES.methods <= sandbox_methods.BY_TYPE.keys()
    assert {currency.lower() for currency in CAPABILITIES.currencies} <= sandbox_currencies.KNOWN
    for currency, least in CAPABILITIES.minimums.items():
        assert sandbox_currencies.minimum(currency.lower()) == to_wire(least, currency)


@rows
def test_the_sandbox_offers_each_method_in_each_of_its_currencies(row: Method) -> None:
    if row.gateway_name not in CAPABILITIES.methods:
        return
    for currency in row.currencies or CAPABILITIES.currencies:
        for capture in ["automatic"] + ["manual"] * row.manual_capture:
            found = sandbox_methods.available(
                currency.lower(), allowed=[row.gateway_name or ""], excluded=[], capture_method=capture
            )
            assert found == [row.gateway_name]


# Availability


@given(WISHES)
def test_every_method_is_either_available_or_excluded_exactly_once(
    wish: tuple[str | None, str, int, Recurrence],
) -> None:
    found = availability(*wish, CAPABILITIES)
    told = [offer.method.type for offer in found.available] + [gone.method.type for gone in found.excluded]
    assert sorted(told) == sorted(PaymentMethodType)
    assert all(re.fullmatch(r"[A-Z].*\.", gone.sentence, re.IGNORECASE) for gone in found.excluded)
    assert found.version == VERSION


@given(WISHES)
def test_what_is_offered_meets_every_condition(wish: tuple[str | None, str, int, Recurrence]) -> None:
    country, currency, amount, recurrence = wish
    for offer in availability(*wish, CAPABILITIES).available:
        row = offer.method
        assert row.gateway_name in CAPABILITIES.methods
        assert country is None or row.countries is None or country in row.countries
        assert currency in CAPABILITIES.currencies
        assert row.currencies is None or currency in row.currencies
        assert row.home.get(country or "", currency) == currency
        assert (offer.min_minor or 1) <= amount <= (offer.max_minor or MAX_MINOR)
        assert recurrence is SALE or row.recurring
        to_wire(amount, currency)


@given(WISHES)
def test_what_is_excluded_fails_the_condition_that_is_told(wish: tuple[str | None, str, int, Recurrence]) -> None:
    country, currency, amount, recurrence = wish
    for gone in availability(*wish, CAPABILITIES).excluded:
        row = gone.method
        failed = {
            ExclusionReason.GATEWAY: row.gateway_name not in CAPABILITIES.methods
            or amount % CAPABILITIES.steps.get(currency, 1) != 0,
            ExclusionReason.COUNTRY: country not in (row.countries or set()),
            ExclusionReason.CURRENCY: currency not in (row.currencies or CAPABILITIES.currencies)
            or row.home.get(country or "", currency) != currency,
            ExclusionReason.AMOUNT_TOO_SMALL: amount
            < max(row.minimums.get(currency, 0), CAPABILITIES.minimums.get(currency, 0)),
            ExclusionReason.AMOUNT_TOO_LARGE: amount
            > min(
                row.maximums.get(currency, MAX_MINOR),
                CAPABILITIES.maximum(row.gateway_name or "", currency) or MAX_MINOR,
            ),
            ExclusionReason.NOT_RECURRING: recurrence is RECC and not row.recurring,
        }
        assert failed[gone.reason]


@given(WISHES)
def test_whoever_is_anywhere_is_offered_all_that_anybody_somewhere_is(
    wish: tuple[str | None, str, int, Recurrence],
) -> None:
    country, *rest = wish
    anywhere = availability(None, *rest, CAPABILITIES)
    assert offered(availability(country, *rest, CAPABILITIES)) <= offered(anywhere)
    assert ExclusionReason.COUNTRY not in reasons(anywhere).values()


@given(WISHES, st.sampled_from(TABLE), st.booleans())
def test_a_checkout_is_restricted_to_what_is_available_and_to_nothing_else(
    wish: tuple[str | None, str, int, Recurrence], row: Method, manual: bool
) -> None:
    _, currency, amount, _ = wish
    possible = row.type in offered(availability(None, currency, amount, SALE, CAPABILITIES))
    if possible and (row.manual_capture or not manual):
        assert chosen(row.type, currency, amount, manual) == (row.gateway_name,)
    else:
        with pytest.raises(MethodNotAvailable):
            chosen(row.type, currency, amount, manual)


def chosen(method: PaymentMethodType, currency: str, amount: int, manual: bool = False) -> tuple[str, ...]:
    return restriction(method, currency, amount, manual_capture=manual, capabilities=CAPABILITIES)


def test_a_gateway_that_can_do_nothing_excludes_every_method() -> None:
    nothing: Capabilities = replace(CAPABILITIES, methods=frozenset())
    found = availability("NL", "EUR", 5000, SALE, nothing)
    assert found.available == ()
    assert set(reasons(found).values()) == {ExclusionReason.GATEWAY}


@pytest.mark.parametrize(
    ("method", "country", "currency", "amount", "recurrence", "reason", "sentence"),
    [
        (T.RTGS, "IN", "INR", 50_000_000, SALE, "gateway", "The gateway has no RTGS transfer that can be asked for."),
        (T.IDEAL, "DE", "EUR", 5000, SALE, "country", "iDEAL | Wero is for payers in NL only."),
        (T.P24, "PL", "USD", 5000, SALE, "currency", "Przelewy24 is paid in EUR and PLN only."),
        (T.KLARNA, "SE", "EUR", 5000, SALE, "currency", "Klarna is paid in SEK by payers in SE."),
        (T.CARD, "IR", "IRR", 5000, SALE, "currency", "The gateway does not charge IRR."),
        (T.CARD, "NL", "EUR", 49, SALE, "amount_too_small", "The least for Card is €0.50."),
        (T.AFFIRM, "US", "USD", 3499, SALE, "amount_too_small", "The least for Affirm is $35.00."),
        (T.KONBINI, "JP", "JPY", 300_001, SALE, "amount_too_large", "The most for Konbini is ¥300,000."),
        (T.IDEAL, "NL", "EUR", 100_000_000, SALE, "amount_too_large", "The most for iDEAL | Wero is €999,999.99."),
        (T.CARD, "KW", "KWD", 5001, SALE, "gateway", "The gateway charges KWD in steps of 10 minor units."),
        (
            T.BANCONTACT,
            "BE",
            "EUR",
            5000,
            RECC,
            "not_recurring",
            "Bancontact pays once: it cannot be charged again without the payer.",
        ),
    ],
)
def test_the_reason_is_told_in_a_sentence(
    method: PaymentMethodType,
    country: str,
    currency: str,
    amount: int,
    recurrence: Recurrence,
    reason: str,
    sentence: str,
) -> None:
    found = availability(country, currency, amount, recurrence, CAPABILITIES)
    [gone] = [gone for gone in found.excluded if gone.method.type is method]
    assert (gone.reason, gone.sentence) == (reason, sentence)


def test_the_limits_of_an_offer_are_the_narrower_of_the_methods_and_the_gateways() -> None:
    limits = {
        offer.method.type: (offer.min_minor, offer.max_minor)
        for offer in availability("PT", "EUR", 5000, SALE, CAPABILITIES).available
    }
    assert limits[T.CARD] == limits[T.APPLE_PAY] == (50, 999_999_999_999)
    assert limits[T.MB_WAY] == (50, 500_000)
    assert limits[T.MULTIBANCO] == (50, 9_999_900)
    assert limits[T.LINK] == (50, 99_999_999)
    assert BY_TYPE[T.LINK].maximums == {}


def test_a_limit_that_is_not_known_is_none() -> None:
    [card] = [
        offer for offer in availability("KW", "KWD", 5000, SALE, CAPABILITIES).available if offer.method.type is T.CARD
    ]
    assert (card.min_minor, card.max_minor) == (None, 999_999_999_999)
