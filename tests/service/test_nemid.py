"""The end of NemID, day by day, and moving over from it."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from godkend.statements import DeviceKey
from godkend.v1 import issuing_service_pb2 as issuing_pb
from godkend.v1 import key_card_service_pb2 as pb
from tests.service.displays import activated as with_a_display
from tests.service.displays import sign_in as sign_in_with_display
from tests.service.displays import submit_password
from tests.service.key_cards import (
    Holder,
    activated,
    activating,
    cards,
    key_accepted,
    losing,
    number_of,
    ordering,
    printing,
    put_into_use,
    sent,
    sign_in,
    submit_key,
    summer,
)
from tests.service.world import (
    BANK,
    CHAMBER,
    HOME,
    PORTAL,
    PROFILE,
    Client,
    World,
    refused,
)
from tests.support.phones import fresh
from tests.support.policies import BUDGETS_OFF

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
APP, DISPLAY, KEY_CARD = pb.WAY_IN_APP, pb.WAY_IN_DISPLAY, pb.WAY_IN_KEY_CARD
WHERE = {PORTAL: "tax", BANK: "bank", HOME: "profile"}


@pytest.fixture
async def world(open_world: OpensWorld) -> World:
    """A server in the summer of 2022."""
    return await summer(open_world, budget=BUDGETS_OFF)


def until(world: World, day: str, *, but_ms: int = 0) -> None:
    """Lets time pass until midnight in Copenhagen, at the beginning of a day."""
    midnight = datetime.datetime.fromisoformat(day).replace(tzinfo=COPENHAGEN)
    world.clock.advance(int(midnight.timestamp() * 1_000) - but_ms - world.now_ms)


async def ways_in(world: World, by: Client, service_provider: str = "") -> list[int]:
    request = pb.ListWaysInRequest(service_provider=service_provider or WHERE[by])
    return list((await world.send(request, by)).ways_in)


def moving(identity_id: bytes) -> pb.MoveFromNemIdRequest:
    return pb.MoveFromNemIdRequest(request_id=fresh(), identity_id=identity_id)


async def at_home(world: World, holder: Holder) -> dict[str, Any]:
    """Signed in at the profile with NemID: what a call of the profile shows."""
    assertion = await sign_in(world, holder, HOME, service_provider="profile")
    return {"by": PROFILE, "assertion": assertion}


@pytest.mark.parametrize(
    ("by", "day"), [(BANK, "2022-10-31"), (PORTAL, "2023-06-30"), (HOME, "2023-10-31")]
)
async def test_a_login_by_card_ends_at_midnight_where_its_kind_of_service_ends(
    world: World, by: Client, day: str
) -> None:
    holder = await activated(world)
    until(world, day, but_ms=4)  # Each login takes one.
    assert await sign_in(world, holder, by, service_provider=WHERE[by])
    last = await key_accepted(world, holder, by, service_provider=WHERE[by])
    approved = await key_accepted(world, holder, by, service_provider=WHERE[by])
    await submit_password(world, approved, by=by)
    pending = await world.start("anna", by=by, service_provider=WHERE[by])
    world.clock.advance(1)
    await refused("NEMID_CLOSED", number_of(world, pending, by=by))
    await refused("NEMID_CLOSED", submit_key(world, pending, holder.wrong_code(), by=by))
    # What was begun the day before goes no further.
    await refused("NEMID_CLOSED", submit_password(world, last, by=by))
    await refused("NEMID_CLOSED", world.redeem(approved, by))


async def test_that_it_is_over_is_told_alike_whoever_is_named_and_costs_nothing(
    world: World,
) -> None:
    holder = await activated(world)
    until(world, "2023-10-31")
    for _ in range(5):
        for user_id in ("anna", "nobody"):
            login = await world.start(user_id)
            await refused("NEMID_CLOSED", submit_key(world, login, "000000", user_id))
    shown = await world.send(pb.ListKeyCardsRequest(identity_id=holder.identity_id))
    assert shown.key_door.strikes == 0


async def test_nothing_is_allowed_from_the_last_day_on_whatever_the_others_are(
    open_world: OpensWorld,
) -> None:
    late = dict.fromkeys(
        ("banks_closed_from", "cards_closed_from", "moving_until", "limited_from"), "2199-12-31"
    )
    world = await summer(open_world, nemid=late)
    await activated(world)
    until(world, "2023-10-31", but_ms=1)
    login = await world.start("anna")
    assert await number_of(world, login)
    world.clock.advance(1)
    await refused("NEMID_CLOSED", number_of(world, login))
    await refused("KEY_CARDS_CLOSED", world.send(ordering(await world.register("bosse"))))
    assert await ways_in(world, PORTAL) == [APP, DISPLAY]


async def test_the_ways_in_are_shown_in_the_order_of_the_day(world: World) -> None:
    until(world, "2022-09-22", but_ms=1)
    assert await ways_in(world, PORTAL) == [KEY_CARD, APP, DISPLAY]
    world.clock.advance(1)
    assert await ways_in(world, PORTAL) == [APP, DISPLAY, KEY_CARD]
    until(world, "2022-10-31")
    assert await ways_in(world, BANK) == [APP, DISPLAY]
    assert await ways_in(world, CHAMBER, "trade") == [APP, DISPLAY, KEY_CARD]
    until(world, "2023-06-30")
    assert await ways_in(world, PORTAL) == [APP, DISPLAY]
    assert await ways_in(world, HOME) == [APP, DISPLAY, KEY_CARD]
    until(world, "2023-10-31")
    assert await ways_in(world, HOME) == [APP, DISPLAY]
    await refused("SERVICE_PROVIDER_FORBIDDEN", ways_in(world, HOME, "tax"))


async def test_from_their_last_day_on_cards_are_neither_ordered_nor_printed(
    open_world: OpensWorld,
) -> None:
    world = await summer(open_world, budget=BUDGETS_OFF, key_card={"keys": 10, "order_at": 8})
    until(world, "2023-05-30", but_ms=3)
    holder, waits = await activated(world), await world.register("bosse")
    card_id = (await world.send(ordering(waits))).card_id
    on_its_way = await sent(world, await world.register("carla"))
    world.clock.advance(1)
    await refused("KEY_CARDS_CLOSED", world.send(ordering(await world.register("dorte"))))
    await refused("KEY_CARDS_CLOSED", world.send(printing(card_id)))
    # One that was sent in time is put into use, and few keys that are left order nothing.
    await put_into_use(world, on_its_way)
    await key_accepted(world, holder)
    assert len(await cards(world, holder.identity_id)) == 1
    until(world, "2023-10-31")
    late = activating(holder.identity_id, holder.card_id, holder.wrong_code())
    await refused("NEMID_CLOSED", world.send(late))
    await world.send(losing(holder.identity_id, holder.card_id))


async def test_who_is_signed_in_with_nemid_moves_over_to_the_app(world: World) -> None:
    holder = await activated(world)
    signed_in = await at_home(world, holder)
    request = moving(holder.identity_id)
    moved = await world.send(request, **signed_in)
    assert await world.send(request, **signed_in) == moved
    listed = await world.send(issuing_pb.ListEvidenceRequest(identity_id=holder.identity_id))
    (evidence,) = listed.evidence
    assert evidence.method == issuing_pb.IDENTIFICATION_METHOD_NEM_ID
    assert evidence.document_kind == issuing_pb.DOCUMENT_KIND_NEM_ID
    kinds = [it.kind for it in await world.events()]
    assert kinds.count("nemid.moved") == 1
    assert kinds[-2:] == ["activation_code.issued", "nemid.moved"]
    assert json.loads((await world.events())[-1].detail) == {"level": "Substantial"}
    key = DeviceKey.generate()
    begun = await world.begin("anna", moved.activation_code, key)
    assert await world.finish(key, begun)
    # NemID goes on until it ends for all.
    assert await sign_in(world, holder)


async def test_who_is_signed_in_otherwise_does_not_move_over(world: World) -> None:
    shown = await with_a_display(world, "bosse")
    assertion = await sign_in_with_display(world, shown)
    request = moving(shown.identity_id)
    call = world.send(request, PROFILE, assertion=assertion)
    await refused("NEMID_LOGIN_REQUIRED", call)
    phone = await world.activate("carla")
    call = world.send(moving(phone.identity_id), PROFILE, assertion=await world.sign_in(phone))
    await refused("NEMID_LOGIN_REQUIRED", call)
    assert not [it for it in await world.events() if it.kind == "nemid.moved"]


async def test_the_last_day_of_moving_is_a_whole_one(world: World) -> None:
    holder = await activated(world)
    until(world, "2023-06-06", but_ms=2)
    signed_in = await at_home(world, holder)
    await world.send(moving(holder.identity_id), **signed_in)
    world.clock.advance(1)
    await refused("NEMID_MOVE_OVER", world.send(moving(holder.identity_id), **signed_in))


async def test_a_card_that_is_lost_since_moves_nobody(world: World) -> None:
    holder = await activated(world)
    signed_in = await at_home(world, holder)
    await world.send(losing(holder.identity_id, holder.card_id))
    await refused("SUBSCRIBER_NOT_PROVED", world.send(moving(holder.identity_id), **signed_in))


async def test_a_block_stops_who_is_moving(world: World) -> None:
    holder = await activated(world)
    signed_in = await at_home(world, holder)
    await world.block(holder.identity_id)
    await refused("IDENTITY_BLOCKED", world.send(moving(holder.identity_id), **signed_in))
    listed = await world.send(issuing_pb.ListEvidenceRequest(identity_id=holder.identity_id))
    assert not listed.evidence
