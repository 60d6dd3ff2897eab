"""Calls that are not their client's to make: refused at once, and kept for auditors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from godkend.v1 import history_service_pb2 as history_pb
from godkend.v1 import identity_service_pb2 as pb
from tests.service.test_contact import setting
from tests.service.world import (
    AUDITOR,
    METHODS,
    PORTAL,
    PROFILE,
    REGISTRAR,
    SUPPORT,
    World,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from godkend.v1 import event_service_pb2 as event_pb
    from tests.service.world import Client


async def told(world: World) -> list[event_pb.Event]:
    """The refused calls in the history, which are all in it once a later command is done."""
    await world.register(f"last-{len(await world.events())}")
    return [event for event in await world.events() if event.kind == "call.refused"]


async def test_a_call_outside_the_role_is_kept_with_who_called_what(world: World) -> None:
    anna = await world.register()
    wrong: list[tuple[Client, str]] = [
        (SUPPORT, "UnblockIdentity"),
        (PORTAL, "BlockIdentity"),
        (AUDITOR, "CreateIdentity"),
        (PROFILE, "CreateIdentity"),
        (REGISTRAR, "StartLogin"),
    ]
    for client, method in wrong:
        begun = world.raw(f"{method}Request", b"", client)
        streams = METHODS[f"{method}Request"].server_streaming
        await refused("ROLE_FORBIDDEN", begun.read() if streams else begun)
    events = await told(world)
    assert [(event.actor, json.loads(event.detail)) for event in events] == [
        (
            client.name,
            {
                "method": f"{'Login' if method == 'StartLogin' else 'Identity'}Service/{method}",
                "reason": "ROLE_FORBIDDEN",
                "role": client.role,
            },
        )
        for client, method in wrong
    ]
    assert all(not event.identity_id and not event.login_id for event in events)
    # It is nobody's history: whom it was about is not said to have been there.
    listed = await world.send(history_pb.ListHistoryRequest(identity_id=anna), SUPPORT)
    assert "call.refused" not in {entry.kind for entry in listed.entries}


async def test_a_site_that_asks_about_somebody_else_is_kept(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    assertion = await world.sign_in(anna)
    call = world.send(setting(bo.identity_id), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", call)
    (event,) = await told(world)
    assert event.actor == PROFILE.name
    assert json.loads(event.detail) == {
        "method": "IdentityService/SetContactDetails",
        "reason": "SUBSCRIBER_NOT_PROVED",
        "role": "self-service",
    }


async def test_a_stranger_and_a_refusal_within_the_role_leave_nothing(world: World) -> None:
    await refused("CLIENT_UNKNOWN", world.raw("UnblockIdentityRequest", b"", metadata=()))
    await refused("IDENTITY_NOT_FOUND", world.send(setting(bytes(16))))
    assert not await told(world)


async def test_a_client_in_error_does_not_fill_the_history(
    open_world: Callable[..., Awaitable[World]],
) -> None:
    world = await open_world(
        budget={"refused_call_client": {"interval_us": 60_000_000, "burst": 2}}
    )
    for _ in range(5):
        await refused("ROLE_FORBIDDEN", world.send(pb.UnblockIdentityRequest(), SUPPORT))
    assert len(await told(world)) == 2
    # Another client has a budget of its own, and this one gets the next in a minute.
    await refused("ROLE_FORBIDDEN", world.send(pb.UnblockIdentityRequest(), AUDITOR))
    assert len(await told(world)) == 3
    world.clock.advance(59_999)
    await refused("ROLE_FORBIDDEN", world.send(pb.UnblockIdentityRequest(), SUPPORT))
    assert len(await told(world)) == 3
    world.clock.advance(1)
    await refused("ROLE_FORBIDDEN", world.send(pb.UnblockIdentityRequest(), SUPPORT))
    assert len(await told(world)) == 4
