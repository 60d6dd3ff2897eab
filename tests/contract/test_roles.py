"""Who may call what: the one table of it is whole, and the server keeps to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from godkend.clients import ROLES, Role
from godkend.service.access import ANYBODY, ROLES_BY_METHOD
from godkend.service.app import SERVICES
from tests.service.world import (
    AUDITOR,
    METHODS,
    PORTAL,
    PROFILE,
    REGISTRAR,
    SUPPORT,
    World,
    a_world,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

BY_ROLE = {client.role: client for client in (PORTAL, REGISTRAR, SUPPORT, PROFILE, AUDITOR)}

EXPECTED: dict[str, set[Role] | None] = {
    "StartLogin": {"front-end"},
    "WatchLogin": {"front-end"},
    "GetLogin": {"front-end"},
    "SubmitCode": {"front-end"},
    "SubmitPassword": {"front-end"},
    "CancelLogin": {"front-end"},
    "RedeemLogin": {"front-end"},
    "GetJwks": None,
    "BeginActivation": None,
    "FinishActivation": None,
    "OpenLogin": None,
    "ApproveLogin": None,
    "RejectLogin": None,
    "ChangePin": None,
    "RequestCopy": None,
    "ConfirmCopy": None,
    "ScanCopy": None,
    "FinishCopy": None,
    "StopCopy": None,
    "GetCopy": None,
    "CreateIdentity": {"registrar"},
    "GetIdentity": {"registrar", "support", "self-service"},
    "SetContactDetails": {"registrar", "self-service"},
    "IssueActivationCode": {"registrar", "self-service"},
    "BlockIdentity": {"registrar", "support", "self-service"},
    "UnblockIdentity": {"registrar"},
    "RecordIdentification": {"registrar"},
    "RecordConsent": {"registrar"},
    "CheckWitness": {"registrar"},
    "ListEvidence": {"registrar", "auditor"},
    "FindUserId": {"support"},
    "OrderTemporaryPin": {"support", "self-service"},
    "ResetPin": None,
    "ListDisplays": {"registrar", "support", "self-service"},
    "AssignDisplay": {"registrar"},
    "ActivateDisplay": {"registrar", "self-service"},
    "ReportDisplayLost": {"registrar", "support", "self-service"},
    "SetPassword": {"registrar", "support", "self-service"},
    "ListWaysIn": {"front-end"},
    "GetKeyNumber": {"front-end"},
    "SubmitKey": {"front-end"},
    "OrderKeyCard": {"registrar", "self-service"},
    "ListKeyCards": {"registrar", "support", "self-service"},
    "ListOrderedKeyCards": {"registrar"},
    "PrintKeyCard": {"registrar"},
    "ActivateKeyCard": {"registrar", "self-service"},
    "ReportKeyCardLost": {"registrar", "support", "self-service"},
    "MoveFromNemId": {"self-service"},
    "VerifyPassport": {"registrar"},
    "RecoverUserId": {"registrar"},
    "RecoverPin": {"registrar"},
    "RecoverApp": {"registrar"},
    "BlockByDevice": None,
    "RecordDelegation": {"registrar"},
    "ListDelegations": {"registrar", "self-service"},
    "EndDelegation": {"registrar", "self-service"},
    "StreamEvents": {"auditor"},
    "AckEvents": {"auditor"},
    "ListHistory": {"support", "auditor", "self-service"},
    "ListOwnHistory": None,
    "ReportLogin": {"self-service"},
    "ReportOwnLogin": None,
    "ListMessages": None,
    "ListDeadLetters": {"support", "auditor"},
    "RetryMessage": {"support"},
}
"""As the comments of the services say it, written down a second time on purpose."""

WRONG_PAIRS = [
    (name, role)
    for name, method in METHODS.items()
    if (roles := EXPECTED[method.name]) is not None
    for role in ROLES
    if role not in roles
]
GUARDED = [name for name, method in METHODS.items() if EXPECTED[method.name] is not None]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A server with a client of each role."""
    async with a_world(tmp_path) as world:
        yield world


def call(world: World, name: str, *arguments: Any, **more: Any) -> Any:
    """An empty request, begun."""
    begun = world.raw(name, b"", *arguments, **more)
    return begun.read() if METHODS[name].server_streaming else begun


def test_the_table_holds_every_method_of_every_service_and_nothing_else() -> None:
    declared = {
        f"/{method.containing_service.full_name}/{method.name}" for method in METHODS.values()
    }
    assert set(ROLES_BY_METHOD) == declared
    assert {path.split("/")[1] for path in declared} == set(SERVICES)
    assert len(METHODS) == sum(
        len(service.methods)
        for service in {
            method.containing_service.full_name: method.containing_service
            for method in METHODS.values()
        }.values()
    )


def test_the_table_says_what_the_services_promise() -> None:
    assert {path.rpartition("/")[2]: roles for path, roles in ROLES_BY_METHOD.items()} == {
        name: frozenset(roles) if roles is not None else ANYBODY for name, roles in EXPECTED.items()
    }


@pytest.mark.parametrize(("name", "role"), WRONG_PAIRS)
async def test_a_wrong_role_is_forbidden(world: World, name: str, role: Role) -> None:
    await refused("ROLE_FORBIDDEN", call(world, name, BY_ROLE[role]))


@pytest.mark.parametrize(
    "name", [name for name in GUARDED if "self-service" in (EXPECTED[METHODS[name].name] or ())]
)
async def test_self_service_acts_for_nobody_who_is_not_signed_in(world: World, name: str) -> None:
    identity_id = await world.register()
    request = GetMessageClass(METHODS[name].input_type)(identity_id=identity_id)
    for assertion in ("", "x", "e30.e30.e30"):
        call = world.send(request, BY_ROLE["self-service"], assertion=assertion)
        await refused("SUBSCRIBER_NOT_PROVED", call)


@pytest.mark.parametrize("name", GUARDED)
async def test_without_a_known_token_nobody_calls(world: World, name: str) -> None:
    token = PORTAL.token
    for metadata in (
        (),
        (("authorization", ""),),
        (("authorization", token),),
        (("authorization", f"Basic {token}"),),
        (("authorization", f"bearer {token}"),),
        (("authorization", f"Bearer {token}x"),),
        (("authorization", f"Bearer {token[:-1]}"),),
        (("authorization", f"Bearer  {token}"),),
        (("authorization", "Bearer "),),
        (("authorization", "Bearer x"), ("authorization", f"Bearer {token}")),
        (("x-authorization", f"Bearer {token}"),),
    ):
        await refused("CLIENT_UNKNOWN", call(world, name, metadata=metadata))


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if EXPECTED[method.name] is not None]
)
async def test_the_right_role_gets_as_far_as_its_request(world: World, name: str) -> None:
    roles = EXPECTED[METHODS[name].name] or set()
    for role in sorted(roles):
        if name == "StreamEventsRequest":  # An empty request is well-formed; there are no events.
            call(world, name, BY_ROLE[role]).close()
            continue
        if name == "ListDeadLettersRequest":  # So is one for the first page.
            assert not (await call(world, name, BY_ROLE[role])).dead_letters
            continue
        if name == "ListOrderedKeyCardsRequest":
            assert not (await call(world, name, BY_ROLE[role])).ordered
            continue
        reason = "FIELD_INVALID"
        if name in {"StartLoginRequest", "ListWaysInRequest"}:
            reason = "SERVICE_PROVIDER_FORBIDDEN"
        await refused(reason, call(world, name, BY_ROLE[role]))


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if EXPECTED[method.name] is None]
)
async def test_what_anybody_may_call_asks_for_no_token_and_minds_no_wrong_one(
    world: World, name: str
) -> None:
    for metadata in ((), (("authorization", "Bearer wrong"),)):
        if name == "GetJwksRequest":
            assert (await call(world, name, metadata=metadata)).jwks
        else:
            await refused("FIELD_INVALID", call(world, name, metadata=metadata))
