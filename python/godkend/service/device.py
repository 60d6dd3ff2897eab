"""DeviceService: what the phone app calls. Each statement's signature is the credential."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import unquote

from godkend.service.call import timeout_ms
from godkend.v1 import device_service_pb2 as pb
from godkend.v1 import statement_pb2
from godkend.v1.device_service_pb2_grpc import DeviceServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context
    from godkend.v1 import login_service_pb2

    Acting: TypeAlias = login_service_pb2.Acting.ValueType
    Kind: TypeAlias = statement_pb2.DelegationKind.ValueType
    State: TypeAlias = login_service_pb2.LoginState.ValueType

IPV6_SOURCE_BITS = 64
SOURCE_CHARS_MAX = 64


class DeviceService(DeviceServiceServicer):
    """Activates phones and takes their decisions."""

    def __init__(self, engine: Engine, source_metadata: str = "") -> None:
        self._engine = engine
        self._source_metadata = source_metadata

    async def BeginActivation(
        self, request: pb.BeginActivationRequest, context: Context
    ) -> pb.BeginActivationResponse:
        engine = self._engine
        begun: _core.ActivationBegun = await engine.call(
            engine.core.begin_activation,
            timeout_ms(context),
            caller_source(context, self._source_metadata),
            request.request_id,
            request.user_id,
            request.activation_code,
            request.key_algorithm,
            request.public_key,
            request.device_name,
        )
        return pb.BeginActivationResponse(
            activation_id=begun.activation_id,
            challenge=begun.challenge,
            expires_at_ms=begun.expires_at_ms,
        )

    async def FinishActivation(
        self, request: pb.FinishActivationRequest, context: Context
    ) -> pb.FinishActivationResponse:
        engine = self._engine
        authenticator_id: bytes = await engine.call(
            engine.core.finish_activation,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.pin,
            request.biometrics_on,
        )
        return pb.FinishActivationResponse(authenticator_id=authenticator_id)

    async def OpenLogin(
        self, request: pb.OpenLoginRequest, context: Context
    ) -> pb.OpenLoginResponse:
        engine = self._engine
        login: _core.LoginOpened = await engine.call(
            engine.core.open_login, timeout_ms(context), request.statement, request.signature
        )
        return pb.OpenLoginResponse(
            login_id=login.login_id,
            challenge=login.challenge,
            service_provider=login.service_provider,
            text=login.text,
            expires_at_ms=login.expires_at_ms,
            document=_document(login.document),
            acting=cast("Acting", login.acting),
            offers=map(_offer, login.principals),
        )

    async def ApproveLogin(
        self, request: pb.ApproveLoginRequest, context: Context
    ) -> pb.ApproveLoginResponse:
        engine = self._engine
        login: _core.LoginView = await engine.call(
            engine.core.approve_login,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.pin,
        )
        return pb.ApproveLoginResponse(state=cast("State", login.state))

    async def RejectLogin(
        self, request: pb.RejectLoginRequest, context: Context
    ) -> pb.RejectLoginResponse:
        engine = self._engine
        login: _core.LoginView = await engine.call(
            engine.core.reject_login,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.not_me,
        )
        return pb.RejectLoginResponse(state=cast("State", login.state))

    async def ChangePin(
        self, request: pb.ChangePinRequest, context: Context
    ) -> pb.ChangePinResponse:
        engine = self._engine
        await engine.call(
            engine.core.change_pin,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.pin_old,
            request.pin_new,
        )
        return pb.ChangePinResponse()


def caller_source(context: Context, source_metadata: str) -> str:
    """Where a phone calls from: its peer address, or what the proxy in front says it is."""
    for key, value in context.invocation_metadata() or ():
        if source_metadata and key == source_metadata:
            named = str(value).rpartition(",")[2].strip()
            return source_of_address(named) if named else "unnamed"
    return source_of(context.peer())


def _document(document: tuple[bytes, str, str] | None) -> statement_pb2.SigningDocument | None:
    if document is None:
        return None
    sha256, media_type, name = document
    return statement_pb2.SigningDocument(sha256=sha256, media_type=media_type, name=name)


def _offer(principal: tuple[bytes, str, int]) -> pb.ActingOffer:
    delegation_id, name, kind = principal
    return pb.ActingOffer(
        principal=statement_pb2.Principal(delegation_id=delegation_id, name=name),
        kind=cast("Kind", kind),
    )


def source_of(peer: str) -> str:
    """Where a call comes from, for the budgets of strangers, from gRPC's name for the peer.

    An IPv4 address stands for itself. Of an IPv6 address the first 64 bits count: whoever has one
    has the other 64 bits for the choosing, and would have a fresh budget with each.
    """
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return kind
    return source_of_address(unquote(rest).rpartition(":")[0].strip("[]"))


def source_of_address(host: str) -> str:
    """The source that an address stands for; what is no address stands for itself, bounded."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host[:SOURCE_CHARS_MAX]
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, IPV6_SOURCE_BITS), strict=False))
