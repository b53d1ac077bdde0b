"""What the API promises its clients: it is written down, described to the last argument, and of one piece.

A test against breaking changes comes with the first release: until then there is nobody to break.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    GraphQLObjectType,
)
from graphql import is_non_null_type as is_non_null

from tests.schema.codes import codes_of_mutations
from tests.schema.walking import CORE, SCHEMA, arguments, fields, types

COMMITTED = Path(__file__).resolve().parents[2] / "schema.graphql"
CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")
MUTATIONS = CORE.mutation_type.fields if CORE.mutation_type else {}


def codes_in(payload: GraphQLObjectType) -> set[str]:
    errors: Any = payload.fields["userErrors"].type
    return set(errors.of_type.of_type.of_type.fields["code"].type.of_type.values)


def test_the_committed_schema_is_the_one_that_is_served() -> None:
    assert COMMITTED.read_text() == SCHEMA.as_str() + "\n", (
        "The API has changed: look at the difference, and refresh with `python main.py schema > schema.graphql`."
    )


def test_every_type_field_argument_input_and_enum_value_is_described() -> None:
    silent = [kind.name for kind in types() if not kind.description]
    silent += [str(place) for place in fields() if not place.field.description]
    silent += [name for name, argument in arguments() if not argument.description]
    for kind in types():
        if isinstance(kind, GraphQLInputObjectType):
            silent += [f"{kind.name}.{name}" for name, field in kind.fields.items() if not field.description]
        if isinstance(kind, GraphQLEnumType):
            silent += [f"{kind.name}.{name}" for name, value in kind.values.items() if not value.description]
    assert silent == []


def test_no_number_is_a_float() -> None:
    assert "Float" not in CORE.type_map


def test_every_name_is_in_camel_case_and_every_enum_value_in_capitals() -> None:
    odd = [str(place) for place in fields() if not CAMEL.fullmatch(place.name)]
    odd += [place for place, _ in arguments() if not CAMEL.fullmatch(place.partition("(")[2].rstrip(")"))]
    for kind in types():
        if isinstance(kind, GraphQLInputObjectType):
            odd += [f"{kind.name}.{name}" for name in kind.fields if not CAMEL.fullmatch(name)]
        if isinstance(kind, GraphQLEnumType):
            odd += [f"{kind.name}.{name}" for name in kind.values if not re.fullmatch("[A-Z][A-Z0-9_]*", name)]
    assert odd == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_has_one_input_and_a_payload_with_user_errors(name: str) -> None:
    mutation = MUTATIONS[name]
    assert list(mutation.args) == ["input"]
    assert is_non_null(mutation.args["input"].type)
    assert str(mutation.args["input"].type).endswith("Input!")
    assert isinstance(mutation.type, GraphQLNonNull)
    payload = mutation.type.of_type
    assert payload.name.endswith("Payload")
    assert re.fullmatch(r"\[\w+UserError!\]!", str(payload.fields["userErrors"].type))
    others = [field for field_name, field in payload.fields.items() if field_name != "userErrors"]
    assert others
    assert not any(is_non_null(field.type) for field in others), "what is told of a refused call is null"


@pytest.mark.parametrize("kind", [kind for kind in types() if kind.name.endswith("UserError")], ids=lambda k: k.name)
def test_all_user_errors_have_the_same_shape(kind: GraphQLObjectType) -> None:
    shape = {name: str(field.type) for name, field in kind.fields.items()}
    assert re.fullmatch(r"\w+ErrorCode!", shape.pop("code"))
    assert shape == {"message": "String!", "path": "[String!]", "retryable": "Boolean!"}


@pytest.mark.parametrize("kind", [kind for kind in types() if kind.name.endswith("Connection")], ids=lambda k: k.name)
def test_all_lists_are_relay_connections(kind: GraphQLObjectType) -> None:
    assert set(kind.fields) == {"edges", "nodes", "pageInfo", "totalCount"}


def test_no_list_of_rows_is_without_a_bound() -> None:
    """A plain list must be one that its parent bounds: an order's items, a payment's refunds."""
    nodes = {kind.name for kind in types() if isinstance(kind, GraphQLObjectType) and kind.interfaces}
    lists = {str(place) for place in fields() if "[" in str(place.field.type)}
    shown = {str(place): str(place.field.type).strip("[]!") for place in fields()}
    found = [name for name in lists if shown[name] in nodes and not re.match(r"\w+Connection\.", name)]
    bounded = {"Customer.paymentMethods", "Order.holds", "Order.payments", "Payment.disputes", "Payment.refunds"}
    bounded |= {"Payment.transfers", "HoldPayload.holds", "HoldPreview.holds"}
    assert set(found) == bounded | {"HoldRefundPayload.holds", "HoldRefundPayload.refunds"}


TEXTS = """
CheckoutStartInput: cancelUrl clientSecret idempotencyKey returnUrl
CustomerInput: email name
DisputeEvidenceInput: cancellationRebuttal customerName productDescription refundPolicyDisclosure
DisputeEvidenceInput: refundRefusalExplanation serviceDate shippingCarrier shippingDate shippingTrackingNumber
DisputeEvidenceInput: uncategorizedText
DisputeEvidenceSubmitInput: idempotencyKey
EventFilter: types
HoldRefundInput: explanation idempotencyKey
HoldReleaseInput: idempotencyKey
LineItemInput: name splitRule
MailResendInput: idempotencyKey
MerchantContactSetInput: email locale
MetadataInput: key value
OrderCreateInput: idempotencyKey reference splitRule
OrderUpdateInput: splitRule
OrderFilter: reference
PaymentAuthorizeInput: clientSecret idempotencyKey returnUrl token
PaymentCaptureInput: idempotencyKey
PaymentInitializeInput: clientSecret
PaymentLinkCreateInput: idempotencyKey purpose reference
PaymentLinkFilter: email
PaymentLinkSendInput: idempotencyKey
PaymentLinkUpdateInput: purpose
PaymentMethodSaveInput: idempotencyKey token
PaymentVoidInput: idempotencyKey
PlanCreateInput: description features idempotencyKey name
PlanUpdateInput: description features name
ProductCreateInput: description idempotencyKey name splitRule
RefundCreateInput: explanation idempotencyKey
SplitRuleCreateInput: idempotencyKey name
SubscriptionCancelInput: idempotencyKey
SubscriptionChangeInput: idempotencyKey
SubscriptionMethodUpdateInput: returnUrl
SubscriptionPauseInput: idempotencyKey
SubscriptionResumeInput: idempotencyKey
SubscriptionStartInput: cancelUrl idempotencyKey returnUrl
VendorCreateInput: country email idempotencyKey name
VendorOnboardInput: refreshUrl returnUrl
WebhookEndpointCreateInput: description eventTypes idempotencyKey url
WebhookEndpointRotateInput: idempotencyKey
WebhookEndpointUpdateInput: description eventTypes url
WebhookFilterInput: oneOf path
WebhookMappingInput: field path value
"""


def test_every_text_that_a_client_may_send_is_known() -> None:
    """A new one goes through `findings.text`, or a check as strict, and into test_bad_texts.py; then write it here."""
    known = set()
    for line in TEXTS.strip().splitlines():
        kind, _, names = line.partition(": ")
        known |= {f"{kind}.{name}" for name in names.split()}
    inputs = [kind for kind in types() if isinstance(kind, GraphQLInputObjectType)]
    texts = {
        f"{kind.name}.{name}"
        for kind in inputs
        for name, field in kind.fields.items()
        if str(field.type).strip("[]!") in ("String", "JSON")
    }
    assert texts == known


@pytest.mark.parametrize(("mutation", "codes"), codes_of_mutations().items())
def test_every_code_that_a_mutation_may_meet_is_one_of_its_own(mutation: str, codes: set[str]) -> None:
    """Else its refusal would end as an internal error."""
    assert codes or mutation == "fraudPolicySet", "nothing was found: does the walk still know how the domain refuses?"
    assert codes - codes_in(MUTATIONS[mutation].type.of_type) == set()


def test_every_mutation_was_looked_at_for_its_codes() -> None:
    assert set(codes_of_mutations()) == set(MUTATIONS)


def test_no_mutation_promises_a_code_that_none_of_its_kind_can_meet() -> None:
    promised: dict[str, set[str]] = {}
    met: dict[str, set[str]] = {}
    for name, codes in codes_of_mutations().items():
        payload = MUTATIONS[name].type.of_type
        kind = str(payload.fields["userErrors"].type)
        promised[kind] = codes_in(payload)
        met[kind] = met.get(kind, set()) | codes
    assert [codes - met[kind] for kind, codes in promised.items() if codes - met[kind]] == []
