"""when messages come again, who signs them, which of them are wanted, and in which shape"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.deliveries import connectors, endpoint_input, schedule, signing
from domain.deliveries.endpoint_input import checked
from domain.deliveries.outcomes import Outcome
from domain.refusals import Findings, Refusal
from domain.tokens import Tokens
from kit.outbound import Answer
from models import DELIVERY_EDGES, DeliveryStatus

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DRAWS = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 30), st.none() | st.timedeltas(timedelta(), timedelta(days=1)), DRAWS)
def test_the_pauses_are_the_schedules_within_a_tenth_and_never_less_than_was_asked_for(
    tries: int, wanted: timedelta | None, draw: float
) -> None:
    pause = schedule.pause_before_next(tries, wanted, draw)
    if tries >= 10:
        assert pause is None
        return
    assert pause is not None
    planned = schedule.DELAYS[tries - 1]
    assert pause >= max(planned * 0.9, wanted or timedelta())
    assert pause <= max(planned * 1.1, wanted or timedelta())


@given(st.lists(DRAWS, min_size=9, max_size=9))
def test_ten_attempts_take_more_than_two_days_and_end_before_the_endpoint_is_given_up(draws: list[float]) -> None:
    pauses = [schedule.pause_before_next(tries, None, draw) for tries, draw in enumerate(draws, 1)]
    total = sum((pause for pause in pauses if pause), timedelta())
    assert timedelta(days=2) < total < schedule.FAILING_FOR


@pytest.mark.parametrize(
    ("text", "pause"),
    [
        ("120", timedelta(seconds=120)),
        (" 0 ", timedelta()),
        ("99999999999", timedelta(days=1)),
        (format_datetime(NOW + timedelta(minutes=3), usegmt=True), timedelta(minutes=3)),
        (format_datetime(NOW - timedelta(minutes=3), usegmt=True), timedelta()),
        ("Sun, 01 Feb 2026 12:00:00 -0000", timedelta(days=1)),
        *((f"Mon, 01 Jan {odd} GMT", None) for odd in ("99999999999 00:00:00", "2026 99999999999999999999:00:00")),
        *(((text), None) for text in ("", "soon", "-5", "1.5", "١٢", "Sat, 99 Jan 2026 00:00:00 GMT", None)),
    ],
)
def test_retry_after_is_seconds_or_a_date_or_nothing(text: str | None, pause: timedelta | None) -> None:
    assert schedule.wanted_pause(text, NOW) == pause


@given(st.text(max_size=60))
def test_retry_after_may_hold_anything(text: str) -> None:
    found = schedule.wanted_pause(text, NOW)
    assert found is None or timedelta() <= found <= timedelta(days=1)


def test_an_endpoint_that_has_too_much_to_do_is_left_alone() -> None:
    rests = {status: schedule.rest(status, None) for status in (None, 400, 429, 500, 502, 504)}
    thirty = timedelta(seconds=30)
    assert rests == {None: timedelta(), 400: timedelta(), 429: thirty, 500: timedelta(), 502: thirty, 504: thirty}
    assert schedule.rest(500, timedelta(seconds=7)) == timedelta(seconds=7)
    assert schedule.rest(429, timedelta(hours=9)) == timedelta(hours=1)


@pytest.mark.parametrize(("status", "succeeded"), [(200, True), (204, True), (299, True), (300, False), (199, False)])
def test_only_a_2xx_is_a_success(status: int, succeeded: bool) -> None:
    assert Outcome("whd_1", Answer(status=status), 0).succeeded is succeeded
    assert not Outcome("whd_1", Answer(failure="x"), 0).succeeded


def test_every_status_of_a_delivery_has_its_moves() -> None:
    assert set(DELIVERY_EDGES) == set(DeliveryStatus)
    assert all(DeliveryStatus.PENDING in after for after in DELIVERY_EDGES.values()), "each may be sent again"


def test_a_message_is_signed_with_every_secret_in_force_newest_first() -> None:
    tokens = Tokens(b"k" * 32)
    known = signing.rotated([{"salt": "old", "ends_at": None}], "new", NOW + timedelta(hours=1), NOW)
    for now, salts in ((NOW, ["new", "old"]), (NOW + timedelta(hours=1), ["new"])):
        headers = signing.headers(tokens, known, "evt_1", b'{"a":"\xc3\xa4"}', now)
        content = f'evt_1.{int(now.timestamp())}.{{"a":"ä"}}'.encode()
        expected = []
        for salt in salts:
            key = base64.b64decode(signing.shown(tokens, salt).removeprefix("whsec_"))
            assert len(key) == 32
            expected.append("v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode())
        assert headers["webhook-signature"] == " ".join(expected)
        assert headers["webhook-timestamp"] == str(int(now.timestamp()))


def test_rotating_again_ends_the_older_secrets_no_later_than_they_would_have() -> None:
    first = [{"salt": "a", "ends_at": None}]
    second = signing.rotated(first, "b", NOW + timedelta(hours=2), NOW)
    third = signing.rotated(second, "c", NOW + timedelta(hours=5), NOW)
    assert [(s["salt"], s["ends_at"]) for s in third] == [
        ("c", None),
        ("b", (NOW + timedelta(hours=5)).isoformat()),
        ("a", (NOW + timedelta(hours=2)).isoformat()),
    ]
    assert [s["salt"] for s in signing.rotated(third, "d", NOW, NOW)] == ["d"], "without an overlap all others end"


MESSAGE: Any = {
    "type": "order.paid",
    "sequence": 7,
    "data": {"open": True, "order": {"metadata": {"kind": "gift"}, "items": [{"name": "Cup"}], "reference": None}},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("sequence", 7),
        ("data.order.metadata.kind", "gift"),
        ("data.order.items.0.name", "Cup"),
        *((path, None) for path in ("data.order.items.1.name", "data.order.items.x", "data.no.where", "type.x", "x")),
    ],
)
def test_a_path_leads_to_what_stands_there(path: str, value: object) -> None:
    assert connectors.find(MESSAGE, path) == value


@pytest.mark.parametrize(
    ("conditions", "passes"),
    [
        (None, True),
        ([{"path": "sequence", "one_of": ["6", "7"]}], True),
        ([{"path": "data.open", "one_of": ["true"]}], True),
        ([{"path": "data.order.reference", "one_of": ["null"]}], True),
        ([{"path": "type", "one_of": ["order.paid"]}, {"path": "sequence", "one_of": ["8"]}], False),
        ([{"path": "data.order", "one_of": ["gift"]}], False),
    ],
)
def test_all_conditions_must_hold(conditions: Any, passes: bool) -> None:
    assert connectors.passes(conditions, MESSAGE) is passes


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [(None, True), (["order.paid"], True), (["order.*"], True), (["order.created", "payment.*"], False), ([], False)],
)
def test_patterns_name_types(patterns: Any, wanted: bool) -> None:
    assert connectors.wants(patterns, "order.paid") is wanted


PRODUCTION_REFUSES = (
    "http://shop.example/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://10.0.0.8:8443/x",
    "https://[64:ff9b::7f00:1]/",
    "https://169.254.169.254/latest/meta-data",
)


@pytest.mark.parametrize("url", PRODUCTION_REFUSES)
def test_production_takes_no_address_of_its_own_and_nothing_without_tls(url: str) -> None:
    findings = Findings()
    checked(findings, {"url": url}, private_targets=False)
    with pytest.raises(Refusal) as refused:
        findings.refuse_if_any()
    assert [(fault.code, fault.path) for fault in refused.value.faults] == [("INVALID", ("url",))]
    assert checked(Findings(), {"url": url}, private_targets=True) == {"url": url}


PRODUCTION_TAKES = (
    "https://shop.example/x?y=1",
    "https://xn--bcher-kva.example:8443",
    "https://1.1.1.1/",
    "https://[2606:4700:4700::1111]:8443/x",
)


@pytest.mark.parametrize("url", PRODUCTION_TAKES)
def test_production_takes_what_is_public(url: str) -> None:
    findings = Findings()
    assert endpoint_input.checked(findings, {"url": url}, private_targets=False) == {"url": url}
    findings.refuse_if_any()
