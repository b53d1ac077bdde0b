"""what the pages name -> exists, and what exists -> is named where a page claims to be complete"""

import contextlib
import io
import re
import shlex
from enum import Enum

import pytest
import stripe
from graphql import build_schema

import config
import main
from domain import ledger
from domain.mails import subscriptions
from domain.mails.drafting import KINDS
from domain.payments.fold import _RANKS
from gateways.stripe import billing_events, connect_evidence
from gateways.stripe.events import LISTENED
from models import (
    DisputeStatus,
    InvoiceStatus,
    MailKind,
    MailStatus,
    PaymentStatus,
    PayoutStatus,
    PostingKind,
    RefundStatus,
    Scope,
    SubscriptionStatus,
    VendorStatus,
)
from sandbox.stripe.cards import BY_NUMBER
from schema.api import build_schema as our_schema
from schema.customers.mutations import CustomerErrorCode
from schema.deliveries.mutations import WebhookErrorCode
from schema.direct.mutations import DirectErrorCode
from schema.disputes.mutations import DisputeErrorCode
from schema.holds.mutations import HoldErrorCode
from schema.links.mutations import PaymentLinkErrorCode
from schema.mails.mutations import MailErrorCode
from schema.orders.mutations import CheckoutErrorCode, OrderErrorCode
from schema.payments.mutations import PaymentErrorCode
from schema.plans.mutations import PlanErrorCode
from schema.products.mutations import ProductErrorCode
from schema.splits.mutations import SplitErrorCode
from schema.subscriptions.mutations import SubscriptionErrorCode
from schema.transport.errors import ErrorCode
from schema.vendors.mutations import VendorErrorCode
from tests.docs.pages import REPO, Block, Page, blocks, page, pages

API = build_schema(our_schema(production=True).as_str())
CODE = ("domain", "gateways", "kit", "mail", "models", "pages", "sandbox", "schema", "webhooks", "workers", "commands")
ROW = re.compile(r"^\|(.+)\|$", re.MULTILINE)


def rows(text: str, columns: int) -> list[list[str]]:
    """The cells of the page's tables of so many columns, without backticks; header rows have none."""
    cells = [[cell.strip() for cell in row.split("|")] for row in ROW.findall(text)]
    return [[c.strip("`") for c in row] for row in cells if len(row) == columns and re.match(r"`[\w]+`$", row[0])]


def anchors(text: str) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("found", pages(), ids=str)
def test_links_lead_somewhere(found: Page) -> None:
    for link in re.findall(r"(?:\]\(|src=\")([^)\s\"]+)[)\"]", found.prose):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (found.path.parent / path).resolve() if path else found.path
        assert target.exists(), f"{found}: {link}"
        assert not anchor or anchor in anchors(target.read_text()), f"{found}: {link}"


@pytest.mark.parametrize("found", pages(), ids=str)
def test_files_that_are_named_exist(found: Page) -> None:
    for name in re.findall(r"`([\w./-]+/[\w.-]*|[\w-]+\.(?:py|toml|txt))`", found.prose):
        base = name.split("<")[0]
        if base.startswith(("/", "var", "application/", "text/")) or base == "paygraph.js":
            continue
        assert (REPO / base).exists(), f"{found}: {name}"


def commands() -> list[tuple[Block | Page, str]]:
    shown = [(block, line) for block in blocks("console", "sh") for line in block.text.splitlines()]
    inline = [(found, code) for found in pages() for code in re.findall(r"`([^`\n]+)`", found.prose)]
    return [
        (where, line) for where, line in (*shown, *inline) if "main.py " in line or re.match(r"(.* )?make \w", line)
    ]


def test_commands_that_are_named_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (REPO / "Makefile").read_text(), re.MULTILINE))
    found = commands()
    assert len(found) > 15
    for where, line in found:
        if made := re.search(r"\bmake (\w+)$", line):
            assert made[1] in targets, f"{where}: {line}"
        elif "main.py " in line:
            told = re.split(r" [|>] ", line.split("main.py ", 1)[1])[0]
            complaint = io.StringIO()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(complaint):
                accepted = is_accepted(shlex.split(told))
            assert accepted, f"{where}: {line}: {complaint.getvalue()}"


def is_accepted(argv: list[str]) -> bool:
    """Whether the command line takes it; --help ends it well."""
    try:
        main._parser().parse_args(argv)
    except SystemExit as end:
        return not end.code
    return True


def test_the_settings_are_all_told_and_all_there() -> None:
    read = (REPO / "config.py").read_text()
    told = {row[0] for row in rows(page("README.md").text, 3)}
    epilog = main._parser().epilog
    assert epilog is not None
    assert told == set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*\b", epilog.split("environment:")[1].split("None")[0]))
    assert all(f'"{name}"' in read for name in told)
    for block in blocks("console"):
        for name in re.findall(r"\b([A-Z][A-Z_]+)=", block.text):
            assert name in told or name in {"TEST_DATABASE_URL", "TEST_REDIS_URL"}, f"{block}: {name}"


def test_the_example_of_production_settings_is_enough() -> None:
    (example,) = [block for block in page("docs/production.md").blocks("console") if "BASE_URL" in block.text]
    given = dict(line.split("=", 1) for line in example.text.split())
    settings = config.from_environment({**given, "SECRET_KEY": "0" * 64})
    config.require_production(settings)
    assert settings.livemode


def test_every_word_of_the_glossary_is_a_word_of_the_code() -> None:
    code = "\n".join(path.read_text() for folder in CODE for path in REPO.glob(f"{folder}/**/*.py")).lower()
    code = re.sub(r"[\s_-]+", "", code)
    for word in re.findall(r"\*\*(.+?)\*\*", page("GLOSSARY.md").text):
        assert re.sub(r"[\s_-]+", "", word.lower()) in code, word


def test_the_changelog_has_what_is_not_released() -> None:
    assert "\n## Unreleased\n" in page("CHANGELOG.md").text


def test_every_error_code_is_told_with_where_it_is_seen() -> None:
    text = page("docs/errors-and-idempotency.md").text
    told: dict[str, set[str]] = {row[0]: set(row[2].split(", ")) for row in rows(text, 3) if row[1] not in STATUSES}
    enums: dict[str, type[Enum]] = {
        "orders": OrderErrorCode,
        "checkout": CheckoutErrorCode,
        "payments": PaymentErrorCode,
        "products": ProductErrorCode,
        "tokens": DirectErrorCode,
        "customers": CustomerErrorCode,
        "disputes": DisputeErrorCode,
        "mail": MailErrorCode,
        "webhooks": WebhookErrorCode,
        "links": PaymentLinkErrorCode,
        "plans": PlanErrorCode,
        "subscriptions": SubscriptionErrorCode,
        "vendors": VendorErrorCode,
        "splits": SplitErrorCode,
        "holds": HoldErrorCode,
    }
    assert {enum.__name__ for enum in enums.values()} == {name for name in API.type_map if name.endswith("ErrorCode")}
    there: dict[str, set[str]] = {}
    for where, enum in enums.items():
        for code in enum:
            there.setdefault(code.name, set()).add(where)
    assert told == there, "docs/errors-and-idempotency.md lists every code, and which calls answer it"
    assert {row[0]: int(row[1]) for row in rows(text, 3) if row[1] in STATUSES} == {
        code.value: code.http_status for code in ErrorCode
    }


STATUSES = {"400", "401", "403", "429", "500"}


def test_every_root_field_is_told_of() -> None:
    roots = [root for root in (API.query_type, API.mutation_type, API.subscription_type) if root]
    there = {name for root in roots for name in root.fields}
    told = set(re.findall(r"\w+", "\n".join(found.text for found in pages())))
    assert there <= told, "a page in docs/ tells of every query, mutation and subscription"


def test_every_event_type_is_told() -> None:
    code = "\n".join(path.read_text() for path in REPO.glob("domain/**/*.py"))
    subjects = "order|payment|refund|dispute|webhook_endpoint|hold|transfer|vendor|payout"
    there = set(re.findall(rf'"((?:{subjects})\.[a-z_]+)"', code))
    there |= {f"payment.{status}" for status in PaymentStatus} | {"payment.updated", "payment.fee_known"}
    there |= {f"vendor.{status}" for status in VendorStatus} | {"vendor.updated"}
    there |= {f"payout.{status}" for status in PayoutStatus}
    there |= {f"refund.{status}" for status in RefundStatus} | {f"dispute.{status}" for status in DisputeStatus}
    told = set(re.findall(rf"`((?:{subjects})\.[a-z_]+)`", page("docs/first-payment.md").text))
    assert told == there, "docs/first-payment.md lists every type of event"


def test_every_event_type_of_subscriptions_is_told() -> None:
    changes = ("created", "renewed", "changed", "updated", "trial_ending", "cancel_scheduled", "cancel_withdrawn")
    there = {f"subscription.{kind}" for kind in (*changes, *SubscriptionStatus)} - {"subscription.incomplete"}
    there |= {f"invoice.{kind}" for kind in ("payment_failed", "action_required", *InvoiceStatus)}
    there |= {f"entitlement.{kind}" for kind in ("granted", "changed", "revoked")}
    text = page("docs/plans-and-subscriptions.md").text
    told = set(re.findall(r"`((?:subscription|invoice|entitlement)\.[a-z_]+)`", text)) - {"subscription.timeline"}
    assert told == there, "docs/plans-and-subscriptions.md lists every type of a subscription's events"


def test_the_webhook_endpoint_is_told_as_the_gateway_wants_it() -> None:
    text = page("docs/production.md").text
    told = [block.text.split() for block in page("docs/production.md").blocks("text") if "updated" in block.text]
    own = {*LISTENED, *billing_events.LISTENED, *connect_evidence.TRANSFERS}
    assert told == [sorted(own), sorted(connect_evidence.LISTENED)], (
        "docs/production.md lists the events that a webhook endpoint has to send"
    )
    assert f"`{stripe.api_version}`" in text


def test_every_scope_is_told() -> None:
    assert set(re.findall(r"`(\w+:\w+|checkout)`", page("docs/security.md").text)) == {
        scope.value for scope in Scope
    }, "docs/security.md lists every scope"


def test_the_ledger_is_told_as_it_is_posted() -> None:
    refunds = [kind for kind in PostingKind if kind.value.startswith("refund_")]
    disputes = [kind for kind in PostingKind if kind.value.startswith("dispute_")]
    entries = [ledger.capture("p", "EUR", 1, 1), ledger.fee("p", "EUR", 1, 1)]
    entries += [ledger.refund(kind, "r", "p", "EUR", 1) for kind in refunds]
    entries += [ledger.dispute(kind, "d", "p", "EUR", 1, "1") for kind in disputes]
    entries += [ledger.sharing(kind, "h", "EUR", 1, vendor_id="ven_…") for kind in ledger.VENDOR_ACCOUNTS]
    assert {entry.kind for entry in entries} == set(PostingKind)
    text = page("docs/money.md").text
    told = {row[0]: (row[2], row[3]) for row in rows(text, 4) if not row[3][0].isdigit()}
    there = {entry.kind.value: (entry.debit, entry.credit) for entry in entries}
    assert told == there, "docs/money.md lists every kind of posting"
    for kind, debit, credit, _amount in (row for row in rows(text, 4) if row[3][0].isdigit()):
        assert told[kind] == (debit, credit)


def test_every_status_of_a_dispute_is_told() -> None:
    told = {row[0] for row in rows(page("docs/disputes.md").text, 3)}
    assert told == {status.name for status in DisputeStatus}, "docs/disputes.md lists every status"


def test_every_kind_and_status_of_a_mail_is_told() -> None:
    told = {row[0] for columns in (2, 4) for row in rows(page("docs/mail.md").text, columns)}
    assert told == {kind.name for kind in MailKind} | {status.name for status in MailStatus}
    events = set(re.findall(r"`(\w+\.\w+)`", page("docs/mail.md").text))
    assert events >= {*KINDS, *subscriptions.KINDS}, "docs/mail.md tells which events cause mail"


def test_the_ranks_are_told_as_they_are_folded() -> None:
    text = page("docs/decisions/0002-evidence-is-cumulative-and-ranked.md").text
    told = {status: int(rank) for rank, status in re.findall(r"^\| (\d+) \| `(\w+)` \|$", text, re.MULTILINE)}
    assert told == {status.name: rank for status, rank in _RANKS.items()}


def test_the_test_cards_are_told_as_they_behave() -> None:
    told = re.findall(r"^\| (\d{4} \d{4} \d{4} \d{4}) \| (.+) \|$", page("docs/sandbox.md").text, re.MULTILINE)
    assert len(told) > 10
    for number, does in told:
        card = BY_NUMBER[number.replace(" ", "")]
        assert does.startswith("succeeds") == (card.title.startswith("Succeeds")), number
        assert ("3D Secure" in does) == (card.challenge != "never"), number
        assert ("declined" in does or "declines" in does) == ("eclined" in card.title or "eclines" in card.title), (
            number
        )


def test_every_decision_is_listed_and_has_its_four_parts() -> None:
    listed = page("docs/decisions/README.md").text
    for path in sorted(REPO.glob("docs/decisions/0*.md")):
        text = path.read_text()
        assert re.findall(r"^## (\w+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences", "Alternatives"]
        assert f"[{text.splitlines()[0].removeprefix('# ')}]({path.name})" in listed
