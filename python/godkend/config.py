"""One configuration: declared, bounded and validated here, frozen once read.

`godkend.config_sources` reads it from flags, environment, a TOML file and the defaults below. The
numbers of the domain, `[policy]`, belong to the Rust core: they are passed on and never declared
twice.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from godkend import _core
from godkend.clients import ANY_SERVICE_PROVIDER, ROLES_OF_SERVICE_PROVIDERS, Client, Role
from godkend.errors import Invalid
from godkend.logs import Level

MEMORY_STORE = ":memory:"
_WITHOUT_PLACE = re.compile(r" at line \d+ column \d+$")


def split_listen(listen: str) -> tuple[str, int]:
    """Host and port of "host:port" or "[host]:port". Raises ValueError."""
    host, colon, port = listen.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    if not colon or not host or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError('must be "host:port" with a port of 0 to 65535, where 0 picks a free one')
    if ":" in host and not bracketed:
        raise ValueError('must have an IPv6 host in brackets, such as "[::1]:7443"')
    return (host[1:-1] if bracketed else host), int(port)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone, as far as can be told without asking a name server."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _checked_listen(listen: str) -> str:
    split_listen(listen)
    return listen


def _checked_listen_or_none(listen: str) -> str:
    return listen and _checked_listen(listen)


Listen = Annotated[str, AfterValidator(_checked_listen)]
ListenOrNone = Annotated[str, AfterValidator(_checked_listen_or_none)]


def _checked_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("must be a time zone, such as Europe/Copenhagen") from error
    return name


def _not_the_phones(name: str) -> str:
    if name == "device":
        raise ValueError("device is what the history calls phones; choose another name")
    return name


ClientName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$"), AfterValidator(_not_the_phones)
]
ServiceProvider = Annotated[str, StringConstraints(min_length=1, max_length=128)]


class Section(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerConfig(Section):
    """The gRPC listener and its bounds."""

    listen: Listen = "127.0.0.1:7443"
    tls_certificate: Path | None = None
    """PEM chain, the server's own certificate first."""
    tls_key: Path | None = None
    insecure_plaintext: bool = False
    """Allows an address other than loopback without TLS, as behind a proxy that ends TLS."""
    reuse_port: bool = False
    """Lets several servers share the port; without it a port in use is an error."""
    workers: Annotated[int, Field(ge=1, le=256)] = 1
    """Identical processes that share port and store. From 2 on, a supervisor replaces those that
    die. The bounds below and those of policy.engine are each worker's."""
    reflection: bool | None = None
    """Answers what it offers; unless said otherwise, on a loopback address alone."""
    source_metadata: Annotated[str, StringConstraints(pattern=r"^([a-z0-9-]{1,64})?$")] = ""
    """Where a proxy in front writes the phone's address, such as "x-forwarded-for"; the last entry
    counts. Only for a proxy that sets it itself: budgets are counted by it. Without it, all phones
    behind one proxy share one budget."""

    message_bytes_max: Annotated[int, Field(ge=16 * 1024, le=4 * 1024 * 1024)] = 64 * 1024
    metadata_bytes_max: Annotated[int, Field(ge=1024, le=64 * 1024)] = 8 * 1024
    calls_max: Annotated[int, Field(ge=1, le=1_000_000)] = 8_192
    """Unary calls under way; one more is told to come back."""
    logins_watched_max: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    """Open StartLogin and WatchLogin streams; one more is told to come back."""
    event_streams_max: Annotated[int, Field(ge=1, le=10_000)] = 64
    streams_per_connection_max: Annotated[int, Field(ge=1, le=100_000)] = 5_000
    overload_retry_ms: Annotated[int, Field(ge=1, le=60_000)] = 500
    """When to come back from one of the bounds above."""

    handshake_timeout_ms: Annotated[int, Field(ge=100, le=120_000)] = 5_000
    keepalive_time_ms: Annotated[int, Field(ge=1_000, le=7_200_000)] = 60_000
    keepalive_timeout_ms: Annotated[int, Field(ge=100, le=600_000)] = 20_000
    keepalive_interval_ms_min: Annotated[int, Field(ge=0, le=600_000)] = 10_000
    """How often a client may ping; one that pings more often is disconnected."""
    connection_age_ms: Annotated[int, Field(ge=1_000, le=86_400_000)] = 3_600_000
    connection_age_grace_ms: Annotated[int, Field(ge=0, le=3_600_000)] = 330_000
    """For calls under way on a connection that is too old; longer than a login lives."""
    stop_notice_ms: Annotated[int, Field(ge=0, le=60_000)] = 50
    """From going out of health to refusing calls, for balancers to notice."""
    stop_grace_ms: Annotated[int, Field(ge=0, le=600_000)] = 10_000
    """For calls under way when the server is told to stop."""

    @property
    def tls(self) -> bool:
        """Whether the listener speaks TLS."""
        return self.tls_certificate is not None

    @property
    def reflects(self) -> bool:
        """Whether the listener answers reflection."""
        if self.reflection is None:
            return is_loopback(split_listen(self.listen)[0])
        return self.reflection

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key go together: give both or neither")
        host, _ = split_listen(self.listen)
        if not (is_loopback(host) or self.tls or self.insecure_plaintext):
            raise ValueError(
                f"listen is {self.listen}, which is not loopback: set tls_certificate and tls_key, "
                f"or insecure_plaintext = true if something in front of it ends TLS"
            )
        return self


class MetricsConfig(Section):
    """The Prometheus listener."""

    listen: ListenOrNone = "127.0.0.1:9464"
    """Empty: no metrics."""


class LogConfig(Section):
    """What is logged."""

    level: Level = "info"
    """At debug also the calls that went well."""


class PassportConfig(Section):
    """Whose passports are believed; which of their documents, `policy.passport` says."""

    trust_anchors: Path | None = None
    """Country signing certificates, and lists of what these have revoked (PEM): a file, or a folder
    whose files end in .pem. Without them nobody is identified by a passport."""


class EmailConfig(Section):
    """The SMTP server that takes e-mail."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    """TLS after STARTTLS, from the first byte on, or none: only for this machine."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust, instead of the public ones."""
    sender: Annotated[str, StringConstraints(pattern=r"^[^\s<>@]+@[^\s<>@]+$", max_length=254)]
    username: str = ""
    password_file: Path | None = None
    timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 10_000

    @model_validator(mode="after")
    def _protected(self) -> Self:
        if self.security == "none" and not is_loopback(self.host):
            raise ValueError(f'security = "none" is for this machine alone, not for {self.host}')
        if bool(self.username) != (self.password_file is not None):
            raise ValueError("username and password_file go together: give both or neither")
        return self


class SmsConfig(Section):
    """The gateway that takes SMS, each POSTed and signed; see `godkend.notifications.webhook`."""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s#]*)?$")]
    key_file: Path
    """The key that both sides have: 32 to 1,024 bytes, spaces at its ends left out."""
    ca_file: Path | None = None
    """Certificates (PEM) to trust, instead of the public ones."""
    timeout_ms: Annotated[int, Field(ge=100, le=60_000)] = 10_000

    @model_validator(mode="after")
    def _protected(self) -> Self:
        parts = urlsplit(self.url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise ValueError(f"url is {self.url}: without TLS only this machine may be named")
        return self


class NotificationsConfig(Section):
    """How subscribers are told what happens to their identity."""

    enabled: bool = True
    folder: Path | None = None
    """Where messages go as files that nobody else carries; by default messages/ in data_dir.
    They are kept for policy.notification.kept_ms."""
    time_zone: Annotated[str, AfterValidator(_checked_time_zone)] = "Europe/Copenhagen"
    """Of the clocks that messages tell the time by."""
    email: EmailConfig | None = None
    """Without it, e-mail goes into the folder."""
    sms: SmsConfig | None = None
    """Without it, SMS go into the folder, with the codes in them."""


class ClientConfig(Section):
    """One caller, known by its token."""

    role: Role
    token_sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """SHA-256 of the token, in lower-case hex."""
    service_providers: tuple[ServiceProvider, ...] = ()
    """Whom a front-end may start logins for; at whom a self-service site's subscribers log in."""
    business_service_providers: tuple[ServiceProvider, ...] = ()
    """Those of a front-end's that offer a business service: the only ones where business identities
    log in."""
    bank_service_providers: tuple[ServiceProvider, ...] = ()
    """Those of a front-end's that are banks: NemID ends there first."""
    profile_service_providers: tuple[ServiceProvider, ...] = ()
    """Those of a front-end's that are the subscriber's own profile: NemID ends there last."""

    @model_validator(mode="after")
    def _of_the_role(self) -> Self:
        if ANY_SERVICE_PROVIDER in self.service_providers:
            raise ValueError('service_providers must be named; "*" is for local clients only')
        if (self.role in ROLES_OF_SERVICE_PROVIDERS) != bool(self.service_providers):
            raise ValueError(
                "service_providers are for front-ends and self-service, which need at least one"
            )
        for kind in ("business", "bank", "profile"):
            named: tuple[str, ...] = getattr(self, f"{kind}_service_providers")
            if named and self.role != "front-end":
                raise ValueError(f"{kind}_service_providers are for front-ends")
            if not set(named) <= set(self.service_providers):
                raise ValueError(f"{kind}_service_providers must be among service_providers")
        if set(self.bank_service_providers) & set(self.profile_service_providers):
            raise ValueError("a service provider is a bank or the profile, and not both")
        return self


class Config(BaseSettings):
    """Everything in force. Built directly, it takes what it is given and the defaults."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix="GODKEND_", env_nested_delimiter="__"
    )

    data_dir: Path = Path("godkend-data")
    """Holds godkend.db, keys.json, clients.json and messages/."""
    store_path: Path | None = None
    """The store, if not in data_dir; ":memory:" for one that is forgotten."""
    keys_path: Path | None = None
    server: ServerConfig = ServerConfig()
    metrics: MetricsConfig = MetricsConfig()
    log: LogConfig = LogConfig()
    passport: PassportConfig = PassportConfig()
    notifications: NotificationsConfig = NotificationsConfig()
    clients: dict[ClientName, ClientConfig] = {}
    """Empty: local ones are made in data_dir at the first start."""
    policy: dict[str, Any] = {}
    """What the file gives of the core's policy; `policy_json` is all of it."""

    @model_validator(mode="after")
    def _shareable(self) -> Self:
        if self.server.workers > 1 and self.store == MEMORY_STORE:
            raise ValueError(
                f"store_path is {MEMORY_STORE}, which server.workers = {self.server.workers} "
                f"processes cannot share: give a file, or one worker"
            )
        return self

    @field_validator("policy")
    @classmethod
    def _known_to_the_core(cls, policy: dict[str, Any]) -> dict[str, Any]:
        try:
            _core.normalise_policy(orjson.dumps(policy).decode())
        except Invalid as error:
            field = "policy" if error.field == "policy" else f"policy.{error.field}"
            # The core was given JSON; a place in that helps nobody who wrote something else.
            raise ValueError(f"{field}: {_WITHOUT_PLACE.sub('', error.bound)}") from error
        return policy

    @property
    def store(self) -> str:
        """Where the store is, as the core takes it."""
        return str(self.store_path or self.data_dir / "godkend.db")

    @property
    def keys(self) -> str:
        """Where the keys are, as the core takes it."""
        return str(self.keys_path or self.data_dir / "keys.json")

    @property
    def messages(self) -> Path:
        """Where messages go that nobody else carries."""
        return self.notifications.folder or self.data_dir / "messages"

    def policy_json(self) -> str:
        """The whole policy, with the core's defaults."""
        return _core.normalise_policy(orjson.dumps(self.policy).decode())

    def named_clients(self) -> list[Client]:
        """The callers under `[clients]`."""
        return [
            Client(
                name,
                c.role,
                bytes.fromhex(c.token_sha256),
                frozenset(c.service_providers),
                frozenset(c.business_service_providers),
                frozenset(c.bank_service_providers),
                frozenset(c.profile_service_providers),
            )
            for name, c in self.clients.items()
        ]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Nothing behind the caller's back: `config_sources` asks the sources one by one."""
        return (init_settings,)
