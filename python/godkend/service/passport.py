"""PassportService: who somebody is by the chip of a passport, and the ways back it opens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from godkend.service.call import caller, shown_session, timeout_ms
from godkend.v1 import passport_service_pb2 as pb
from godkend.v1.passport_service_pb2_grpc import PassportServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context


class PassportService(PassportServiceServicer):
    """Verifies passports."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def VerifyPassport(
        self, request: pb.VerifyPassportRequest, context: Context
    ) -> pb.VerifyPassportResponse:
        engine = self._engine
        evidence_id: bytes = await engine.call(
            engine.core.verify_passport,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            _passed(request.reading),
            shown_session(engine.core, context, request.identity_id),
        )
        return pb.VerifyPassportResponse(evidence_id=evidence_id)

    async def RecoverUserId(
        self, request: pb.RecoverUserIdRequest, context: Context
    ) -> pb.RecoverUserIdResponse:
        engine = self._engine
        user_id: str = await engine.call(
            engine.core.recover_user_id,
            timeout_ms(context),
            caller.get().name,
            _passed(request.reading),
        )
        return pb.RecoverUserIdResponse(user_id=user_id)

    async def RecoverPin(
        self, request: pb.RecoverPinRequest, context: Context
    ) -> pb.RecoverPinResponse:
        engine = self._engine
        issued: _core.TemporaryPinIssued = await engine.call(
            engine.core.recover_pin,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            _passed(request.reading),
        )
        return pb.RecoverPinResponse(expires_at_ms=issued.expires_at_ms)

    async def RecoverApp(
        self, request: pb.RecoverAppRequest, context: Context
    ) -> pb.RecoverAppResponse:
        engine = self._engine
        issued: _core.ActivationCodeIssued = await engine.call(
            engine.core.recover_app,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            _passed(request.reading),
            request.channel,
            request.attested_key,
        )
        return pb.RecoverAppResponse(
            activation_code=issued.activation_code, expires_at_ms=issued.expires_at_ms
        )


def _passed(reading: pb.PassportReading) -> tuple[bytes, bytes, int, bool, bool, str]:
    checks = reading.checks
    return (
        reading.security_object,
        reading.data_group_1,
        checks.chip_check,
        checks.face_matched,
        checks.register_valid,
        checks.evidence_reference,
    )
