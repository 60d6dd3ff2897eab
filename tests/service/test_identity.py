"""The life of an identity, as registrars and support see it."""

from __future__ import annotations

from typing import Any

import pytest

from godkend.v1 import identity_service_pb2 as pb
from godkend.v1 import login_service_pb2 as login_pb
from tests.service.world import SUPPORT, World, refused
from tests.support.phones import PIN_WRONG, fresh


def create(**fields: Any) -> pb.CreateIdentityRequest:
    """A well-formed request for an identity."""
    chosen: dict[str, Any] = {
        "request_id": fresh(),
        "user_id": "Anna",
        "name": "Anna Jensen",
        "birth_date": "1974-02-28",
        "level": login_pb.ASSURANCE_LEVEL_HIGH,
        **fields,
    }
    return pb.CreateIdentityRequest(**chosen)


async def test_an_identity_is_found_as_it_was_registered(world: World) -> None:
    identity_id = (await world.send(create())).identity_id
    assert await world.identity(identity_id) == pb.Identity(
        identity_id=identity_id,
        user_id="Anna",
        name="Anna Jensen",
        level=login_pb.ASSURANCE_LEVEL_HIGH,
        contact_details=pb.ContactDetails(language=pb.LANGUAGE_DANISH),
        created_at_ms=world.now_ms,
        proved_since_ms=world.now_ms,
        authenticators_advised=2,
    )


@pytest.mark.parametrize("user_id", ["Anna", "anna", "ANNA", "\uff21\uff2e\uff2e\uff21"])
async def test_case_and_width_of_a_user_id_make_no_difference(world: World, user_id: str) -> None:
    identity_id = (await world.send(create())).identity_id
    found = (await world.send(pb.GetIdentityRequest(user_id=user_id), SUPPORT)).identity
    assert found.identity_id == identity_id
    await refused("USER_ID_TAKEN", world.send(create(user_id=user_id)))


async def test_without_a_level_an_identity_is_substantial(world: World) -> None:
    identity_id = await world.register()
    assert (await world.identity(identity_id)).level == login_pb.ASSURANCE_LEVEL_SUBSTANTIAL


async def test_what_does_not_exist_is_not_found(world: World) -> None:
    phone = await world.activate("anna")
    bo = await world.register("bosse")
    for request in (
        pb.GetIdentityRequest(identity_id=fresh()),
        pb.GetIdentityRequest(user_id="nobody"),
        pb.IssueActivationCodeRequest(request_id=fresh(), identity_id=fresh()),
        pb.BlockIdentityRequest(identity_id=fresh()),
        pb.UnblockIdentityRequest(identity_id=fresh()),
    ):
        await refused("IDENTITY_NOT_FOUND", world.send(request))
    for authenticator_id in (fresh(), phone.authenticator_id):
        await refused("AUTHENTICATOR_NOT_FOUND", world.block(bo, authenticator_id))
        await refused("AUTHENTICATOR_NOT_FOUND", world.unblock(bo, authenticator_id))
    (found,) = (await world.identity(phone.identity_id)).authenticators
    assert found.state == pb.AUTHENTICATOR_STATE_ACTIVE


async def test_phones_are_shown_in_the_order_of_their_activation(world: World) -> None:
    phone = await world.activate()
    phones = [phone.authenticator_id]
    for _ in range(4):
        world.clock.advance(1)
        other = await world.activate(identity_id=phone.identity_id)
        phones.append(other.authenticator_id)
    found = (await world.identity(phone.identity_id)).authenticators
    assert [each.authenticator_id for each in found] == phones


async def test_blocking_and_unblocking_can_be_repeated_and_strikes_stay(world: World) -> None:
    phone = await world.activate()
    _, opened = await world.opened(phone)
    await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
    before = await world.identity(phone.identity_id)
    for authenticator_id in (b"", phone.authenticator_id):
        for _ in range(2):
            await world.block(phone.identity_id, authenticator_id)
        found = await world.identity(phone.identity_id)
        assert found.blocked == (authenticator_id == b"")
        (authenticator,) = found.authenticators
        blocked = authenticator.state == pb.AUTHENTICATOR_STATE_BLOCKED
        assert blocked == (authenticator_id != b"")
        for _ in range(2):
            await world.unblock(phone.identity_id, authenticator_id)
        assert await world.identity(phone.identity_id) == before
    kinds = [event.kind for event in await world.events()]
    for kind in ("identity.blocked", "identity.unblocked"):
        assert kinds.count(kind) == 1
    for kind in ("authenticator.blocked", "authenticator.unblocked"):
        assert kinds.count(kind) == 1


async def test_support_may_block_and_not_unblock(world: World) -> None:
    identity_id = await world.register()
    await world.send(pb.BlockIdentityRequest(identity_id=identity_id), SUPPORT)
    await refused(
        "ROLE_FORBIDDEN", world.send(pb.UnblockIdentityRequest(identity_id=identity_id), SUPPORT)
    )
    assert (await world.identity(identity_id)).blocked


# Repeats


async def test_a_repeated_registration_gives_the_same_identity(world: World) -> None:
    request = create()
    made = await world.send(request)
    world.clock.advance(1_000)
    assert await world.send(request) == made
    assert [event.kind for event in await world.events()] == ["identity.created"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", "bosse"),
        ("user_id", "anna"),
        ("name", "Bo Jensen"),
        ("birth_date", "1974-02-27"),
        ("birth_date", ""),
        ("level", login_pb.ASSURANCE_LEVEL_LOW),
    ],
)
async def test_a_registration_with_the_same_request_id_and_other_contents_is_refused(
    world: World, field: str, value: Any
) -> None:
    request = create()
    made = await world.send(request)
    before = await world.identity(made.identity_id)
    setattr(request, field, value)
    await refused("REQUEST_ID_REUSED", world.send(request))
    assert await world.identity(made.identity_id) == before


async def test_a_repeated_issue_gives_the_same_code_and_ends_none(world: World) -> None:
    identity_id = await world.register()
    request = pb.IssueActivationCodeRequest(request_id=fresh(), identity_id=identity_id)
    issued = await world.send(request)
    world.clock.advance(1_000)
    assert await world.send(request) == issued
    kinds = [event.kind for event in await world.events()]
    assert kinds.count("activation_code.issued") == 1


async def test_an_issue_with_the_same_request_id_for_somebody_else_is_refused(
    world: World,
) -> None:
    anna, bo = await world.register("anna"), await world.register("bosse")
    request = pb.IssueActivationCodeRequest(request_id=fresh(), identity_id=anna)
    await world.send(request)
    request.identity_id = bo
    await refused("REQUEST_ID_REUSED", world.send(request))


async def test_an_issue_with_the_same_request_id_by_another_channel_is_refused(
    world: World,
) -> None:
    request = pb.IssueActivationCodeRequest(
        request_id=fresh(),
        identity_id=await world.register("anna"),
        channel=pb.ACTIVATION_CHANNEL_SMS,
    )
    await world.send(request)
    request.channel = pb.ACTIVATION_CHANNEL_PAPER
    await refused("REQUEST_ID_REUSED", world.send(request))
