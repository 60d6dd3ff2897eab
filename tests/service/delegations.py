"""Guardians and proxies in tests of the service."""

from __future__ import annotations

from typing import Any

from godkend.v1 import delegation_service_pb2 as pb
from godkend.v1 import statement_pb2
from tests.service.world import World
from tests.support.phones import SERVICE_PROVIDER, fresh

GUARDIAN = statement_pb2.DELEGATION_KIND_GUARDIAN
PROXY = statement_pb2.DELEGATION_KIND_PROXY
ADULT = "1980-01-01"
KAREN = "Karen Jensen"
STARTS_ON, ENDS_ON = "2027-01-15", "2027-01-20"
"""The first is the day on which the clock of tests begins."""


def recording(principal_id: bytes, agent_id: bytes, **fields: Any) -> pb.RecordDelegationRequest:
    """A well-formed request to record a proxy."""
    chosen: dict[str, Any] = {
        "request_id": fresh(),
        "principal_id": principal_id,
        "agent_id": agent_id,
        "kind": PROXY,
        "scopes": [SERVICE_PROVIDER],
        "starts_on": STARTS_ON,
        "ends_on": ENDS_ON,
        "grounds": "letter of 2026-12-01",
        "officer_id": "kk0417",
        **fields,
    }
    return pb.RecordDelegationRequest(**chosen)


async def record(world: World, principal_id: bytes, agent_id: bytes, **fields: Any) -> bytes:
    """Records a proxy; the delegation's id."""
    request = recording(principal_id, agent_id, **fields)
    delegation_id: bytes = (await world.send(request)).delegation_id
    return delegation_id


async def karen(world: World, **fields: Any) -> bytes:
    """Somebody to act for."""
    chosen = {"name": KAREN, "birth_date": ADULT, **fields}
    return await world.register("karen", **chosen)


async def end(world: World, identity_id: bytes, delegation_id: bytes, **how: Any) -> None:
    """Ends a delegation."""
    request = pb.EndDelegationRequest(identity_id=identity_id, delegation_id=delegation_id)
    await world.send(request, **how)
