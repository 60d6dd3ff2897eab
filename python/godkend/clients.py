"""Who calls: clients, their roles, and the tokens by which they are known.

Only SHA-256 digests of tokens are kept in configuration. A token is 32 random bytes, so a digest
needs no salt and no slow hash, and finding it in a dict tells an attacker nothing: whoever can vary
a digest's bytes at will cannot know the token behind it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Role = Literal["front-end", "registrar", "support", "self-service", "auditor"]

ROLES: tuple[Role, ...] = get_args(Role)
ANY_SERVICE_PROVIDER = "*"
ROLES_OF_SERVICE_PROVIDERS: frozenset[Role] = frozenset({"front-end", "self-service"})
"""Those whose clients name service providers: whom a front-end may start logins for, and at whom a
self-service site's subscribers are logged in."""
LOCAL_PREFIX = "local-"
CLIENTS_FILE = "clients.json"
TOKEN_BYTES = 32
BEARER = "Bearer "


class ClientsError(Exception):
    """The clients cannot be read or made; the message is one line for the operator."""


@dataclass(frozen=True, slots=True, eq=False)
class Client:
    """A configured caller. There is one object for each, so that it is cheap as a key."""

    name: str
    role: Role
    token_digest: bytes
    service_providers: frozenset[str] = frozenset()
    business_service_providers: frozenset[str] = frozenset()
    """Those of them that offer a business service: business identities log in there alone."""
    bank_service_providers: frozenset[str] = frozenset()
    """Those of them that are banks, where NemID ends first."""
    profile_service_providers: frozenset[str] = frozenset()
    """Those of them that are the subscriber's own profile, where NemID ends last."""

    def serves(self, service_provider: str) -> bool:
        """Whether a front-end may start logins for this service provider."""
        return (
            service_provider in self.service_providers
            or ANY_SERVICE_PROVIDER in self.service_providers
        )

    def offers_business(self, service_provider: str) -> bool:
        """Whether it offers a business service, so that business identities log in there."""
        return service_provider in self.business_service_providers

    def service_kind(self, service_provider: str) -> int:
        """What it is to NemID, as the core counts it: 1 any, 2 a bank, 3 the profile."""
        if service_provider in self.bank_service_providers:
            return 2
        return 3 if service_provider in self.profile_service_providers else 1


class Clients:
    """All callers, found by the token they show."""

    def __init__(self, clients: Iterable[Client]) -> None:
        self._by_digest: dict[bytes, Client] = {}
        for client in clients:
            other = self._by_digest.setdefault(client.token_digest, client)
            if other is not client:
                raise ClientsError(f"clients {other.name} and {client.name} have the same token")

    def find(self, authorization: str) -> Client | None:
        """The client that an `authorization` header shows the token of, or None."""
        if not authorization.startswith(BEARER):
            return None
        return self._by_digest.get(token_digest(authorization[len(BEARER) :]))


def token_digest(token: str) -> bytes:
    """SHA-256 of a token, as configured in hex."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def local_clients(data_dir: Path) -> list[Client]:
    """The clients of `clients.json`, which is made with random tokens if there is none.

    Servers that start at once on one directory all read what the first one made. Raises
    `ClientsError`.
    """
    path = data_dir / CLIENTS_FILE
    if not path.exists():
        _make(path)
    return [
        Client(
            name=name,
            role=entry["role"],
            token_digest=token_digest(entry["token"]),
            service_providers=frozenset(entry["service_providers"]),
        )
        for name, entry in _read(path).items()
    ]


def load_local_token(data_dir: Path, role: Role) -> str:
    """The token of the local client of a role, for the CLI. Raises `ClientsError`."""
    path = data_dir / CLIENTS_FILE
    entry = _read(path).get(LOCAL_PREFIX + role)
    if entry is None:
        raise ClientsError(f"{path}: no client {LOCAL_PREFIX + role}")
    token: str = entry["token"]
    return token


def _make(path: Path) -> None:
    local = {
        LOCAL_PREFIX + role: {
            "role": role,
            "token": base64.urlsafe_b64encode(secrets.token_bytes(TOKEN_BYTES))
            .rstrip(b"=")
            .decode(),
            "service_providers": (
                [ANY_SERVICE_PROVIDER] if role in ROLES_OF_SERVICE_PROVIDERS else []
            ),
        }
        for role in ROLES
    }
    content = orjson.dumps(local, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # Unlike a rename, a link never replaces the tokens that another server just made.
            with contextlib.suppress(FileExistsError):
                os.link(temporary, path)
        finally:
            temporary.unlink()
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise ClientsError(f"cannot make {path}: {error.strerror}") from error


def _read(path: Path) -> dict[str, dict[str, Any]]:
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise ClientsError(
                    f"{path} can be read by others (mode {mode:04o}): the tokens in it are to be "
                    f"considered known; remove it to make new ones, or chmod 600 it"
                )
            content = orjson.loads(file.read())
    except OSError as error:
        raise ClientsError(f"cannot read {path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise ClientsError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or not all(map(_well_formed, content.values())):
        raise ClientsError(f"{path} is damaged: each client has role, token and service_providers")
    return content


def _well_formed(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and entry.keys() == {"role", "token", "service_providers"}
        and entry["role"] in ROLES
        and isinstance(entry["token"], str)
        and len(entry["token"]) >= TOKEN_BYTES
        and isinstance(entry["service_providers"], list)
        and all(isinstance(name, str) for name in entry["service_providers"])
    )
