"""whatever the rules, the amounts and the order of what happens -> not a minor unit is lost, and all nets to zero"""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.splits.division import covered, divided, largest_remainder, portion
from domain.splits.follow import OWN, take
from domain.splits.rows import Held
from domain.splits.rule import ASSIGNEE, COMMISSION, PLATFORM, WHOLE, DoesNotFit, Part, Rule, plan
from domain.splits.standing import Standing, Totals, standing
from models import FeeBearer

AMOUNTS = st.integers(0, 10**12)
STEPS = st.sampled_from([1, 10, 100])  # two and no decimals; three decimals, of which Stripe moves two; the ariary


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    """Rules as `splitRuleCreate` lets them in: percents up to the whole, one remainder at most."""
    parties = draw(
        st.lists(st.sampled_from(["ven_a", "ven_b", "ven_c", ASSIGNEE, COMMISSION]), unique=True, min_size=1)
    )
    left, parts = WHOLE, []
    for number, party in enumerate(parties):
        remainder = number == 0 and draw(st.booleans())
        points = 0 if remainder else draw(st.integers(0, left // 2))
        left -= points
        fixed = 0 if remainder else draw(st.integers(0, 500)) * 100
        parts.append(Part(party=party, basis_points=points, fixed_minor=fixed, remainder=remainder))
    return Rule(parts=tuple(parts), fee_bearer=FeeBearer.VENDORS, currency="EUR", hold=None)


@st.composite
def plans(draw: st.DrawFn) -> Totals:
    """A split of some amount that the rule fits."""
    rule, step = draw(rules()), draw(STEPS)
    pieces = draw(st.integers(1, 3))
    fixed = sum(part.fixed_minor for part in rule.parts) * pieces
    percent = sum(part.basis_points for part in rule.parts)
    least = 0 if percent == WHOLE else fixed * WHOLE // (WHOLE - percent) + step
    amount = least + draw(st.integers(0, 10**9))
    return Totals(plan=plan(rule, amount, pieces, step), step=step)


def everything(found: Standing) -> int:
    return found.commission_minor + found.platform_minor + found.held.total() + found.payable.total()


@given(AMOUNTS, st.lists(st.integers(0, 10**6), min_size=1).filter(any))
def test_the_largest_remainders_lose_nothing_and_are_off_by_less_than_one(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights)
    assert sum(parts) == total
    assert all(abs(part * sum(weights) - total * w) < sum(weights) for part, w in zip(parts, weights, strict=True))


def test_what_is_left_goes_to_the_largest_remainders() -> None:
    assert largest_remainder(100, [1, 1, 1]) == [34, 33, 33]
    assert largest_remainder(10, [55, 25, 20]) == [6, 2, 2]
    assert largest_remainder(7, [3300, 3300, 3400]) == [2, 2, 3]


@given(st.lists(st.integers(0, 400), min_size=1, max_size=8))
def test_a_portion_adds_up_and_no_part_of_it_shrinks_while_it_grows(parts: list[int]) -> None:
    before = [0] * len(parts)
    assert portion(0, parts) == before
    for total in range(1, min(sum(parts), 300) + 1):
        now = portion(total, parts)
        assert sum(now) == total
        assert all(a <= b for a, b in zip(before, now, strict=True))
        before = now
    assert portion(sum(parts), parts) == parts


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(0, 10**6)), AMOUNTS, STEPS)
def test_what_is_no_whole_step_is_left_to_the_owner(parts: dict[str, int], total: int, step: int) -> None:
    found = divided(total, parts, step, "own")
    assert sum(found.values()) == total
    assert all(amount % step == 0 for name, amount in found.items() if name != "own")


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(-(10**6), 10**6)), STEPS)
def test_what_is_missing_of_one_is_made_up_for_by_the_others(units: dict[str, int], step: int) -> None:
    amounts = {name: amount * step for name, amount in units.items()} | {"own": units.get("a", 0)}
    found = covered(amounts, step, "own")
    assert sum(found.values()) == sum(amounts.values())
    others = {name: amount for name, amount in found.items() if name != "own"}
    assert all(0 <= amount <= max(0, amounts[name]) for name, amount in others.items())
    if min(amounts.values()) >= 0:
        assert found == amounts
    if sum(amounts.values()) <= 0:
        assert not any(others.values())
    if found["own"] <= -step:
        assert sum(amounts.values()) < 0


@given(rules(), st.integers(0, 10**9), st.integers(1, 3), STEPS)
def test_a_plan_gives_away_exactly_the_amount_or_does_not_fit(rule: Rule, amount: int, pieces: int, step: int) -> None:
    try:
        found = plan(rule, amount, pieces, step)
    except DoesNotFit:
        units = amount // step
        wanted = sum(units * p.basis_points + p.fixed_minor // step * pieces * WHOLE for p in rule.parts)
        assert wanted > units * WHOLE
        return
    assert sum(found.values()) == amount
    assert min(found.values()) >= 0
    for part in rule.parts:
        fixed = part.fixed_minor // step * step * pieces
        if not part.remainder:
            assert abs((found[part.party] - fixed) * WHOLE - amount * part.basis_points) < 2 * step * WHOLE


@given(plans(), st.data())
def test_after_any_story_the_shares_are_what_was_kept_and_end_at_zero(whole: Totals, data: st.DataObject) -> None:
    """Captures, releases, refunds, failures of refunds, disputes won and fees, in any order."""
    total, stands = sum(whole.plan.values()), whole
    for _ in range(data.draw(st.integers(0, 12))):
        happens = data.draw(st.sampled_from(["capture", "release", "return", "give back", "fee", "assign"]))
        most = {
            "capture": total - stands.captured_minor,
            "release": stands.held_minor,
            "return": stands.kept_minor,
            "give back": stands.returned_minor,
            "fee": total // 10 - stands.fee_minor,
            "assign": 0,
        }[happens]
        by = data.draw(st.integers(0, max(0, most)))
        if happens == "assign":
            stands = replace(stands, assignee="ven_z")
        else:
            name = {"capture": "captured", "release": "released", "fee": "fee"}.get(happens, "returned") + "_minor"
            stands = replace(stands, **{name: getattr(stands, name) + (-by if happens == "give back" else by)})
        found = standing(stands)
        assert everything(found) == stands.kept_minor
        assert min([0, *found.held.values()]) >= 0
        assert min([0, *found.payable.values()]) >= 0
        assert found.platform_minor >= 0
        assert all(amount % whole.step == 0 for amount in (*found.held.values(), *found.payable.values()))
    gone = standing(replace(stands, returned_minor=stands.captured_minor))
    assert everything(gone) == 0
    assert +gone.held == +gone.payable == Counter()


@given(plans())
def test_all_that_was_sold_and_released_is_the_plan(whole: Totals) -> None:
    total = sum(whole.plan.values())
    found = standing(replace(whole, captured_minor=total, released_minor=total))
    vendors = {party: amount for party, amount in whole.plan.items() if party not in (COMMISSION, PLATFORM)}
    wanted = Counter({"unassigned" if party == ASSIGNEE else party: amount for party, amount in vendors.items()})
    assert +found.payable == +wanted
    assert found.commission_minor == whole.plan.get(COMMISSION, 0)
    assert +found.held == Counter()


@given(plans(), st.data())
def test_the_vendors_bear_the_fee_as_far_as_they_have_something(whole: Totals, data: st.DataObject) -> None:
    total = sum(whole.plan.values())
    fee = data.draw(st.integers(0, total)) // whole.step * whole.step
    before = standing(replace(whole, captured_minor=total))
    after = standing(replace(whole, captured_minor=total, fee_minor=fee))
    assert before.held.total() - after.held.total() == min(fee, before.held.total())
    assert after.commission_minor == before.commission_minor


@pytest.mark.parametrize(("amount", "step", "wanted"), [(100, 1, 33), (1000, 10, 330), (99, 1, 33)])
def test_thirds_in_currencies_of_all_kinds(amount: int, step: int, wanted: int) -> None:
    parts = [Part(party=party, basis_points=3333) for party in ("ven_a", "ven_b", "ven_c")]
    rule = Rule(parts=tuple(parts), fee_bearer=FeeBearer.PLATFORM, currency=None, hold=None)
    found = plan(rule, amount, 1, step)
    assert sum(found.values()) == amount
    assert found["ven_c"] == wanted


@st.composite
def payments(draw: st.DrawFn) -> tuple[dict[str, int], list[Held]]:
    """What was captured of each split and of the merchant's own, with its holds: items a, b and c."""
    step = draw(STEPS)
    captured = {split: draw(st.integers(0, 1000)) * step for split in draw(st.sampled_from(["a", "ab", "abc"]))}
    now = datetime(2026, 1, 1, tzinfo=UTC)
    holds = [
        Held(
            hold_id=split,
            split_id=split,
            line_item_id=f"item {split}",
            split_amount_minor=amount,
            terms=None,
            fee_bearer=FeeBearer.PLATFORM,
            totals=Totals(plan={PLATFORM: amount}, step=step, captured_minor=amount),
            version=1,
            release_at=None,
            release_by=now,
            alerted_at=None,
            is_new=False,
        )
        for split, amount in captured.items()
    ]
    return {**captured, OWN: draw(st.integers(0, 1000)) * step}, holds


@given(payments(), st.data())
def test_whatever_goes_back_by_whatever_way_nobody_keeps_what_is_not_there(
    payment: tuple[dict[str, int], list[Held]], data: st.DataObject
) -> None:
    """Refunds with and without names, also of more than is there, that fail or not, and disputes won or lost."""
    captured, holds = payment
    step, sources = holds[0].totals.step, list[dict[str, Any]]()
    for _ in range(data.draw(st.integers(0, 6))):
        amount = data.draw(st.integers(1, 1500)) * step
        item = data.draw(st.sampled_from([None, "item a", "item b", "item own"]))
        sources.append(
            {
                "amount_minor": amount,
                "gone_minor": amount,
                "items": {item: amount} if item else None,
                "parts": None,
            }
        )
        take(captured, sources, holds)
        again = data.draw(st.sampled_from(sources))
        again["gone_minor"] = data.draw(st.sampled_from([0, again["amount_minor"]]))
        kept = take(captured, sources, holds)
        left = sum(captured.values()) - sum(source["gone_minor"] for source in sources)
        assert sum(kept.values()) == left
        assert all(0 <= kept[hold.split_id] <= captured[hold.split_id] for hold in holds)
        assert kept[OWN] >= min(0, left)
        if left <= 0:
            assert not any(kept[hold.split_id] for hold in holds)
