"""RecoveryService: the ways back for somebody who has lost something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godkend.service.call import caller, prove_subscriber, timeout_ms
from godkend.v1 import recovery_service_pb2 as pb
from godkend.v1.recovery_service_pb2_grpc import RecoveryServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context


class RecoveryService(RecoveryServiceServicer):
    """Gives back what was lost, to whom it belongs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def FindUserId(
        self, request: pb.FindUserIdRequest, context: Context
    ) -> pb.FindUserIdResponse:
        engine = self._engine
        document = request.document
        user_id: str = await engine.call(
            engine.core.find_user_id,
            timeout_ms(context),
            caller.get().name,
            document.kind,
            document.country,
            document.document_number,
            request.birth_date,
            request.evidence_reference,
        )
        return pb.FindUserIdResponse(user_id=user_id)

    async def OrderTemporaryPin(
        self, request: pb.OrderTemporaryPinRequest, context: Context
    ) -> pb.OrderTemporaryPinResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        issued: _core.TemporaryPinIssued = await engine.call(
            engine.core.issue_temporary_pin,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            request.evidence_reference,
            session,
        )
        return pb.OrderTemporaryPinResponse(expires_at_ms=issued.expires_at_ms)

    async def ResetPin(self, request: pb.ResetPinRequest, context: Context) -> pb.ResetPinResponse:
        engine = self._engine
        await engine.call(
            engine.core.reset_pin,
            timeout_ms(context),
            request.statement,
            request.signature,
            request.temporary_pin,
            request.pin_new,
        )
        return pb.ResetPinResponse()

    async def BlockByDevice(
        self, request: pb.BlockByDeviceRequest, context: Context
    ) -> pb.BlockByDeviceResponse:
        engine = self._engine
        await engine.call(
            engine.core.block_by_device, timeout_ms(context), request.statement, request.signature
        )
        return pb.BlockByDeviceResponse()
