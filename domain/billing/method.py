"""The way for a customer to leave another instrument for what is billed."""

from domain import saved_methods
from domain.billing.alter import allowed
from domain.checkout.places import Places, check_places
from domain.payments.ask import GatewayRefused, GatewayUnavailable
from domain.subscriptions.actions import SubscriptionAction
from domain.tokens import Tokens
from gateways.base import GatewayError, Refused
from gateways.registry import Gateways
from kit.database.unit import unit_of_work


async def update_page(
    gateways: Gateways, tokens: Tokens, *, merchant_id: str, subscription_id: str, places: Places
) -> str:
    """The address of a short-lived page at the PSP. Nothing is changed before the customer has been there."""
    await check_places(merchant_id, places)
    action = SubscriptionAction.UPDATE_METHOD
    row = await unit_of_work(lambda unit: allowed(unit, merchant_id, subscription_id, action))
    own_page = places.base_url + tokens.page_path("subscriptions", subscription_id)
    customer_token = await saved_methods.gateway_customer(gateways, merchant_id, row["customer_id"])
    try:
        return await gateways[row["gateway"]].billing.method_page(
            customer_token, return_url=places.success_url or own_page
        )
    except Refused as error:
        raise GatewayRefused(error.message) from error
    except GatewayError as error:
        raise GatewayUnavailable(error) from error
