"""Split rules: how a sale's money divides."""

from datetime import datetime

import strawberry

from domain.reads import Row
from domain.splits.rule import ASSIGNEE, COMMISSION, Part, Rule
from kit.database.reading import decode_json, decode_time
from models import DeadlinePolicy, FeeBearer
from schema.enums import show
from schema.nodes import Node
from schema.scalars import Money, money_of

show(
    FeeBearer,
    "Who bears the PSP's fee.",
    PLATFORM="The merchant.",
    VENDORS="The vendors, in proportion to their shares. Their shares wait until the PSP has told its fee.",
)
show(
    DeadlinePolicy,
    "What becomes of held money when the PSP's limit comes.",
    RELEASE="The vendors get it.",
    REFUND="The payer gets it back.",
)


@strawberry.type(description="What one party gets of an amount: a percentage and a fixed amount, or what remains.")
class SplitPart:
    vendor_id: strawberry.ID | None = strawberry.field(
        description="The vendor; null for the commission, and for a vendor who is assigned later."
    )
    basis_points: int = strawberry.field(description="Hundredths of a percent of the amount.")
    fixed: Money | None = strawberry.field(description="For each piece; null for none.")
    remainder: bool = strawberry.field(description="Whether it gets all that the others leave.")

    @classmethod
    def of(cls, part: Part, currency: str | None) -> "SplitPart":
        return cls(
            vendor_id=strawberry.ID(part.party) if part.party not in (ASSIGNEE, COMMISSION) else None,
            basis_points=part.basis_points,
            fixed=money_of(part.fixed_minor, currency) if part.fixed_minor and currency else None,
            remainder=part.remainder,
        )


@strawberry.type(description="How captured money waits for its release.")
class HoldTerms:
    release_after_days: int | None = strawberry.field(
        description="It is released by itself after so many days; null: by holdRelease only."
    )
    on_deadline: DeadlinePolicy = strawberry.field(description="What becomes of it when the PSP's limit comes.")


@strawberry.type(description="One version of a rule; it never changes. What the parts leave is the merchant's.")
class SplitRule(Node):
    name: str = strawberry.field(description="Orders, items and products name it; the newest version counts.")
    version: int = strawberry.field(description="Counts the rules of this name from 1.")
    parts: list[SplitPart] = strawberry.field(description="What vendors get.")
    commission: SplitPart | None = strawberry.field(description="What the platform gets; null for no commission.")
    fee_bearer: FeeBearer = strawberry.field(description="Who bears the PSP's fee.")
    hold: HoldTerms | None = strawberry.field(description="Null: shares are released as soon as the money is there.")
    created_at: datetime = strawberry.field(description="When it was made.")

    @classmethod
    def of(cls, row: Row) -> "SplitRule":
        rule = Rule.from_json(decode_json(row["terms"]))
        shown = [(part.party, SplitPart.of(part, rule.currency)) for part in rule.parts]
        hold = rule.hold
        return cls(
            id=row["id"],
            name=row["name"],
            version=row["version"],
            parts=[part for party, part in shown if party != COMMISSION],
            commission=next((part for party, part in shown if party == COMMISSION), None),
            fee_bearer=rule.fee_bearer,
            hold=HoldTerms(release_after_days=hold.release_after_days, on_deadline=hold.on_deadline) if hold else None,
            created_at=decode_time(row["created_at"]),
        )
