"""The commands that end: `migrate`, `schema`, `merchant …` and `key …`. What they make is printed as JSON."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from bootstrap import database
from config import Settings
from domain import contacts, merchants
from kit import clock
from kit.database.migrate import migrate as apply_migrations
from models import ApiKey, KeyKind, Merchant, MerchantOrigin, Scope
from schema.api import build_schema


async def migrate(settings: Settings) -> None:
    """Brings the database's schema up to date."""
    applied = await apply_migrations(settings.database_url)
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


def schema() -> None:
    """Prints the API's schema."""
    print(build_schema(production=True).as_str())


async def create_merchant(
    settings: Settings, name: str, mode: str, origins: Sequence[str], contact: str | None, locale: str | None
) -> None:
    """A merchant with a secret and a publishable key, shown this once."""
    checked = contacts.checked(contact, locale)
    async with _database(settings):
        now = clock.now()
        merchant_id = await merchants.create_merchant(name, livemode=mode == "live", origins=origins, now=now)
        await contacts.set_contact(merchant_id, checked)
        secret = await merchants.issue_key(merchant_id, KeyKind.SECRET, now=now)
        publishable = await merchants.issue_key(merchant_id, KeyKind.PUBLISHABLE, now=now)
    _say(
        merchantId=merchant_id,
        secretKeyId=secret.key_id,
        secretKey=secret.secret,
        publishableKeyId=publishable.key_id,
        publishableKey=publishable.secret,
    )


async def list_merchants(settings: Settings) -> None:
    """Every merchant with its keys, which are shown by their hints only."""
    async with _database(settings):
        for merchant in await Merchant.all().order_by("id").prefetch_related("keys", "origins"):
            keys: list[Any] = [key async for key in ApiKey.filter(merchant_id=merchant.id).order_by("id")]
            _say(
                merchantId=merchant.id,
                name=merchant.name,
                mode="live" if merchant.livemode else "test",
                contact=merchant.contact_email,
                origins=[origin.origin for origin in merchant.origins],  # type: ignore[attr-defined]
                keys=[{"keyId": k.id, "kind": k.kind, "hint": k.hint, "expiresAt": k.expires_at} for k in keys],
            )


async def create_key(settings: Settings, merchant_id: str, kind: str, scopes: Sequence[str]) -> None:
    """One more key, with the scopes given or all that its kind may have."""
    async with _database(settings):
        wanted = [Scope(scope) for scope in scopes] or None
        issued = await merchants.issue_key(merchant_id, KeyKind(kind), now=clock.now(), scopes=wanted)
    _say(keyId=issued.key_id, key=issued.secret)


async def rotate_key(settings: Settings, key_id: str, overlap_hours: float) -> None:
    """A key in the place of another, which goes on for the overlap."""
    async with _database(settings):
        issued = await merchants.rotate_key(key_id, overlap=timedelta(hours=overlap_hours), now=clock.now())
    _say(keyId=issued.key_id, key=issued.secret)


async def end_key(settings: Settings, key_id: str) -> None:
    """The key ends now."""
    async with _database(settings):
        await merchants.end_key(key_id, at=clock.now())
    _say(keyId=key_id, ended=True)


async def change_origins(settings: Settings, merchant_id: str, add: Sequence[str], remove: Sequence[str]) -> None:
    """The web origins that the merchant's pages live on."""
    async with _database(settings):
        for origin in add:
            await merchants.add_origin(merchant_id, origin)
        for origin in remove:
            await merchants.remove_origin(merchant_id, origin)
        origins = await MerchantOrigin.filter(merchant_id=merchant_id).order_by("origin")
    _say(merchantId=merchant_id, origins=[row.origin for row in origins])


async def change_contact(settings: Settings, merchant_id: str, email: str | None, locale: str | None) -> None:
    """Whom at the merchant we write to; without an address, nobody."""
    async with _database(settings):
        contact = contacts.checked(email, locale)
        await contacts.set_contact(merchant_id, contact)
    _say(merchantId=merchant_id, contact=contact.email, locale=contact.locale)


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[None]:
    """The database, with its schema up to date."""
    await apply_migrations(settings.database_url)
    async with database(settings.database_url):
        yield


def _say(**facts: Any) -> None:
    print(json.dumps(facts, default=str, ensure_ascii=False))
