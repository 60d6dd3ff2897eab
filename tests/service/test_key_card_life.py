"""A key card from its order to its last key, and out of use again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import key_card_service_pb2 as pb
from tests.service.displays import PASSWORD_OTHER, submit_password
from tests.service.key_cards import (
    ACTIVE,
    LOST,
    ORDERED,
    REPLACED,
    SENT,
    USED_UP,
    activated,
    activating,
    card,
    cards,
    key_accepted,
    losing,
    number_of,
    ordering,
    printed,
    printing,
    put_into_use,
    sent,
    sign_in,
    submit_key,
    summer,
)
from tests.service.world import APPROVED, OPENED, PORTAL, PROFILE, SUPPORT, World, refused
from tests.support.phones import fresh

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld
    from tests.service.key_cards import Holder

SHORT = {"keys": 10, "order_at": 3}
YOUNG = "2007-08-02"
"""15 a day after the tests begin."""


@pytest.fixture
async def world(open_world: OpensWorld) -> World:
    """A server in the summer of 2022."""
    return await summer(open_world)


async def states(world: World, identity_id: bytes) -> list[int]:
    return [it.state for it in await cards(world, identity_id)]


async def kinds(world: World) -> list[str]:
    return [it.kind for it in await world.events() if it.kind.startswith("key_card.")]


async def use_until(world: World, holder: Holder, keys_left: int) -> None:
    while (await card(world, holder.identity_id, holder.card_id)).keys_left > keys_left:
        await key_accepted(world, holder)


async def test_a_card_goes_from_its_order_into_use(world: World) -> None:
    identity_id = await world.register()
    request = ordering(identity_id)
    card_id = (await world.send(request)).card_id
    assert (await world.send(request)).card_id == card_id
    (waits,) = (await world.send(pb.ListOrderedKeyCardsRequest())).ordered
    assert (waits.card_id, waits.identity_id) == (card_id, identity_id)
    codes = await printed(world, card_id)
    assert len(codes) == 148
    assert all(len(it) == 4 and len(code) == 6 for it, code in codes.items())
    assert list(codes) == sorted(codes)
    assert not (await world.send(pb.ListOrderedKeyCardsRequest())).ordered
    it = await card(world, identity_id, card_id)
    assert (it.state, it.card_number, it.keys_left) == (SENT, waits.card_number, 148)
    await world.send(activating(identity_id, card_id, codes[it.activation_number]))
    it = await card(world, identity_id, card_id)
    assert (it.state, it.keys_left) == (ACTIVE, 147)
    assert await kinds(world) == ["key_card.ordered", "key_card.printed", "key_card.activated"]
    details = {it.detail for it in await world.events() if it.kind.startswith("key_card.")}
    assert [json.loads(it) for it in details] == [{"card_number": waits.card_number}]


async def test_cards_that_wait_are_shown_in_their_order_and_a_page_goes_on_after_another(
    world: World,
) -> None:
    ordered = []
    for name in ("anna", "bosse", "carla"):
        ordered.append((await world.send(ordering(await world.register(name)))).card_id)
        world.clock.advance(1)
    for after, rest in ((b"", ordered), (ordered[0], ordered[1:]), (ordered[2], [])):
        request = pb.ListOrderedKeyCardsRequest(after_card_id=after)
        assert [it.card_id for it in (await world.send(request)).ordered] == rest
    request = pb.ListOrderedKeyCardsRequest(after_card_id=bytes(16))
    await refused("KEY_CARD_NOT_FOUND", world.send(request))


async def test_the_content_is_for_one_request_which_may_ask_again_until_the_card_is_used(
    world: World,
) -> None:
    identity_id = await world.register()
    card_id = (await world.send(ordering(identity_id))).card_id
    request = printing(card_id)
    content = await world.send(request)
    assert await world.send(request) == content
    assert (await kinds(world)).count("key_card.printed") == 2
    await refused("KEY_CARD_PRINTED", world.send(printing(card_id)))
    number = (await card(world, identity_id, card_id)).activation_number
    codes = {key.key_number: key.one_time_code for key in content.keys}
    await world.send(activating(identity_id, card_id, codes[number]))
    await refused("KEY_CARD_NOT_USABLE", world.send(request))
    await refused("KEY_CARD_NOT_FOUND", world.send(printing(bytes(16))))


async def test_a_card_is_printed_in_the_language_of_its_owner_and_for_nobody_who_is_blocked(
    world: World,
) -> None:
    identity_id = await world.register()
    german = identity_pb.ContactDetails(language=identity_pb.LANGUAGE_GERMAN)
    await world.send(
        identity_pb.SetContactDetailsRequest(identity_id=identity_id, contact_details=german)
    )
    card_id = (await world.send(ordering(identity_id))).card_id
    await world.block(identity_id)
    await refused("IDENTITY_BLOCKED", world.send(printing(card_id)))
    await refused("IDENTITY_BLOCKED", world.send(ordering(identity_id)))
    await world.unblock(identity_id)
    assert (await world.send(printing(card_id))).language == identity_pb.LANGUAGE_GERMAN


async def test_one_card_at_a_time_is_on_its_way(world: World) -> None:
    identity_id = await world.register()
    card_id = (await world.send(ordering(identity_id))).card_id
    await refused("KEY_CARD_UNDER_WAY", world.send(ordering(identity_id)))
    await world.send(printing(card_id))
    await refused("KEY_CARD_UNDER_WAY", world.send(ordering(identity_id)))
    await world.send(losing(identity_id, card_id))
    world.clock.advance(1)
    await world.send(ordering(identity_id))
    assert await states(world, identity_id) == [LOST, ORDERED]


async def test_an_order_that_comes_again_for_somebody_else_is_another(world: World) -> None:
    request = ordering(await world.register())
    await world.send(request)
    request.identity_id = await world.register("bosse")
    await refused("REQUEST_ID_REUSED", world.send(request))


async def test_a_card_is_for_those_of_15_whom_somebody_has_identified(world: World) -> None:
    child = await world.register("anna", birth_date=YOUNG)
    # At 14 somebody has an identity with a parent's consent, and no card with it.
    await refused("CONSENT_REQUIRED", world.send(ordering(child)))
    unproved = await world.register("bosse", unproved=True)
    await refused("IDENTITY_NOT_PROVED", world.send(ordering(unproved)))
    world.clock.advance(86_400_000)
    assert (await world.send(ordering(child))).card_id


async def test_consent_replaces_no_year_of_age(open_world: OpensWorld) -> None:
    world = await summer(open_world, issuing={"alone_years_min": 14})
    child = await world.register("anna", birth_date=YOUNG)
    await refused("AGE_TOO_LOW", world.send(ordering(child)))


async def test_a_wrong_code_puts_no_card_into_use(world: World) -> None:
    holder = await sent(world, await world.register())
    wrong = activating(holder.identity_id, holder.card_id, holder.wrong_code())
    for _ in range(3):
        refusal = await refused("KEY_WRONG", world.send(wrong))
    assert refusal.retry_ms == 15 * 60_000
    await refused("KEY_LOCKED", world.send(wrong))
    assert await states(world, holder.identity_id) == [SENT]
    world.clock.advance(15 * 60_000)
    await put_into_use(world, holder)
    assert await states(world, holder.identity_id) == [ACTIVE]


async def test_the_first_card_needs_a_password_and_the_next_one_keeps_it(world: World) -> None:
    holder = await sent(world, await world.register())
    number = (await card(world, holder.identity_id, holder.card_id)).activation_number
    without = activating(holder.identity_id, holder.card_id, holder.codes[number], password="")
    await refused("PASSWORD_NOT_SET", world.send(without))
    await put_into_use(world, holder)
    following = await sent(world, holder.identity_id)
    await put_into_use(world, following, password="")
    assert await states(world, holder.identity_id) == [REPLACED, ACTIVE]
    assert (await kinds(world))[-2:] == ["key_card.replaced", "key_card.activated"]
    assert await sign_in(world, following)


async def test_an_activation_that_comes_again_changes_nothing(world: World) -> None:
    holder = await sent(world, await world.register())
    number = (await card(world, holder.identity_id, holder.card_id)).activation_number
    request = activating(holder.identity_id, holder.card_id, holder.codes[number])
    await world.send(request)
    before = await world.events()
    await world.send(request)
    assert await world.events() == before


async def test_a_right_code_at_hand_opens_the_door_that_a_stranger_locked(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    for _ in range(3):
        await refused("KEY_WRONG", submit_key(world, login, holder.wrong_code()))
    await refused("KEY_LOCKED", submit_key(world, login, holder.wrong_code()))
    await put_into_use(world, holder, password=PASSWORD_OTHER)
    login = await key_accepted(world, holder)
    assert await submit_password(world, login, PASSWORD_OTHER) == APPROVED


async def test_a_login_of_a_card_that_was_replaced_goes_no_further(world: World) -> None:
    holder = await activated(world)
    login = await key_accepted(world, holder)
    following = await sent(world, holder.identity_id)
    await put_into_use(world, following, password="")
    await refused("KEY_CARD_NOT_USABLE", submit_password(world, login))


async def test_the_next_card_is_ordered_in_time_and_takes_over_from_the_last_key(
    open_world: OpensWorld,
) -> None:
    world = await summer(open_world, key_card=SHORT)
    holder = await activated(world)
    await use_until(world, holder, 4)
    assert await states(world, holder.identity_id) == [ACTIVE]
    await use_until(world, holder, 3)
    assert await states(world, holder.identity_id) == [ACTIVE, ORDERED]
    following = (await cards(world, holder.identity_id))[1]
    codes = await printed(world, following.card_id)
    await use_until(world, holder, 1)
    assert await states(world, holder.identity_id) == [ACTIVE, SENT]
    # Its last key logs in like any other; the card is used up by it.
    login = await key_accepted(world, holder)
    assert await states(world, holder.identity_id) == [USED_UP, ACTIVE]
    assert (await kinds(world))[-2:] == ["key_card.used_up", "key_card.activated"]
    assert await submit_password(world, login) == APPROVED
    assert await world.redeem(login)
    login = await world.start("anna")
    assert await submit_key(world, login, codes[await number_of(world, login)]) == OPENED


async def test_without_a_next_card_the_last_key_is_the_last(open_world: OpensWorld) -> None:
    world = await summer(open_world, key_card={**SHORT, "order_at": 0})
    holder = await activated(world)
    await use_until(world, holder, 0)
    assert await states(world, holder.identity_id) == [USED_UP, ORDERED]
    login = await world.start("anna")
    assert await number_of(world, login)
    await refused("KEY_WRONG", submit_key(world, login, holder.wrong_code()))
    following = (await cards(world, holder.identity_id))[1]
    codes = await printed(world, following.card_id)
    number = (await card(world, holder.identity_id, following.card_id)).activation_number
    await world.send(activating(holder.identity_id, following.card_id, codes[number], ""))
    assert await states(world, holder.identity_id) == [USED_UP, ACTIVE]


async def test_a_next_card_that_is_lost_is_ordered_again_by_the_next_key(
    open_world: OpensWorld,
) -> None:
    world = await summer(open_world, key_card=SHORT)
    holder = await activated(world)
    await use_until(world, holder, 3)
    await world.send(
        losing(holder.identity_id, (await cards(world, holder.identity_id))[1].card_id)
    )
    await use_until(world, holder, 2)
    assert await states(world, holder.identity_id) == [ACTIVE, LOST, ORDERED]


async def test_what_is_lost_never_comes_back(world: World) -> None:
    holder = await activated(world)
    assert await sign_in(world, holder)
    await world.send(losing(holder.identity_id, holder.card_id), SUPPORT)
    before = await world.events()
    await world.send(losing(holder.identity_id, holder.card_id), SUPPORT)
    assert await world.events() == before
    assert before[-1].kind == "key_card.lost"
    code = next(iter(holder.codes.values()))
    again = activating(holder.identity_id, holder.card_id, code)
    await refused("KEY_CARD_NOT_USABLE", world.send(again))
    login = await world.start("anna")
    await refused("KEY_WRONG", submit_key(world, login, code))
    assert (await card(world, holder.identity_id, holder.card_id)).activation_number == ""


async def test_a_card_is_nobody_elses(world: World) -> None:
    holder = await activated(world)
    other = await world.register("bosse")
    code = holder.wrong_code()
    await refused("KEY_CARD_NOT_FOUND", world.send(losing(other, holder.card_id)))
    await refused("KEY_CARD_NOT_FOUND", world.send(activating(other, holder.card_id, code)))
    await refused("KEY_CARD_NOT_FOUND", world.send(losing(other, bytes(16))))
    await refused("IDENTITY_NOT_FOUND", world.send(ordering(bytes(16))))
    await refused("IDENTITY_NOT_FOUND", world.send(pb.ListKeyCardsRequest(identity_id=bytes(16))))


async def test_a_signed_in_subscriber_orders_activates_and_reports(world: World) -> None:
    holder = await activated(world)
    assertion = await sign_in(world, holder)
    identity_id = holder.identity_id
    sending = {"by": PROFILE, "assertion": assertion}
    world.clock.advance(1)
    card_id = (await world.send(ordering(identity_id), **sending)).card_id
    codes = await printed(world, card_id)
    shown = await world.send(pb.ListKeyCardsRequest(identity_id=identity_id), **sending)
    (number,) = [it.activation_number for it in shown.key_cards if it.card_id == card_id]
    await world.send(activating(identity_id, card_id, codes[number], ""), **sending)
    await world.send(losing(identity_id, card_id), **sending)
    assert await states(world, identity_id) == [REPLACED, LOST]
    # Whoever signed in before the loss may be who has the card now.
    await refused("SUBSCRIBER_NOT_PROVED", world.send(ordering(identity_id), **sending))
    issue = identity_pb.IssueActivationCodeRequest(
        request_id=fresh(), identity_id=identity_id, channel=identity_pb.ACTIVATION_CHANNEL_PROFILE
    )
    await refused("SUBSCRIBER_NOT_PROVED", world.send(issue, **sending))


async def test_the_door_of_keys_is_shown_to_the_desk(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna", by=PORTAL)
    for _ in range(3):
        await refused("KEY_WRONG", submit_key(world, login, holder.wrong_code()))
    shown = await world.send(pb.ListKeyCardsRequest(identity_id=holder.identity_id), SUPPORT)
    assert shown.key_door.strikes == 3
    assert shown.key_door.locked_until_ms == world.now_ms + 15 * 60_000
