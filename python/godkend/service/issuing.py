"""IssuingService: proving at a desk who somebody is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from godkend.service.call import caller, timeout_ms
from godkend.v1 import issuing_service_pb2 as pb
from godkend.v1.issuing_service_pb2_grpc import IssuingServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context
    from godkend.v1 import login_service_pb2

    DocumentKind: TypeAlias = pb.DocumentKind.ValueType
    Level: TypeAlias = login_service_pb2.AssuranceLevel.ValueType
    Method: TypeAlias = pb.IdentificationMethod.ValueType


class IssuingService(IssuingServiceServicer):
    """Keeps evidence and consents."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def RecordIdentification(
        self, request: pb.RecordIdentificationRequest, context: Context
    ) -> pb.RecordIdentificationResponse:
        engine = self._engine
        document = request.document
        evidence_id: bytes = await engine.call(
            engine.core.record_identification,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            request.officer_id,
            document.kind,
            document.country,
            document.document_number,
            document.expires_on,
            request.birth_date,
            request.method,
            request.witness_id,
        )
        return pb.RecordIdentificationResponse(evidence_id=evidence_id)

    async def RecordConsent(
        self, request: pb.RecordConsentRequest, context: Context
    ) -> pb.RecordConsentResponse:
        engine = self._engine
        consent_id: bytes = await engine.call(
            engine.core.record_consent,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            request.parent_id,
            request.officer_id,
        )
        return pb.RecordConsentResponse(consent_id=consent_id)

    async def CheckWitness(
        self, request: pb.CheckWitnessRequest, context: Context
    ) -> pb.CheckWitnessResponse:
        engine = self._engine
        statements_left: int = await engine.call(
            engine.core.check_witness, timeout_ms(context), request.witness_id
        )
        return pb.CheckWitnessResponse(statements_left=statements_left)

    async def ListEvidence(
        self, request: pb.ListEvidenceRequest, context: Context
    ) -> pb.ListEvidenceResponse:
        engine = self._engine
        found: _core.RecordedView = await engine.call(
            engine.core.list_evidence, timeout_ms(context), request.identity_id
        )
        return pb.ListEvidenceResponse(
            evidence=map(_evidence, found.evidence), consents=map(_consent, found.consents)
        )


def _evidence(view: _core.EvidenceView) -> pb.Evidence:
    return pb.Evidence(
        evidence_id=view.evidence_id,
        recorded_by=view.recorded_by,
        officer_id=view.officer_id,
        document_kind=cast("DocumentKind", view.document_kind),
        document_country=view.document_country,
        document_expires_on=view.document_expires_on,
        method=cast("Method", view.method),
        witness_id=view.witness_id,
        level=cast("Level", view.level),
        recorded_at_ms=view.recorded_at_ms,
        evidence_reference=view.reference,
    )


def _consent(view: _core.ConsentView) -> pb.Consent:
    return pb.Consent(
        consent_id=view.consent_id,
        parent_id=view.parent_id,
        recorded_by=view.recorded_by,
        officer_id=view.officer_id,
        recorded_at_ms=view.recorded_at_ms,
    )
