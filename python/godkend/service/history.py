"""HistoryService: what happened to an identity, as each viewer may see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias, cast

from godkend.service.call import caller, prove_subscriber, timeout_ms
from godkend.v1 import history_service_pb2 as pb
from godkend.v1.history_service_pb2_grpc import HistoryServiceServicer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from godkend import _core
    from godkend.clients import Role
    from godkend.engine import Engine
    from godkend.service.call import Context

    Advice: TypeAlias = pb.Advice.ValueType

VIEWERS: Final[Mapping[Role, str]] = {
    "self-service": "subscriber",
    "support": "support",
    "auditor": "auditor",
}


class HistoryService(HistoryServiceServicer):
    """Shows pages of the history and takes reports."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ListHistory(
        self, request: pb.ListHistoryRequest, context: Context
    ) -> pb.ListHistoryResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        page: _core.HistoryPage = await engine.call(
            engine.core.read_history,
            timeout_ms(context),
            VIEWERS[caller.get().role],
            request.identity_id,
            request.page_size,
            request.page_token,
        )
        return pb.ListHistoryResponse(
            entries=[_entry(*each) for each in page.entries], next_page_token=page.next_page_token
        )

    async def ListOwnHistory(
        self, request: pb.ListOwnHistoryRequest, context: Context
    ) -> pb.ListOwnHistoryResponse:
        engine = self._engine
        page: _core.HistoryPage = await engine.call(
            engine.core.read_own_history,
            timeout_ms(context),
            request.statement,
            request.signature,
        )
        return pb.ListOwnHistoryResponse(
            entries=[_entry(*each) for each in page.entries], next_page_token=page.next_page_token
        )

    async def ReportLogin(
        self, request: pb.ReportLoginRequest, context: Context
    ) -> pb.ReportLoginResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        reported: _core.Reported = await engine.call(
            engine.core.report_login,
            timeout_ms(context),
            caller.get().name,
            request.identity_id,
            request.entry_seq,
        )
        return pb.ReportLoginResponse(
            advice=cast("Advice", reported.advice),
            authenticator_id=reported.authenticator_id,
            ended=reported.ended,
        )

    async def ReportOwnLogin(
        self, request: pb.ReportOwnLoginRequest, context: Context
    ) -> pb.ReportOwnLoginResponse:
        engine = self._engine
        reported: _core.Reported = await engine.call(
            engine.core.report_own_login,
            timeout_ms(context),
            request.statement,
            request.signature,
        )
        return pb.ReportOwnLoginResponse(
            advice=cast("Advice", reported.advice),
            authenticator_id=reported.authenticator_id,
            ended=reported.ended,
        )


def _entry(event: _core.EventView, reported_at_ms: int) -> pb.Entry:
    return pb.Entry(
        seq=event.seq,
        at_ms=event.at_ms,
        kind=event.kind,
        authenticator_id=event.authenticator_id,
        login_id=event.login_id,
        actor=event.actor,
        detail=event.detail,
        reported_at_ms=reported_at_ms,
    )
