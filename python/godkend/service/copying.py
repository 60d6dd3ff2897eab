"""CopyService: from the app to its copy on another phone. Signatures are the credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from godkend.service.call import timeout_ms
from godkend.service.device import caller_source
from godkend.v1 import copy_service_pb2 as pb
from godkend.v1.copy_service_pb2_grpc import CopyServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context


class CopyService(CopyServiceServicer):
    """Takes the steps of copies."""

    def __init__(self, engine: Engine, source_metadata: str = "") -> None:
        self._engine = engine
        self._source_metadata = source_metadata

    async def RequestCopy(
        self, request: pb.RequestCopyRequest, context: Context
    ) -> pb.RequestCopyResponse:
        engine = self._engine
        copy: _core.CopyView = await engine.call(
            engine.core.request_copy,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.pin,
        )
        return pb.RequestCopyResponse(copy=_message(copy))

    async def ConfirmCopy(
        self, request: pb.ConfirmCopyRequest, context: Context
    ) -> pb.ConfirmCopyResponse:
        engine = self._engine
        copy: _core.CopyView = await engine.call(
            engine.core.confirm_copy,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.pin,
        )
        return pb.ConfirmCopyResponse(copy=_message(copy))

    async def ScanCopy(self, request: pb.ScanCopyRequest, context: Context) -> pb.ScanCopyResponse:
        engine = self._engine
        scanned: _core.CopyScanned = await engine.call(
            engine.core.scan_copy,
            timeout_ms(context),
            caller_source(context, self._source_metadata),
            request.statement,
            request.signature,
            request.user_id,
            request.key_algorithm,
            request.device_name,
        )
        return pb.ScanCopyResponse(
            copy_id=scanned.copy_id,
            challenge=scanned.challenge,
            expires_at_ms=scanned.expires_at_ms,
        )

    async def FinishCopy(
        self, request: pb.FinishCopyRequest, context: Context
    ) -> pb.FinishCopyResponse:
        engine = self._engine
        authenticator_id: bytes = await engine.call(
            engine.core.finish_copy,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.temporary_pin,
            request.pin,
            request.biometrics_on,
            request.notifications_on,
        )
        return pb.FinishCopyResponse(authenticator_id=authenticator_id)

    async def StopCopy(self, request: pb.StopCopyRequest, context: Context) -> pb.StopCopyResponse:
        engine = self._engine
        copy: _core.CopyView = await engine.call(
            engine.core.stop_copy, timeout_ms(context), request.statement, request.signature
        )
        return pb.StopCopyResponse(copy=_message(copy))

    async def GetCopy(self, request: pb.GetCopyRequest, context: Context) -> pb.GetCopyResponse:
        engine = self._engine
        copy: _core.CopyView = await engine.call(
            engine.core.get_copy, timeout_ms(context), request.statement, request.signature
        )
        return pb.GetCopyResponse(copy=_message(copy))


def _message(copy: _core.CopyView) -> pb.AppCopy:
    return pb.AppCopy(
        copy_id=copy.copy_id,
        state=cast("pb.CopyState.ValueType", copy.state),
        ready_at_ms=copy.ready_at_ms,
        expires_at_ms=copy.expires_at_ms,
        copy_code=copy.copy_code,
        device_name=copy.device_name,
    )
