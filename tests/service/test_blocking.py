"""Blocking: at any hour, at once, everywhere, and also for what is under way."""

from __future__ import annotations

import pytest

from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import recovery_service_pb2 as pb
from tests.service.test_recovery import ordered, ordering, reachable, reset
from tests.service.world import (
    ANYBODY,
    APPROVED,
    CANCELLED,
    OPENED,
    PENDING,
    PORTAL,
    PROFILE,
    REGISTRAR,
    SUPPORT,
    World,
    refused,
)
from tests.support.phones import PIN_WRONG, Phone, fresh

MINUTE_MS = 60_000


def blocking(world: World, phone: Phone, blocked: bytes = b"") -> pb.BlockByDeviceRequest:
    signed = phone.blocks(world.now_ms, blocked)
    return pb.BlockByDeviceRequest(statement=signed.statement, signature=signed.signature)


async def block_by(world: World, phone: Phone, blocked: bytes = b"") -> None:
    await world.send(blocking(world, phone, blocked), ANYBODY)


@pytest.mark.parametrize("whole", [True, False])
async def test_who_watches_an_opened_login_sees_it_end(world: World, whole: bool) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    assert await login.next_state() == OPENED
    await world.block(phone.identity_id, b"" if whole else phone.authenticator_id)
    assert await login.states() == [CANCELLED]
    await world.unblock(phone.identity_id, b"" if whole else phone.authenticator_id)
    await refused("LOGIN_CANCELLED", world.approve(phone, opened))


@pytest.mark.parametrize("whole", [True, False])
async def test_a_block_between_approval_and_redemption_stops_the_assertion_for_good(
    world: World, whole: bool
) -> None:
    phone = await world.activate()
    login, opened = await world.opened(phone)
    await world.approve(phone, opened)
    one = b"" if whole else phone.authenticator_id
    await world.block(phone.identity_id, one)
    assert await login.states() == [OPENED, APPROVED, CANCELLED]
    await refused("LOGIN_CANCELLED", world.redeem(login))
    await world.unblock(phone.identity_id, one)
    await refused("LOGIN_CANCELLED", world.redeem(login))


async def test_logins_of_others_and_those_that_nobody_opened_go_on(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    spare = await world.activate(identity_id=anna.identity_id)
    pending = await world.start()
    of_bo, _ = await world.opened(bo)
    of_spare, _ = await world.opened(spare)
    of_anna, _ = await world.opened(anna)
    await world.block(anna.identity_id, anna.authenticator_id)
    states = [await world.state(login) for login in (pending, of_bo, of_spare, of_anna)]
    assert states == [PENDING, OPENED, OPENED, CANCELLED]
    await world.block(anna.identity_id)
    assert await world.state(of_spare) == CANCELLED
    assert await world.state(of_bo) == OPENED


async def test_what_is_over_stays_what_it_was(world: World) -> None:
    phone = await world.activate()
    redeemed, opened = await world.opened(phone)
    await world.approve(phone, opened)
    await world.redeem(redeemed)
    before = await world.state(redeemed)
    await world.block(phone.identity_id)
    assert await world.state(redeemed) == before


async def test_a_subscriber_blocks_from_any_of_their_apps_without_a_pin(world: World) -> None:
    lost = await world.activate()
    spare = await world.activate(identity_id=lost.identity_id)
    _, opened = await world.opened(spare)
    for _ in range(3):
        await refused("PIN_WRONG", world.approve(spare, opened, PIN_WRONG))
    await block_by(world, spare, lost.authenticator_id)  # Its own PIN is locked.
    await refused("AUTHENTICATOR_BLOCKED", world.open(lost, await world.start()))
    await world.open(spare, await world.start())
    await block_by(world, spare)
    await refused("IDENTITY_BLOCKED", world.open(spare, await world.start()))
    kinds = [(event.kind, event.actor) for event in await world.events()]
    assert ("authenticator.blocked", "device") in kinds
    assert ("identity.blocked", "device") in kinds


async def test_an_app_may_block_itself_and_nobody_elses(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    for stranger in (bo.authenticator_id, fresh()):
        await refused("AUTHENTICATOR_NOT_FOUND", block_by(world, anna, stranger))
    await block_by(world, anna, anna.authenticator_id)
    await refused("AUTHENTICATOR_BLOCKED", block_by(world, anna))
    await world.open(bo, await world.start())


async def test_a_block_that_is_sent_again_counts_once_and_while_it_is_fresh(world: World) -> None:
    phone = await world.activate()
    spare = await world.activate(identity_id=phone.identity_id)
    request = blocking(world, phone, spare.authenticator_id)
    await world.send(request)
    await world.unblock(phone.identity_id, spare.authenticator_id)
    await refused("STATEMENT_REPLAYED", world.send(request))
    request = blocking(world, phone)
    world.clock.advance(2 * MINUTE_MS + 1)
    await refused("STATEMENT_EXPIRED", world.send(request))
    assert not (await world.identity(phone.identity_id)).blocked


async def test_nobody_blocks_with_another_key_or_another_statement(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    forged = Phone(bo.key, anna.identity_id, anna.authenticator_id)
    await refused("SIGNATURE_INVALID", block_by(world, forged))
    request = blocking(world, anna)
    request.signature = anna.key.sign(b"godkend pin reset v1\0", request.statement)
    await refused("SIGNATURE_INVALID", world.send(request))
    assert not (await world.identity(anna.identity_id)).blocked


async def test_a_signed_in_subscriber_blocks_their_own_and_nobody_elses(world: World) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    assertion = await world.sign_in(anna)

    def block(
        identity_id: bytes, authenticator_id: bytes = b""
    ) -> identity_pb.BlockIdentityRequest:
        return identity_pb.BlockIdentityRequest(
            identity_id=identity_id, authenticator_id=authenticator_id
        )

    call = world.send(block(bo.identity_id), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", call)
    await world.send(block(anna.identity_id, anna.authenticator_id), PROFILE, assertion=assertion)
    # One block does not keep them from the next: blocking is always open to who has signed in.
    await world.send(block(anna.identity_id), PROFILE, assertion=assertion)
    assert (await world.identity(anna.identity_id)).blocked
    unblock = identity_pb.UnblockIdentityRequest(identity_id=anna.identity_id)
    for client in (PROFILE, SUPPORT, PORTAL):
        await refused("ROLE_FORBIDDEN", world.send(unblock, client, assertion=assertion))
    await world.send(unblock, REGISTRAR)


async def test_blocking_everything_ends_codes_and_temporary_pins(world: World) -> None:
    phone = await reachable(world)
    code = (await world.issue(phone.identity_id)).activation_code
    begun = await world.begin("anna", code, phone.key)
    digits = await ordered(world, phone)
    await world.block(phone.identity_id)
    await refused("IDENTITY_BLOCKED", world.send(ordering(phone.identity_id)))
    await world.unblock(phone.identity_id)
    await refused("ACTIVATION_NOT_FOUND", world.finish(phone.key, begun))
    await refused("ACTIVATION_CODE_WRONG", world.begin("anna", code, phone.key))
    await refused("TEMPORARY_PIN_OVER", reset(world, phone, digits))


async def test_blocking_one_authenticator_leaves_what_was_sent(world: World) -> None:
    phone = await reachable(world)
    spare = await world.activate(identity_id=phone.identity_id)
    digits = await ordered(world, phone)
    code = (await world.issue(phone.identity_id)).activation_code
    await world.block(phone.identity_id, phone.authenticator_id)
    await reset(world, spare, digits)
    await world.begin("anna", code, phone.key)
