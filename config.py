"""What can be set from outside, read once from the environment. An empty environment is the embedded instance."""

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

_WITH_HOST = frozenset({"http", "https", "redis", "rediss", "smtp", "smtps"})
_ADDRESS = re.compile(r"[!-~]{1,64}@(?:[A-Za-z0-9-]+\.)*[A-Za-z0-9-]+")
_NOT_IN_ADDRESSES = frozenset('<>()[],;:\\"')


class ConfigError(Exception):
    """A setting is missing or makes no sense; the message names it and says what to do."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Every setting, typed. `from_environment` is the only place that reads the environment."""

    host: str
    port: int
    data_dir: Path
    base_url: str
    database_url: str
    database_is_given: bool
    redis_url: str | None
    stripe_secret_key: str | None
    stripe_publishable_key: str | None
    stripe_webhook_secrets: tuple[str, ...]
    stripe_api_base: str | None
    sandbox_port: int
    smtp_url: str | None
    mail_from: str
    secret_key: bytes
    development: bool
    log_level: str

    @property
    def local_url(self) -> str:
        """Where this machine reaches the API, whatever the world calls it."""
        return f"http://{_reachable(self.host)}:{self.port}"

    @property
    def sandbox_url(self) -> str:
        """Where this machine reaches the sandbox PSP that `run` starts."""
        return f"http://{_reachable(self.host)}:{self.sandbox_port}"

    @property
    def livemode(self) -> bool:
        """Whether real money moves: the mode of the Stripe key."""
        return (self.stripe_secret_key or "").startswith(("sk_live_", "rk_live_"))

    @property
    def embedded(self) -> bool:
        """Whether the sandbox PSP plays Stripe in this very process."""
        return self.stripe_secret_key is None


def from_environment(env: Mapping[str, str] = os.environ) -> Settings:
    """Reads the settings; raises ConfigError with one sentence for the first that is wrong."""
    host, port = env.get("HOST") or "127.0.0.1", _port(env, "PORT", 8000)
    data_dir = Path(env.get("DATA_DIR") or "var").resolve()
    key = _stripe_key(env)
    webhook_secrets = tuple(s.strip() for s in env.get("STRIPE_WEBHOOK_SECRET", "").split(",") if s.strip())
    development = _flag(env, "DEVELOPMENT", default=key is None)
    return Settings(
        host=host,
        port=port,
        data_dir=data_dir,
        base_url=_url(env, "BASE_URL", ("http", "https")) or f"http://{_reachable(host)}:{port}",
        database_url=_url(env, "DATABASE_URL", ("sqlite", "postgres", "postgresql"))
        or f"sqlite://{data_dir / 'paygraph.db'}",
        database_is_given=bool(env.get("DATABASE_URL")),
        redis_url=_url(env, "REDIS_URL", ("redis", "rediss", "unix")),
        stripe_secret_key=key,
        stripe_publishable_key=env.get("STRIPE_PUBLISHABLE_KEY") or None,
        stripe_webhook_secrets=webhook_secrets,
        stripe_api_base=_url(env, "STRIPE_API_BASE", ("http", "https")),
        sandbox_port=_port(env, "SANDBOX_PORT", port + 1),
        smtp_url=_url(env, "SMTP_URL", ("smtp", "smtps")),
        mail_from=_mail_from(env),
        secret_key=_secret_key(env, key, data_dir),
        development=development,
        log_level=_log_level(env),
    )


def require_production(settings: Settings) -> None:
    """Raises ConfigError unless all that `serve` and `worker` share is configured."""
    wanted = {
        "DATABASE_URL": settings.database_is_given,
        "REDIS_URL": settings.redis_url,
        "STRIPE_SECRET_KEY": settings.stripe_secret_key,
    }
    if settings.stripe_secret_key:
        require_webhook_secret(settings)
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        raise ConfigError(
            f"{' and '.join(missing)} must be set. To try the product without keys or services: python main.py run"
        )


def require_webhook_secret(settings: Settings) -> None:
    """Raises ConfigError unless Stripe's messages can be verified."""
    if not settings.stripe_webhook_secrets:
        raise ConfigError(
            "STRIPE_WEBHOOK_SECRET is not set: give the signing secret of the webhook endpoint (whsec_…)."
        )


def _stripe_key(env: Mapping[str, str]) -> str | None:
    key = env.get("STRIPE_SECRET_KEY") or None
    if key and not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
        raise ConfigError("STRIPE_SECRET_KEY must begin with sk_test_, sk_live_, rk_test_ or rk_live_.")
    return key


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    text = env.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 65535:
        raise ConfigError(f"{name} must be a port number from 1 to 65535, not {text!r}.")
    return int(text)


def _url(env: Mapping[str, str], name: str, schemes: tuple[str, ...]) -> str | None:
    text = env.get(name)
    if not text:
        return None
    try:
        parts = urlsplit(text)
        scheme, whole = parts.scheme, parts.port != 0 and bool(parts.hostname)
    except ValueError:
        scheme, whole = "", False
    if scheme not in schemes or (scheme in _WITH_HOST and not whole):
        raise ConfigError(f"{name} must be a URL that begins with {' or '.join(f'{s}://' for s in schemes)}.")
    return text.rstrip("/") if scheme.startswith("http") else text


def _mail_from(env: Mapping[str, str]) -> str:
    """Where no server is set, mails only look as if they came from somewhere."""
    address = env.get("MAIL_FROM")
    if not address and env.get("SMTP_URL"):
        raise ConfigError("MAIL_FROM must be set beside SMTP_URL: the address that mails come from.")
    if address and (not _ADDRESS.fullmatch(address) or _NOT_IN_ADDRESSES.intersection(address)):
        raise ConfigError("MAIL_FROM must be a bare e-mail address, such as pay@example.com.")
    return address or "paygraph@localhost"


def _flag(env: Mapping[str, str], name: str, *, default: bool) -> bool:
    text = (env.get(name) or ("1" if default else "0")).lower()
    if text not in {"0", "1", "true", "false", "yes", "no"}:
        raise ConfigError(f"{name} must be 1 or 0, not {text!r}.")
    return text in {"1", "true", "yes"}


def _log_level(env: Mapping[str, str]) -> str:
    level = (env.get("LOG_LEVEL") or "INFO").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
        raise ConfigError(f"LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not {level!r}.")
    return level


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in {"0.0.0.0", "::", ""} else f"[{host}]" if ":" in host else host  # noqa: S104


def _secret_key(env: Mapping[str, str], stripe_key: str | None, data_dir: Path) -> bytes:
    """SECRET_KEY; else drawn from the Stripe key, so that four settings are enough; else kept in the data folder."""
    if given := env.get("SECRET_KEY"):
        if len(given) < 32:
            raise ConfigError("SECRET_KEY must have at least 32 characters, such as: openssl rand -hex 32")
        return given.encode()
    if stripe_key:
        return b"paygraph:" + stripe_key.encode()
    return _kept_secret(data_dir / "secret.key")


def _kept_secret(path: Path) -> bytes:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            draft = path.with_suffix(f".{os.getpid()}")
            draft.touch(mode=0o600)
            draft.write_text(secrets.token_hex(32))
            with contextlib.suppress(FileExistsError):
                os.link(draft, path)  # whole or not at all, and never over another process's
            draft.unlink()
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"DATA_DIR {path.parent} cannot be used: {error.strerror}.") from None
