"""A server in this process, and everybody who calls it over a real channel.

A request knows its call: `world.send(pb.GetLoginRequest(...))` makes GetLogin, as the client whose
call it is unless `by` names another. `refused` takes what a call is refused with, and holds each
refusal to the manual in `error_reason.proto` on the way.
"""

from __future__ import annotations

import hashlib
import io
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import grpc
import grpc.aio
import pytest
from google.protobuf import message_factory
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from godkend import _core
from godkend.calls import bearer
from godkend.calls import manual as manual_of
from godkend.clients import load_local_token
from godkend.config import Config
from godkend.front_end import qr_code
from godkend.logs import Log
from godkend.service.app import running
from godkend.statements import DeviceKey, activation_statement
from godkend.v1 import copy_service_pb2 as copy_pb
from godkend.v1 import (
    delegation_service_pb2,
    error_reason_pb2,
    event_service_pb2,
    history_service_pb2,
    identity_service_pb2,
    login_service_pb2,
    notification_service_pb2,
    passport_service_pb2,
    recovery_service_pb2,
)
from godkend.v1 import device_service_pb2 as device_pb
from godkend.v1 import display_service_pb2 as display_pb
from godkend.v1 import event_service_pb2 as event_pb
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import issuing_service_pb2 as issuing_pb
from godkend.v1 import key_card_service_pb2 as key_card_pb
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import statement_pb2 as statement_pb
from tests.support.driver import NOW_MS
from tests.support.phones import BORN, P256, PIN, SERVICE_PROVIDER, SOURCE, TEXT, Phone, fresh
from tests.support.policies import policy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable
    from pathlib import Path

    from google.protobuf.message import Message

    from godkend.clients import Role
    from godkend.logs import Level
    from godkend.service.app import Running

PENDING = login_pb.LOGIN_STATE_PENDING
OPENED = login_pb.LOGIN_STATE_OPENED
APPROVED = login_pb.LOGIN_STATE_APPROVED
REJECTED = login_pb.LOGIN_STATE_REJECTED
EXPIRED = login_pb.LOGIN_STATE_EXPIRED
CANCELLED = login_pb.LOGIN_STATE_CANCELLED
REDEEMED = login_pb.LOGIN_STATE_REDEEMED

BY_PIN = statement_pb.USER_VERIFICATION_PIN
BY_BIOMETRICS = statement_pb.USER_VERIFICATION_BIOMETRICS
UNVERIFIED = statement_pb.USER_VERIFICATION_NONE
APPROVE = statement_pb.DECISION_APPROVE
REJECT = statement_pb.DECISION_REJECT

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LOGIN_LIFE_MS = 300_000
PATIENCE_S = 30.0
"""After which a call that hangs fails its test. No test waits for it."""


@dataclass(frozen=True)
class Client:
    """A configured caller."""

    name: str
    role: Role
    service_providers: tuple[str, ...] = ()
    business_service_providers: tuple[str, ...] = ()
    bank_service_providers: tuple[str, ...] = ()
    profile_service_providers: tuple[str, ...] = ()

    @property
    def token(self) -> str:
        """As the client shows it."""
        return f"token-of-{self.name}-0123456789abcdefghijklmnopq"

    @property
    def config(self) -> dict[str, Any]:
        """As the server knows it."""
        return {
            "role": self.role,
            "token_sha256": hashlib.sha256(self.token.encode()).hexdigest(),
            "service_providers": self.service_providers,
            "business_service_providers": self.business_service_providers,
            "bank_service_providers": self.bank_service_providers,
            "profile_service_providers": self.profile_service_providers,
        }


PORTAL = Client("portal", "front-end", (SERVICE_PROVIDER, "health"))
BANK = Client("bank", "front-end", ("bank",), bank_service_providers=("bank",))
HOME = Client("home", "front-end", ("profile",), profile_service_providers=("profile",))
CHAMBER = Client("chamber", "front-end", ("trade", "leisure"), ("trade",))
REGISTRAR = Client("registrar", "registrar")
SUPPORT = Client("support", "support")
PROFILE = Client("profile", "self-service", (SERVICE_PROVIDER, "profile"))
AUDITOR = Client("auditor", "auditor")
CLIENTS = (PORTAL, BANK, HOME, CHAMBER, REGISTRAR, SUPPORT, PROFILE, AUDITOR)
ANYBODY: Final = None

_CALLERS: dict[str, Client | None] = {
    "LoginService": PORTAL,
    "DeviceService": ANYBODY,
    "CopyService": ANYBODY,
    "IdentityService": REGISTRAR,
    "IssuingService": REGISTRAR,
    "RecoveryService": SUPPORT,
    "DisplayService": REGISTRAR,
    "KeyCardService": REGISTRAR,
    "ListWaysIn": PORTAL,
    "GetKeyNumber": PORTAL,
    "SubmitKey": PORTAL,
    "PassportService": REGISTRAR,
    "DelegationService": REGISTRAR,
    "EventService": AUDITOR,
    "NotificationService": SUPPORT,
    "HistoryService": AUDITOR,
}
METHODS = {
    method.input_type.name: method
    for file in (
        login_service_pb2,
        device_pb,
        copy_pb,
        identity_service_pb2,
        issuing_pb,
        recovery_service_pb2,
        display_pb,
        key_card_pb,
        passport_service_pb2,
        delegation_service_pb2,
        event_service_pb2,
        history_service_pb2,
        notification_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
"""Every method of every service, by the name of its request."""
OF_THE_SERVICE: Final = Client("of the service", "front-end")


@dataclass(frozen=True)
class Refusal:
    """What a caller learns of a call that was refused."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: dict[str, str]
    retry_ms: int | None
    violations: list[tuple[str, str]]

    @property
    def field(self) -> str:
        """The field that was malformed."""
        ((field, bound),) = self.violations
        assert (self.metadata["field"], self.metadata["bound"]) == (field, bound)
        assert bound
        return field


async def refused(reason: str, call: Awaitable[Any]) -> Refusal:
    """What a call is refused with: this reason, told as the manual promises."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    refusal = refusal_of(raised.value)
    assert refusal.reason == reason
    return refusal


def refusal_of(error: grpc.aio.AioRpcError) -> Refusal:
    """Reads google.rpc.Status, and holds it to the manual."""
    status: Any = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None, f"no google.rpc.Status: {error}"
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    bad_request = error_details_pb2.BadRequest()
    retry_ms = None
    for detail in status.details:
        if detail.Unpack(info) or detail.Unpack(bad_request):
            continue
        assert detail.Unpack(retry), detail
        retry_ms = retry.retry_delay.ToMilliseconds()
    assert info.domain == "godkend"
    entry = manual_of(info.reason)
    assert entry is not None, f"{info.reason} is not in the manual"
    assert error.code().value[0] == entry.code
    violations = [(v.field, v.description) for v in bad_request.field_violations]
    if violations:
        assert error.details() == " ".join(violations[0])
    else:
        assert error.details() == entry.person
    if entry.retry == error_reason_pb2.RETRY_LATER:
        assert retry_ms is not None
        assert retry_ms > 0
    metadata = dict(info.metadata)
    if "retry_after_ms" in metadata:
        assert metadata["retry_after_ms"] == str(retry_ms)
    return Refusal(error.code(), info.reason, error.details() or "", metadata, retry_ms, violations)


@dataclass
class Login:
    """A login as its front-end holds it."""

    request: login_pb.StartLoginRequest
    verifier: bytes
    stream: Any
    first: login_pb.StartLoginResponse

    @property
    def login_id(self) -> bytes:
        return self.first.login_id

    @property
    def link(self) -> str:
        return self.first.started.app_link

    def qr(self, second: int = 0) -> str:
        """The moving code of one second since the start."""
        started = self.first.started
        return qr_code(started.qr_token, started.qr_secret, self.login_id, second)

    async def next_state(self) -> int:
        """Waits for the next message of the stream."""
        message = await self.stream.read()
        assert message is not grpc.aio.EOF, "the stream ended"
        assert message.login_id == self.login_id
        state: int = message.state
        return state

    async def states(self) -> list[int]:
        """All further states, to the end of the stream."""
        states: list[int] = []
        while (message := await self.stream.read()) is not grpc.aio.EOF:
            states.append(message.state)
        return states


class World:
    """A server, its clock, its log, and a channel to it."""

    def __init__(
        self,
        server: Running,
        clock: _core.ManualClock,
        channel: grpc.aio.Channel,
        log: io.BytesIO,
        config: Config,
    ) -> None:
        self.server = server
        self.clock = clock
        self.channel = channel
        self.log = log
        self.config = config

    @property
    def now_ms(self) -> int:
        """The server's time."""
        return self.clock.now_ms

    def token(self, client: Client) -> str:
        """What this client shows: of local clients, that of its role."""
        if self.config.clients:
            return client.token
        return load_local_token(self.config.data_dir, client.role)

    def stream(
        self,
        request: Message,
        by: Client | None = OF_THE_SERVICE,
        *,
        timeout_s: float = PATIENCE_S,
        channel: grpc.aio.Channel | None = None,
        assertion: str = "",
    ) -> Any:
        """The call that this request is for, begun: a stream, or something to await."""
        return self.raw(
            type(request).__name__,
            request.SerializeToString(),
            by,
            timeout_s=timeout_s,
            channel=channel,
            assertion=assertion,
        )

    def raw(
        self,
        request_name: str,
        request: bytes,
        by: Client | None = OF_THE_SERVICE,
        *,
        timeout_s: float = PATIENCE_S,
        channel: grpc.aio.Channel | None = None,
        metadata: tuple[tuple[str, str], ...] | None = None,
        assertion: str = "",
    ) -> Any:
        """The same with a request that may be no message at all."""
        method = METHODS[request_name]
        service = method.containing_service
        usual = _CALLERS[method.name if method.name in _CALLERS else service.name]
        caller = usual if by is OF_THE_SERVICE else by
        path = f"/{service.full_name}/{method.name}"
        response = message_factory.GetMessageClass(method.output_type)
        channel = channel or self.channel
        kind = channel.unary_stream if method.server_streaming else channel.unary_unary
        call: Any = kind(path, response_deserializer=response.FromString)
        if metadata is None:
            metadata = bearer(self.token(caller)) if caller is not None else ()
        if assertion:
            metadata = (*metadata, ("subscriber-assertion", assertion))
        return call(request, metadata=metadata, timeout=timeout_s)

    async def send(
        self,
        request: Message,
        by: Client | None = OF_THE_SERVICE,
        *,
        timeout_s: float = PATIENCE_S,
        assertion: str = "",
    ) -> Any:
        """Makes the call that this request is for; of a stream, everything to its end."""
        call = self.stream(request, by, timeout_s=timeout_s, assertion=assertion)
        if METHODS[type(request).__name__].server_streaming:
            return [message async for message in call]
        return await call

    # Identities

    async def register(self, user_id: str = "anna", **fields: Any) -> bytes:
        """A new identity."""
        chosen = {
            "request_id": fresh(),
            "user_id": user_id,
            "name": "Anna Jensen",
            "birth_date": BORN,
            **fields,
        }
        response = await self.send(identity_pb.CreateIdentityRequest(**chosen))
        identity_id: bytes = response.identity_id
        return identity_id

    async def identity(self, identity_id: bytes) -> identity_pb.Identity:
        """An identity as the desk sees it."""
        request = identity_pb.GetIdentityRequest(identity_id=identity_id)
        identity: identity_pb.Identity = (await self.send(request)).identity
        return identity

    async def authenticator(self, phone: Phone) -> identity_pb.Authenticator:
        """A phone as the desk sees it."""
        (found,) = [
            each
            for each in (await self.identity(phone.identity_id)).authenticators
            if each.authenticator_id == phone.authenticator_id
        ]
        return found

    async def strikes(self, phone: Phone) -> int:
        """How many strikes its PIN has."""
        return (await self.authenticator(phone)).strikes

    async def block(self, identity_id: bytes, authenticator_id: bytes = b"") -> None:
        """Blocks an identity, or one phone of it."""
        await self.send(
            identity_pb.BlockIdentityRequest(
                identity_id=identity_id, authenticator_id=authenticator_id
            )
        )

    async def unblock(self, identity_id: bytes, authenticator_id: bytes = b"") -> None:
        """Takes a block back."""
        await self.send(
            identity_pb.UnblockIdentityRequest(
                identity_id=identity_id, authenticator_id=authenticator_id
            )
        )

    async def events(self) -> list[event_pb.Event]:
        """The whole history."""
        request = event_pb.StreamEventsRequest(until_now=True)
        return [message.event for message in await self.send(request)]

    # Activation

    async def issue(self, identity_id: bytes, **fields: Any) -> Any:
        """A new activation code."""
        chosen = {"request_id": fresh(), "identity_id": identity_id, **fields}
        return await self.send(identity_pb.IssueActivationCodeRequest(**chosen))

    async def begin(
        self, user_id: str, code: str, key: DeviceKey, **fields: Any
    ) -> device_pb.BeginActivationResponse:
        """Trades user ID and code for a challenge."""
        begun: device_pb.BeginActivationResponse = await self.send(
            begin_request(user_id, code, key, **fields)
        )
        return begun

    async def finish(
        self, key: DeviceKey, begun: Any, pin: str = PIN, *, biometrics_on: bool = True
    ) -> bytes:
        """Proves the key and chooses the PIN; the authenticator's id."""
        signed = activation_statement(key, begun)
        response = await self.send(
            device_pb.FinishActivationRequest(
                statement=signed.statement,
                signature=signed.signature,
                pin=pin,
                biometrics_on=biometrics_on,
            )
        )
        authenticator_id: bytes = response.authenticator_id
        return authenticator_id

    async def activate(
        self,
        user_id: str = "anna",
        *,
        identity_id: bytes = b"",
        code: str = "",
        algorithm: statement_pb.KeyAlgorithm.ValueType = P256,
        biometrics_on: bool = True,
        **fields: Any,
    ) -> Phone:
        """The whole way to an activated phone, of a new identity and code unless they are given."""
        key = DeviceKey.generate(algorithm)
        identity_id = identity_id or await self.register(user_id, **fields)
        code = code or (await self.issue(identity_id)).activation_code
        begun = await self.begin(user_id, code, key)
        authenticator_id = await self.finish(key, begun, biometrics_on=biometrics_on)
        return Phone(key, identity_id, authenticator_id, PIN)

    # Logins

    async def start(self, user_id: str = "", by: Client = PORTAL, **fields: Any) -> Login:
        """Starts a login and follows it."""
        verifier = fields.pop("verifier", fresh(32))
        request = start_request(user_id, verifier=verifier, **fields)
        stream = self.stream(request, by)
        first = await stream.read()
        return Login(request, verifier, stream, first)

    async def open(
        self, phone: Phone, login: Login, code: str = "", signed_at_ms: int | None = None
    ) -> device_pb.OpenLoginResponse:
        """The phone scans a code: the login's link unless another one is given."""
        at_ms = self.now_ms if signed_at_ms is None else signed_at_ms
        signed = phone.opens(code or login.link, at_ms)
        request = device_pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
        opened: device_pb.OpenLoginResponse = await self.send(request)
        return opened

    async def opened(
        self, phone: Phone, user_id: str = "", **fields: Any
    ) -> tuple[Login, device_pb.OpenLoginResponse]:
        """A login that waits for this phone's decision."""
        login = await self.start(user_id, **fields)
        return login, await self.open(phone, login)

    async def approve(
        self,
        phone: Phone,
        opened: device_pb.OpenLoginResponse,
        pin: str | None = None,
        how: statement_pb.UserVerification.ValueType = BY_PIN,
        **altered: Any,
    ) -> int:
        """Approves, with the phone's own PIN unless another is given."""
        request = approve_request(phone, opened, pin, how, **altered)
        state: int = (await self.send(request)).state
        return state

    async def reject(
        self,
        phone: Phone,
        opened: device_pb.OpenLoginResponse,
        *,
        not_me: bool = False,
        **altered: Any,
    ) -> int:
        """Rejects."""
        decision = altered.pop("decision", REJECT)
        signed = phone.decides(opened, decision, UNVERIFIED, **altered)  # type: ignore[arg-type]
        request = device_pb.RejectLoginRequest(
            statement=signed.statement, signature=signed.signature, not_me=not_me
        )
        state: int = (await self.send(request)).state
        return state

    async def redeem(self, login: Login, by: Client = PORTAL, verifier: bytes = b"") -> str:
        """Turns an approved login into its assertion."""
        request = login_pb.RedeemLoginRequest(
            login_id=login.login_id, verifier=verifier or login.verifier
        )
        assertion: str = (await self.send(request, by)).assertion
        return assertion

    async def sign_in(self, phone: Phone, by: Client = PORTAL, **fields: Any) -> str:
        """A whole login by PIN; the assertion it ends in."""
        login, opened = await self.opened(phone, by=by, **fields)
        await self.approve(phone, opened)
        return await self.redeem(login, by)

    async def cancel(self, login: Login, by: Client = PORTAL) -> int:
        """Ends a login."""
        request = login_pb.CancelLoginRequest(login_id=login.login_id)
        state: int = (await self.send(request, by)).state
        return state

    async def state(self, login: Login, by: Client = PORTAL) -> int:
        """Where a login is now."""
        request = login_pb.GetLoginRequest(login_id=login.login_id)
        state: int = (await self.send(request, by)).state
        return state

    async def change_pin(self, phone: Phone, pin_old: str, pin_new: str) -> None:
        """Replaces a PIN."""
        signed = phone.changes_pin(self.now_ms)
        await self.send(
            device_pb.ChangePinRequest(
                statement=signed.statement,
                signature=signed.signature,
                pin_old=pin_old,
                pin_new=pin_new,
            )
        )

    async def jwks(self) -> str:
        """The keys of assertions."""
        jwks: str = (await self.send(login_pb.GetJwksRequest(), ANYBODY)).jwks
        return jwks

    def log_lines(self) -> list[dict[str, Any]]:
        """What was logged so far."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


def start_request(
    user_id: str = "", *, verifier: bytes = b"", **fields: Any
) -> login_pb.StartLoginRequest:
    """A well-formed request for a login."""
    chosen: dict[str, Any] = {
        "request_id": fresh(),
        "service_provider": SERVICE_PROVIDER,
        "text": TEXT,
        "user_id": user_id,
        "verifier_digest": hashlib.sha256(verifier or fresh(32)).digest(),
        "source": SOURCE,
        "nonce": "nonce",
        **fields,
    }
    return login_pb.StartLoginRequest(**chosen)


def begin_request(
    user_id: str, code: str, key: DeviceKey, **fields: Any
) -> device_pb.BeginActivationRequest:
    """A well-formed request for an activation."""
    chosen: dict[str, Any] = {
        "request_id": fresh(),
        "user_id": user_id,
        "activation_code": code,
        "key_algorithm": key.algorithm,
        "public_key": key.public_key,
        "device_name": "Anna's phone",
        **fields,
    }
    return device_pb.BeginActivationRequest(**chosen)


def approve_request(
    phone: Phone,
    opened: device_pb.OpenLoginResponse,
    pin: str | None = None,
    how: statement_pb.UserVerification.ValueType = BY_PIN,
    **altered: Any,
) -> device_pb.ApproveLoginRequest:
    """A signed approval; `altered` fields of the statement are what they should not be."""
    if pin is None:
        pin = phone.pin if how == BY_PIN else ""
    decision = altered.pop("decision", APPROVE)
    signed = phone.decides(opened, decision, how, **altered)  # type: ignore[arg-type]
    return device_pb.ApproveLoginRequest(
        statement=signed.statement, signature=signed.signature, pin=pin
    )


@asynccontextmanager
async def a_world(
    directory: Path,
    *,
    clock: _core.ManualClock | None = None,
    store: str = ":memory:",
    server: dict[str, Any] | None = None,
    metrics: bool = False,
    log_level: Level = "error",
    channel_options: tuple[tuple[str, Any], ...] = (),
    local_clients: bool = False,
    trust_anchors: Path | None = None,
    notifications: dict[str, Any] | None = None,
    **sections: Any,
) -> AsyncIterator[World]:
    """A server with the policy of these sections, cheap PINs by default, and a channel to it.

    With `local_clients`, front-ends may start logins for any service provider.
    """
    clock = clock or _core.ManualClock(NOW_MS)
    config = Config.model_validate(
        {
            "data_dir": directory / "data",
            "store_path": store or None,
            "server": {"listen": "127.0.0.1:0", "stop_notice_ms": 0, **(server or {})},
            "metrics": {"listen": "127.0.0.1:0" if metrics else ""},
            "passport": {"trust_anchors": trust_anchors},
            "clients": {} if local_clients else {client.name: client.config for client in CLIENTS},
            "notifications": notifications or {},
            "policy": json.loads(policy(**sections)),
        }
    )
    lines = io.BytesIO()
    log = Log(log_level, lines)
    try:
        async with AsyncExitStack() as stack:
            running_server = await stack.enter_async_context(running(config, log=log, clock=clock))
            options = (("grpc.use_local_subchannel_pool", 1), *channel_options)
            channel = await stack.enter_async_context(
                grpc.aio.insecure_channel(f"127.0.0.1:{running_server.port}", options)
            )
            yield World(running_server, clock, channel, lines, config)
    finally:
        log.close()
