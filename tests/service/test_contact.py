"""How a subscriber is reached, and who may change it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from godkend.v1 import identity_service_pb2 as pb
from tests.service.world import BANK, PORTAL, PROFILE, REGISTRAR, World, refused

NUMBER, ADDRESS = "+4512345678", "anna@example.org"
SESSION_MS = 15 * 60 * 1_000


def details(**fields: Any) -> pb.ContactDetails:
    chosen = {"phone_number": NUMBER, "email": ADDRESS, "language": pb.LANGUAGE_ENGLISH, **fields}
    return pb.ContactDetails(**chosen)


def setting(identity_id: bytes, **fields: Any) -> pb.SetContactDetailsRequest:
    return pb.SetContactDetailsRequest(identity_id=identity_id, contact_details=details(**fields))


async def test_a_registrar_sets_how_a_subscriber_is_reached(world: World) -> None:
    identity_id = await world.register()
    assert (await world.identity(identity_id)).contact_details.language == pb.LANGUAGE_DANISH
    await world.send(setting(identity_id, phone_number="+45 12 34 56 78"))
    identity = await world.identity(identity_id)
    assert identity.contact_details == details()
    assert identity.phone_number_changed_at_ms == world.now_ms


async def test_setting_again_changes_nothing_and_a_number_that_stays_keeps_its_age(
    world: World,
) -> None:
    identity_id = await world.register()
    await world.send(setting(identity_id))
    since_ms = world.now_ms
    world.clock.advance(1_000)
    await world.send(setting(identity_id))
    await world.send(setting(identity_id, email=""))
    identity = await world.identity(identity_id)
    assert identity.phone_number_changed_at_ms == since_ms
    changes = [event for event in await world.events() if event.kind == "contact.changed"]
    assert [json.loads(event.detail)["phone_number"] for event in changes] == [True, False]
    await world.send(setting(identity_id, phone_number=""))
    assert (await world.identity(identity_id)).phone_number_changed_at_ms == world.now_ms


async def test_the_history_says_what_changed_and_neither_number_nor_address(world: World) -> None:
    identity_id = await world.register()
    await world.send(setting(identity_id))
    said = "".join(event.detail for event in await world.events())
    assert NUMBER not in said
    assert ADDRESS not in said


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("phone_number", "12345678"),
        ("phone_number", "+1234567"),
        ("email", "anna"),
        ("language", 4),
    ],
)
async def test_malformed_details_are_refused_by_name_and_change_nothing(
    world: World, field: str, value: Any
) -> None:
    identity_id = await world.register()
    await world.send(setting(identity_id))
    refusal = await refused("FIELD_INVALID", world.send(setting(identity_id, **{field: value})))
    assert refusal.field == field
    assert (await world.identity(identity_id)).contact_details == details()


async def test_nobody_is_reached_who_is_not_there_or_is_blocked(world: World) -> None:
    await refused("IDENTITY_NOT_FOUND", world.send(setting(bytes(16))))
    identity_id = await world.register()
    await world.block(identity_id)
    await refused("IDENTITY_BLOCKED", world.send(setting(identity_id)))


async def test_a_signed_in_subscriber_changes_their_own_details_and_nobody_elses(
    world: World,
) -> None:
    anna, bo = await world.activate("anna"), await world.activate("bosse")
    assertion = await world.sign_in(anna)
    await world.send(setting(anna.identity_id), PROFILE, assertion=assertion)
    assert (await world.identity(anna.identity_id)).contact_details == details()
    await refused(
        "SUBSCRIBER_NOT_PROVED",
        world.send(setting(bo.identity_id), PROFILE, assertion=assertion),
    )


async def test_a_login_at_another_service_provider_does_not_sign_in_here(world: World) -> None:
    anna = await world.activate()
    elsewhere = await world.sign_in(anna, BANK, service_provider="bank")
    call = world.send(setting(anna.identity_id), PROFILE, assertion=elsewhere)
    await refused("SUBSCRIBER_NOT_PROVED", call)


async def test_a_session_ends_a_quarter_of_an_hour_after_the_login(world: World) -> None:
    anna = await world.activate()
    assertion = await world.sign_in(anna)
    asserted_ms = world.now_ms // 1_000 * 1_000
    world.clock.advance(asserted_ms + SESSION_MS - world.now_ms)
    await world.send(setting(anna.identity_id), PROFILE, assertion=assertion)
    world.clock.advance(1)
    call = world.send(setting(anna.identity_id), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", call)


async def test_a_token_of_another_role_needs_no_proof_and_gains_nothing_by_one(
    world: World,
) -> None:
    anna = await world.activate()
    assertion = await world.sign_in(anna)
    await world.send(setting(anna.identity_id), REGISTRAR)
    call = world.send(setting(anna.identity_id), PORTAL, assertion=assertion)
    await refused("ROLE_FORBIDDEN", call)


async def test_who_signed_in_before_a_block_moves_no_messages_to_themself(world: World) -> None:
    """The login may have been the thief's, and the block the owner's answer to it."""
    anna = await world.activate()
    second = await world.activate(identity_id=anna.identity_id)
    assertion = await world.sign_in(anna)
    world.clock.advance(1_000)
    await world.block(anna.identity_id, anna.authenticator_id)
    call = world.send(setting(anna.identity_id), PROFILE, assertion=assertion)
    await refused("SUBSCRIBER_NOT_PROVED", call)
    assert not (await world.identity(anna.identity_id)).contact_details.phone_number
    world.clock.advance(1_000)
    again = await world.sign_in(second)
    await world.send(setting(anna.identity_id), PROFILE, assertion=again)
    assert (await world.identity(anna.identity_id)).contact_details == details()
