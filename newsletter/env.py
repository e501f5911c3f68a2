"""The environment: every variable that Broadsheet reads, typed, with all mistakes reported at once.

The only module of the apps that looks at the environment; newsletter/settings/ turns what it
finds into Django settings. docs/configuration.md explains each variable (a test compares the two).
Values never appear in messages, because some of them are secrets.
"""

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

ROOT = Path(__file__).resolve().parent.parent

Port = Annotated[int, Field(ge=1, le=65535)]
Positive = Annotated[int, Field(ge=1)]
CommaSeparated = Annotated[list[str], NoDecode]


class Environment(BaseSettings):
    """What the environment says. Field names are the variables, in lower case."""

    model_config = SettingsConfigDict(
        case_sensitive=False,
        extra="ignore",
        # The default message prints the whole environment, passwords included.
        hide_input_in_errors=True,
        secrets_dir=None,
    )

    # Servers
    database_url: SecretStr
    redis_url: SecretStr
    broker_url: SecretStr = SecretStr("")  # empty: redis_url

    # Secrets
    secret_key: SecretStr
    tracking_keys: SecretStr
    suppression_key: SecretStr = SecretStr("")  # empty: secret_key
    encryption_keys: SecretStr = SecretStr("")

    # Addresses
    public_url: str
    tracking_url: str = ""  # empty: public_url
    allowed_hosts: CommaSeparated = []
    trusted_proxies: CommaSeparated = []

    # Mail
    smtp_url: SecretStr
    default_from: str
    bounce_domain: str | None = None
    sender_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{5,15}$")] = "broadsheet"

    # Sending
    send_batch_size: Annotated[int, Field(ge=1, le=10_000)] = 500  # recipients
    send_lease: Annotated[int, Field(ge=5)] = 60  # seconds
    send_connections: Annotated[int, Field(ge=1, le=500)] = 20  # for each worker process
    worker_concurrency: Positive = 2  # processes
    send_retry_after: Annotated[int, Field(ge=0)] = 60  # seconds
    send_retry_for: Annotated[int, Field(ge=60)] = 86_400  # seconds
    dns_resolvers: CommaSeparated = []
    alerts_to: CommaSeparated = []
    report_after: Annotated[int, Field(ge=0, le=168)] = 24  # hours; 0: never

    # Tracking
    tracking_default: Literal["off", "aggregate", "individual"] = "aggregate"
    tracking_stream: str = "tracking:events"
    tracking_stream_limit: Positive = 512  # megabytes
    tracking_keep_events: Annotated[int, Field(ge=0)] = 24  # months; 0: for ever
    tracking_networks: Path | None = None
    tracking_countries: Path | None = None
    edge_workers: Positive = 1  # processes

    # Where the processes listen
    web_host: str = "127.0.0.1"
    web_port: Port = 8000
    web_threads: Positive = 8
    edge_host: str = "127.0.0.1"
    edge_port: Port = 8001
    mailcatcher_host: str = "127.0.0.1"
    mailcatcher_port: Port = 8025
    mailcatcher_keep: Positive = 20_000  # mails

    # This installation
    run_dir: Path = ROOT / ".run"
    embedded: bool = False
    debug: bool = False
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    language_code: str = "en-gb"
    time_zone: str = "UTC"

    @field_validator(
        "allowed_hosts", "trusted_proxies", "dns_resolvers", "alerts_to", mode="before"
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return value

    @field_validator("public_url", "tracking_url")
    @classmethod
    def _web_address(cls, value: str, info: ValidationInfo) -> str:
        if info.field_name == "tracking_url" and not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address such as https://news.example.org")
        if parts.query or parts.fragment:
            raise ValueError("must not hold a '?' or a '#'")
        return value.rstrip("/")

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, value: SecretStr) -> SecretStr:
        if urlsplit(value.get_secret_value()).scheme not in ("postgres", "postgresql"):
            raise ValueError("must start with postgres:// (PostgreSQL is the only database)")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if parts.scheme != "smtp" or not parts.hostname:
            raise ValueError("must look like smtp://user:password@host:port?tls=starttls")
        return value

    @field_validator("tracking_keys", "encryption_keys")
    @classmethod
    def _keys(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        keys = [key.strip() for key in value.get_secret_value().split(",")]
        is_left_out = info.field_name == "encryption_keys" and keys == [""]
        if not is_left_out and not all(len(key) >= 16 for key in keys):
            raise ValueError("each key (separated by commas) needs at least 16 characters")
        return value

    @model_validator(mode="after")
    def _fill_in(self) -> "Environment":
        self.tracking_url = self.tracking_url or self.public_url
        self.broker_url = self.broker_url or self.redis_url
        self.suppression_key = self.suppression_key or self.secret_key
        return self


@lru_cache(maxsize=1)
def read() -> Environment:
    """Read the environment. Raises ImproperlyConfigured with every mistake, no values."""
    try:
        # The fields come from the environment, which mypy can't see.
        return Environment()  # type: ignore[call-arg]
    except ValidationError as error:
        lines = [_explain(dict(mistake)) for mistake in error.errors(include_input=False)]
        raise ImproperlyConfigured(
            "The environment is not complete:\n  "
            + "\n  ".join(lines)
            + "\ndocs/configuration.md explains each variable; `make run` fills them in by itself."
        ) from None


def _explain(mistake: dict[str, Any]) -> str:
    name = str(mistake["loc"][0]).upper() if mistake["loc"] else "environment"
    if mistake["type"] == "missing":
        return f"{name} is not set"
    return f"{name}: {str(mistake['msg']).removeprefix('Value error, ')}"
