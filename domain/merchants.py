"""Merchants, their keys, and who a key speaks for."""

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.refusals import Fault, Findings, Refusal
from kit import ids
from kit.database import reading
from kit.database.reading import decode_json, decode_time
from kit.database.unit import Unit, unit_of_work
from models import ApiKey, KeyKind, Merchant, MerchantOrigin, Scope

SECRET_SCOPES = frozenset(Scope) - {Scope.CHECKOUT}
PUBLISHABLE_SCOPES = frozenset({Scope.CHECKOUT})
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>(?:[a-z0-9-]+\.)*[a-z0-9-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who is asking: a key, and the merchant it speaks for."""

    key_id: str
    merchant_id: str
    kind: KeyKind
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key. `secret` is shown this once and kept nowhere."""

    key_id: str
    secret: str


class UnknownMerchant(Refusal):
    def __init__(self, merchant_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no merchant {merchant_id}."))


class UnknownKey(Refusal):
    def __init__(self, key_id: str) -> None:
        super().__init__(Fault("NOT_FOUND", f"There is no key {key_id}, or it has ended."))


def clean_origin(text: str) -> str:
    """The web origin as browsers send it; raises Refusal for anything that is none."""
    found = _ORIGIN.fullmatch(text.strip().lower())
    if found is None or len(text) > 255 or not 0 < int(found["port"] or 1) < 65536:
        raise Refusal(Fault("INVALID", f"{text[:80]!r} is no web origin; write it like https://shop.example."))
    scheme, host, port = found["scheme"], found["host"], int(found["port"] or 0)
    return f"{scheme}://{host}:{port}" if port not in (0, _DEFAULT_PORTS[scheme]) else f"{scheme}://{host}"


async def create_merchant(name: str, *, livemode: bool, origins: Iterable[str], now: datetime) -> str:
    """A new merchant in one mode; returns its id. `origins` are the web origins its pages live on."""
    findings = Findings()
    clean = findings.text(name, "The name", 200, required=True)
    findings.refuse_if_any()
    merchant_id = ids.new("mer", now)
    cleaned = sorted({clean_origin(origin) for origin in origins})

    async def work(unit: Unit) -> None:
        await Merchant.create(id=merchant_id, name=clean, livemode=livemode, created_at=now)
        await MerchantOrigin.bulk_create([MerchantOrigin(merchant_id=merchant_id, origin=o) for o in cleaned])

    await unit_of_work(work)
    return merchant_id


async def issue_key(
    merchant_id: str, kind: KeyKind, *, now: datetime, scopes: Iterable[Scope] | None = None
) -> IssuedKey:
    """A new key with the scopes given, or all that its kind may have."""
    return await unit_of_work(lambda _: _issue(merchant_id, kind, scopes, now))


async def rotate_key(key_id: str, *, overlap: timedelta, now: datetime) -> IssuedKey:
    """A new key with the same powers; the old one goes on for the overlap, so that callers can change over."""

    async def work(_: Unit) -> IssuedKey:
        old = await ApiKey.get_or_none(id=key_id)
        if old is None or (old.expires_at and old.expires_at <= now):
            raise UnknownKey(key_id)
        issued = await _issue(old.merchant_id, old.kind, [Scope(scope) for scope in old.scopes], now)
        await end_key(key_id, at=now + overlap)
        return issued

    return await unit_of_work(work)


async def _issue(merchant_id: str, kind: KeyKind, scopes: Iterable[Scope] | None, now: datetime) -> IssuedKey:
    merchant = await Merchant.get_or_none(id=merchant_id)
    if merchant is None:
        raise UnknownMerchant(merchant_id)
    allowed = SECRET_SCOPES if kind is KeyKind.SECRET else PUBLISHABLE_SCOPES
    wanted = allowed if scopes is None else frozenset(scopes)
    if not wanted or wanted - allowed:
        names = ", ".join(sorted(allowed))
        raise Refusal(Fault("INVALID", f"A {kind.value} key may have these scopes, one at least: {names}."))
    secret = _secret(kind, livemode=merchant.livemode)
    key_id = ids.new("key", now)
    await ApiKey.create(
        id=key_id,
        merchant_id=merchant_id,
        kind=kind,
        scopes=sorted(wanted),
        digest=_digest(secret),
        hint=f"{secret[:8]}…{secret[-4:]}",
        created_at=now,
    )
    return IssuedKey(key_id, secret)


async def end_key(key_id: str, *, at: datetime) -> None:
    """The key ends at that time, or earlier if it would have."""
    ended = await reading.execute(
        "UPDATE api_keys SET expires_at = $2 WHERE id = $1 AND (expires_at IS NULL OR expires_at > $2)", key_id, at
    )
    if not ended and not await ApiKey.exists(id=key_id):
        raise UnknownKey(key_id)


async def authenticate(secret: str, *, livemode: bool, now: datetime) -> Actor | None:
    """Who holds this key; None for a key that is unknown, has ended, or is of the other mode."""
    row = await reading.fetch_one(
        """SELECT k.id, k.merchant_id, k.kind, k.scopes, k.expires_at, m.livemode
             FROM api_keys k JOIN merchants m ON m.id = k.merchant_id WHERE k.digest = $1""",
        _digest(secret),
    )
    if row is None or bool(row["livemode"]) != livemode or _has_ended(row["expires_at"], now):
        return None
    scopes = frozenset(Scope(scope) for scope in decode_json(row["scopes"]))
    return Actor(row["id"], row["merchant_id"], KeyKind(row["kind"]), scopes)


async def key_is_valid(key_id: str, *, now: datetime) -> bool:
    """Whether the key has not ended: what a long-lived connection asks again and again."""
    row = await reading.fetch_one("SELECT expires_at FROM api_keys WHERE id = $1", key_id)
    return row is not None and not _has_ended(row["expires_at"], now)


async def origin_is_trusted(origin: str, merchant_id: str | None = None) -> bool:
    """Whether a merchant (this one, if given) lists the web origin."""
    row = await reading.fetch_one(
        "SELECT 1 FROM merchant_origins WHERE origin = $1 AND ($2::text IS NULL OR merchant_id = $2) LIMIT 1",
        origin.lower(),
        merchant_id,
    )
    return row is not None


async def add_origin(merchant_id: str, origin: str) -> None:
    """The merchant's pages live there too from now on; adding it again changes nothing."""
    cleaned = clean_origin(origin)
    if not await Merchant.exists(id=merchant_id):
        raise UnknownMerchant(merchant_id)
    await reading.execute(
        """INSERT INTO merchant_origins (merchant_id, origin) VALUES ($1, $2)
           ON CONFLICT (merchant_id, origin) DO NOTHING""",
        merchant_id,
        cleaned,
    )


async def remove_origin(merchant_id: str, origin: str) -> None:
    """The origin is not trusted any more; removing it again changes nothing."""
    await reading.execute(
        "DELETE FROM merchant_origins WHERE merchant_id = $1 AND origin = $2", merchant_id, clean_origin(origin)
    )


async def merchant_name(merchant_id: str) -> str:
    row = await reading.fetch_one("SELECT name FROM merchants WHERE id = $1", merchant_id)
    if row is None:
        raise UnknownMerchant(merchant_id)
    return str(row["name"])


def _has_ended(expires_at: datetime | str | None, now: datetime) -> bool:
    return expires_at is not None and decode_time(expires_at) <= now


def _secret(kind: KeyKind, *, livemode: bool) -> str:
    prefix = "sk" if kind is KeyKind.SECRET else "pk"
    return f"{prefix}_{'live' if livemode else 'test'}_{secrets.token_hex(20)}"


def _digest(secret: str) -> str:
    # A key is 160 random bits: nobody can guess it from a plain digest.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
