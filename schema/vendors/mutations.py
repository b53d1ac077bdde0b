"""Making vendors, sending them to the PSP, and stopping them."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry.types import Info

from domain import idempotency, reads
from domain.checkout.places import check_return
from domain.refusals import Refusal
from domain.vendors import manage
from domain.vendors.manage import NewVendor
from kit import clock, ids
from models import Scope
from schema.arguments import Input
from schema.context import Context
from schema.errors import MESSAGE, PATH, RETRYABLE, checked_id, error_codes, user_errors
from schema.orders.inputs import KEY, MetadataInput
from schema.permissions import context_of, mutation
from schema.vendors.types import Vendor


@error_codes("Why a call about a vendor was refused.")
class VendorErrorCode(Enum):
    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    INVALID_ID = "INVALID_ID"
    INVALID_EMAIL = "INVALID_EMAIL"
    TOO_LONG = "TOO_LONG"
    CARD_NUMBER = "CARD_NUMBER"
    UNKNOWN_COUNTRY = "UNKNOWN_COUNTRY"
    NOT_FOUND = "NOT_FOUND"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    RETURN_URL_NOT_ALLOWED = "RETURN_URL_NOT_ALLOWED"
    VENDOR_REJECTED = "VENDOR_REJECTED"
    VENDOR_NOT_READY = "VENDOR_NOT_READY"
    GATEWAY_UNAVAILABLE = "GATEWAY_UNAVAILABLE"
    GATEWAY_REFUSED = "GATEWAY_REFUSED"


@strawberry.type(description="Why nothing was changed.")
class VendorUserError:
    code: VendorErrorCode = strawberry.field(description="Decide by this.")
    message: str = strawberry.field(description=MESSAGE)
    path: list[str] | None = strawberry.field(description=PATH)
    retryable: bool = strawberry.field(description=RETRYABLE)


@strawberry.input(description="A vendor to make.")
class VendorCreateInput:
    idempotency_key: str = strawberry.field(description=KEY)
    name: str = strawberry.field(description="What it is called, up to 200 characters.")
    email: str = strawberry.field(description="Where the PSP reaches it.")
    country: str = strawberry.field(
        description="Where it is at home, ISO 3166-1 alpha-2, such as DE. It never changes."
    )
    metadata: list[MetadataInput] = strawberry.field(
        default_factory=list, description="Up to 20 pairs to keep with the vendor."
    )


@strawberry.input(description="A vendor that is to tell the PSP about itself.")
class VendorOnboardInput:
    vendor_id: strawberry.ID = strawberry.field(description="The vendor (ven_…).")
    return_url: str = strawberry.field(
        description="Where it comes back to, on one of the merchant's origins. Arriving there proves nothing."
    )
    refresh_url: str | None = strawberry.field(
        default=None,
        description="Where it is sent when the link is too old: make a fresh one there. returnUrl when left out.",
    )


@strawberry.input(description="A vendor to stop.")
class VendorDisableInput:
    vendor_id: strawberry.ID = strawberry.field(description="The vendor (ven_…).")


@strawberry.input(description="A vendor to go on with.")
class VendorEnableInput:
    vendor_id: strawberry.ID = strawberry.field(description="The vendor (ven_…).")


@strawberry.type(description="The vendor, or why it is not as wanted.")
class VendorPayload:
    vendor: Vendor | None = strawberry.field(description="As it is now; null when there is none.")
    user_errors: list[VendorUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type(description="A fresh link to the PSP's page, or why there is none.")
class VendorOnboardPayload:
    vendor: Vendor | None = strawberry.field(description="As it is now; null when there is none.")
    url: str | None = strawberry.field(description="Send the vendor there. It opens once. Null with userErrors.")
    expires_at: datetime | None = strawberry.field(description="Until when it opens; null with userErrors.")
    user_errors: list[VendorUserError] = strawberry.field(description="Empty when all went well.")


@strawberry.type
class VendorMutations:
    @mutation(
        Scope.VENDORS_WRITE,
        description="Makes a vendor, with an account of its own at the PSP. It can be sold for once it is ACTIVE:"
        " vendorOnboard leads there.",
    )
    async def vendor_create(self, info: Info, input: Input[VendorCreateInput]) -> VendorPayload:
        context = context_of(info)
        wanted = NewVendor(
            name=input.name,
            email=input.email,
            country=input.country,
            metadata=[(entry.key, entry.value) for entry in input.metadata],
        )
        try:
            vendor_id = await manage.create_vendor(
                context.services.gateways,
                wanted,
                merchant_id=context.merchant_id,
                idempotency_key=input.idempotency_key,
                body_digest=idempotency.digest(strawberry.asdict(input)),
                cause=context.cause,
                now=clock.now(),
            )
        except Refusal as refusal:
            return VendorPayload(vendor=None, user_errors=user_errors(VendorUserError, VendorErrorCode, refusal))
        return VendorPayload(vendor=await _vendor(context, vendor_id), user_errors=[])

    @mutation(
        Scope.VENDORS_WRITE,
        description="A fresh link to the PSP's page, where the vendor tells what is missing. It moves no money and may"
        " be called as often as you like, so it needs no idempotency key.",
    )
    async def vendor_onboard(self, info: Info, input: Input[VendorOnboardInput]) -> VendorOnboardPayload:
        context, link, errors = context_of(info), None, list[VendorUserError]()
        try:
            vendor_id = checked_id(input.vendor_id, "ven", "a vendor", "vendorId")
            refresh_url = input.refresh_url if input.refresh_url is not None else input.return_url
            for name, url in (("returnUrl", input.return_url), ("refreshUrl", refresh_url)):
                await check_return(context.merchant_id, context.services.base_url, url, name)
            link = await manage.onboard_vendor(
                context.services.gateways,
                merchant_id=context.merchant_id,
                vendor_id=vendor_id,
                return_url=input.return_url,
                refresh_url=refresh_url,
            )
        except Refusal as refusal:
            errors = user_errors(VendorUserError, VendorErrorCode, refusal)
        return VendorOnboardPayload(
            vendor=await _vendor(context, input.vendor_id),
            url=link.url if link else None,
            expires_at=link.expires_at if link else None,
            user_errors=errors,
        )

    @mutation(
        Scope.VENDORS_WRITE,
        description="From now on nothing can be sold for the vendor, and nothing is sent to it; what it is owed waits."
        " Disabling it again changes nothing.",
    )
    async def vendor_disable(self, info: Info, input: Input[VendorDisableInput]) -> VendorPayload:
        return await _switch(info, input.vendor_id, on=False)

    @mutation(
        Scope.VENDORS_WRITE,
        description="Takes vendorDisable back; what the vendor was owed meanwhile is sent.",
    )
    async def vendor_enable(self, info: Info, input: Input[VendorEnableInput]) -> VendorPayload:
        return await _switch(info, input.vendor_id, on=True)


async def _switch(info: Info, given: str, *, on: bool) -> VendorPayload:
    context, errors = context_of(info), list[VendorUserError]()
    try:
        vendor_id = checked_id(given, "ven", "a vendor", "vendorId")
        change = manage.enable_vendor if on else manage.disable_vendor
        await change(merchant_id=context.merchant_id, vendor_id=vendor_id, cause=context.cause, now=clock.now())
    except Refusal as refusal:
        errors = user_errors(VendorUserError, VendorErrorCode, refusal)
    return VendorPayload(vendor=await _vendor(context, given), user_errors=errors)


async def _vendor(context: Context, vendor_id: str) -> Vendor | None:
    if ids.prefix_of(vendor_id) != "ven":
        return None
    row = await reads.by_id("vendors", context.merchant_id, vendor_id)
    return Vendor.of(row) if row else None
