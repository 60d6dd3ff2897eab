"""The subscriber's own page: what they see of themself, and a code for one more phone."""

from __future__ import annotations

from typing import Any

import pytest

from godkend.statements import DeviceKey
from godkend.v1 import display_service_pb2 as display_pb
from godkend.v1 import identity_service_pb2 as pb
from tests.service import displays
from tests.service.world import DAY_MS, PROFILE, SUPPORT, World, refused
from tests.support.phones import PIN_WRONG, fresh

SMS, PAPER = pb.ACTIVATION_CHANNEL_SMS, pb.ACTIVATION_CHANNEL_PAPER
ON_PROFILE = pb.ACTIVATION_CHANNEL_PROFILE


def asking(identity_id: bytes, **fields: Any) -> pb.IssueActivationCodeRequest:
    """A request for a code on the profile page."""
    chosen = {"channel": ON_PROFILE, "request_id": fresh(), "identity_id": identity_id, **fields}
    return pb.IssueActivationCodeRequest(**chosen)


async def test_a_signed_in_subscriber_gets_a_code_for_a_second_phone(world: World) -> None:
    anna = await world.activate()
    assertion = await world.sign_in(anna)
    request = asking(anna.identity_id)
    issued = await world.send(request, PROFILE, assertion=assertion)
    assert issued.expires_at_ms == world.now_ms + DAY_MS
    assert await world.send(request, PROFILE, assertion=assertion) == issued
    second = await world.activate(identity_id=anna.identity_id, code=issued.activation_code)
    assert await world.sign_in(second)


async def test_a_code_on_the_profile_is_good_to_the_last_millisecond_of_its_day(
    world: World,
) -> None:
    anna = await world.activate()
    assertion = await world.sign_in(anna)
    issued = await world.send(asking(anna.identity_id), PROFILE, assertion=assertion)
    world.clock.advance(DAY_MS)
    late = world.activate(identity_id=anna.identity_id, code=issued.activation_code)
    await refused("ACTIVATION_CODE_WRONG", late)
    world.clock.advance(-1)
    assert await world.activate(identity_id=anna.identity_id, code=issued.activation_code)


async def test_each_caller_hands_out_codes_in_its_own_way(world: World) -> None:
    anna = await world.activate()
    assertion = await world.sign_in(anna)
    await refused("ACTIVATION_CHANNEL_FORBIDDEN", world.send(asking(anna.identity_id)))
    for channel in (pb.ACTIVATION_CHANNEL_UNSPECIFIED, SMS, PAPER):
        request = asking(anna.identity_id, channel=channel)
        await refused(
            "ACTIVATION_CHANNEL_FORBIDDEN", world.send(request, PROFILE, assertion=assertion)
        )
        assert await world.send(request)


async def test_who_signed_in_before_a_block_gets_no_code(world: World) -> None:
    """The login may have been the thief's, and the block the owner's answer to it."""
    anna = await world.activate()
    second = await world.activate(identity_id=anna.identity_id)
    assertion = await world.sign_in(anna)
    world.clock.advance(1_000)
    await world.block(anna.identity_id, anna.authenticator_id)
    call = world.send(asking(anna.identity_id), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", call)
    world.clock.advance(1_000)
    again = await world.sign_in(second)
    assert await world.send(asking(anna.identity_id), PROFILE, assertion=again)
    await world.block(anna.identity_id)
    blocked = world.send(asking(anna.identity_id), PROFILE, assertion=again)
    await refused("IDENTITY_BLOCKED", blocked)


async def test_a_block_ends_a_code_that_was_asked_for_on_the_profile_before_it(
    world: World,
) -> None:
    anna = await world.activate()
    second = await world.activate(identity_id=anna.identity_id)
    assertion = await world.sign_in(anna)
    codes = []
    for _ in range(2):
        issued = await world.send(asking(anna.identity_id), PROFILE, assertion=assertion)
        codes.append(issued.activation_code)
    key = DeviceKey.generate()
    begun = await world.begin("anna", codes[-1], key)
    await world.block(anna.identity_id, anna.authenticator_id)
    await refused("ACTIVATION_NOT_FOUND", world.finish(key, begun))
    await world.unblock(anna.identity_id, anna.authenticator_id)
    for code in codes:
        again = world.activate(identity_id=anna.identity_id, code=code)
        await refused("ACTIVATION_CODE_WRONG", again)
    # A code from a desk is the subscriber's own way back.
    from_desk = (await world.issue(anna.identity_id)).activation_code
    await world.block(anna.identity_id, second.authenticator_id)
    assert await world.activate(identity_id=anna.identity_id, code=from_desk)


async def test_a_display_that_is_reported_lost_ends_what_was_begun_with_it(world: World) -> None:
    holder = await displays.activated(world)
    anna = await world.activate(identity_id=holder.identity_id)
    assertion = await displays.sign_in(world, holder)
    issued = await world.send(asking(anna.identity_id), PROFILE, assertion=assertion)
    lost = display_pb.ReportDisplayLostRequest(
        identity_id=anna.identity_id, serial_number=holder.display.serial_number
    )
    await world.send(lost, SUPPORT)
    again = world.send(asking(anna.identity_id), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", again)
    late = world.activate(identity_id=anna.identity_id, code=issued.activation_code)
    await refused("ACTIVATION_CODE_WRONG", late)
    world.clock.advance(1_000)
    assertion = await world.sign_in(anna)
    assert await world.send(asking(anna.identity_id), PROFILE, assertion=assertion)


async def test_a_display_with_its_password_counts_as_an_authenticator(world: World) -> None:
    anna = await world.activate()
    assert (await world.identity(anna.identity_id)).authenticators_advised == 1
    await displays.activated(world, identity_id=anna.identity_id)
    assert (await world.identity(anna.identity_id)).authenticators_advised == 0


async def test_a_subscriber_sees_themself_by_either_name_and_nobody_else(world: World) -> None:
    anna = await world.activate("anna")
    await world.register("bosse")
    assertion = await world.sign_in(anna)
    expected = await world.identity(anna.identity_id)
    for request in (
        pb.GetIdentityRequest(identity_id=anna.identity_id),
        pb.GetIdentityRequest(user_id="Anna"),
    ):
        assert (await world.send(request, PROFILE, assertion=assertion)).identity == expected
    for user_id in ("bosse", "nobody"):
        call = world.send(pb.GetIdentityRequest(user_id=user_id), PROFILE, assertion=assertion)
        await refused("SUBSCRIBER_NOT_PROVED", call)
    call = world.send(pb.GetIdentityRequest(identity_id=fresh()), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", call)


@pytest.mark.parametrize("lost", ["blocked", "dead"])
async def test_two_authenticators_that_can_be_used_are_advised(world: World, lost: str) -> None:
    identity_id = await world.register()

    async def advised() -> int:
        return (await world.identity(identity_id)).authenticators_advised

    assert await advised() == 2
    phone = await world.activate(identity_id=identity_id)
    assert await advised() == 1
    for _ in range(2):
        other = await world.activate(identity_id=identity_id)
        assert await advised() == 0
        await world.block(identity_id, other.authenticator_id)
    assert await advised() == 1
    if lost == "blocked":
        await world.block(identity_id, phone.authenticator_id)
    else:
        for strike in range(1, 10):
            _, opened = await world.opened(phone)
            await refused("PIN_WRONG", world.approve(phone, opened, PIN_WRONG))
            assert await advised() == (1 if strike < 9 else 2), "a lock ends, death does not"
            world.clock.advance(DAY_MS)
    assert await advised() == 2
