"""DelegationService: who may act for whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from godkend.service.call import caller, prove_subscriber, timeout_ms
from godkend.v1 import delegation_service_pb2 as pb
from godkend.v1.delegation_service_pb2_grpc import DelegationServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context
    from godkend.v1 import statement_pb2

    Kind: TypeAlias = statement_pb2.DelegationKind.ValueType


class DelegationService(DelegationServiceServicer):
    """Records, shows and ends delegations."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def RecordDelegation(
        self, request: pb.RecordDelegationRequest, context: Context
    ) -> pb.RecordDelegationResponse:
        engine = self._engine
        delegation_id: bytes = await engine.call(
            engine.core.record_delegation,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.principal_id,
            request.agent_id,
            request.kind,
            list(request.scopes),
            request.starts_on,
            request.ends_on,
            request.grounds,
            request.officer_id,
        )
        return pb.RecordDelegationResponse(delegation_id=delegation_id)

    async def ListDelegations(
        self, request: pb.ListDelegationsRequest, context: Context
    ) -> pb.ListDelegationsResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        found: list[_core.DelegationView] = await engine.call(
            engine.core.list_delegations, timeout_ms(context), request.identity_id
        )
        return pb.ListDelegationsResponse(delegations=map(_delegation, found))

    async def EndDelegation(
        self, request: pb.EndDelegationRequest, context: Context
    ) -> pb.EndDelegationResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        await engine.call(
            engine.core.end_delegation,
            timeout_ms(context),
            caller.get().name,
            request.identity_id,
            request.delegation_id,
        )
        return pb.EndDelegationResponse()


def _delegation(view: _core.DelegationView) -> pb.Delegation:
    return pb.Delegation(
        delegation_id=view.delegation_id,
        principal_id=view.principal_id,
        principal_name=view.principal_name,
        agent_id=view.agent_id,
        agent_name=view.agent_name,
        kind=cast("Kind", view.kind),
        scopes=view.scopes,
        starts_on=view.starts_on,
        ends_on=view.ends_on,
        grounds=view.grounds,
        recorded_by=view.recorded_by,
        officer_id=view.officer_id,
        recorded_at_ms=view.recorded_at_ms,
    )
