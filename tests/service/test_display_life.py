"""A display from stock to its owner and out of use again, and the password beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from godkend.errors import Denied
from godkend.v1 import display_service_pb2 as pb
from tests.service.displays import (
    PASSWORD,
    PASSWORD_OTHER,
    STEP_MS,
    a_display,
    activated,
    activating,
    assigning,
    sign_in,
    stock,
    submit_code,
    submit_password,
)
from tests.service.world import APPROVED, PROFILE, REGISTRAR, SUPPORT, World, refused
from tests.support.phones import fresh

ASSIGNED, ACTIVE = pb.DISPLAY_STATE_ASSIGNED, pb.DISPLAY_STATE_ACTIVE
LOST, REPLACED = pb.DISPLAY_STATE_LOST, pb.DISPLAY_STATE_REPLACED


async def shown(world: World, identity_id: bytes) -> pb.ListDisplaysResponse:
    response: pb.ListDisplaysResponse = await world.send(
        pb.ListDisplaysRequest(identity_id=identity_id)
    )
    return response


async def states(world: World, identity_id: bytes) -> dict[str, int]:
    return {it.serial_number: it.state for it in (await shown(world, identity_id)).displays}


def losing(identity_id: bytes, serial_number: str) -> pb.ReportDisplayLostRequest:
    return pb.ReportDisplayLostRequest(identity_id=identity_id, serial_number=serial_number)


def setting(identity_id: bytes, password: str = PASSWORD_OTHER) -> pb.SetPasswordRequest:
    return pb.SetPasswordRequest(request_id=fresh(), identity_id=identity_id, password=password)


async def test_a_display_is_imported_once_and_never_with_other_contents(world: World) -> None:
    display = a_display()
    display_id = await stock(world, display)
    assert await stock(world, display) == display_id
    assert await stock(world, replace(display, serial_number="a-1")) == display_id
    for other in (
        replace(display, seed=fresh(20)),
        replace(display, kind=pb.DISPLAY_KIND_AUDIO_CODE_READER),
        replace(display, algorithm=2),
        replace(display, period_s=60),
    ):
        with pytest.raises(Denied, match="SERIAL_NUMBER_TAKEN"):
            await stock(world, other)
    kinds = [event.kind for event in await world.events()]
    assert kinds == ["display.imported"]


@pytest.mark.parametrize("fields", [{}, {"algorithm": 2}, {"period_s": 60}, {"period_s": 0}])
async def test_displays_of_every_kind_log_in(world: World, fields: dict[str, int]) -> None:
    display = a_display(**fields)
    holder = await activated(world, display=display)
    world.clock.advance(STEP_MS)
    holder.display = replace(display, counter=1)
    assert await sign_in(world, holder)


async def test_a_display_is_assigned_from_stock_alone_and_to_one(world: World) -> None:
    anna, bo = await world.register("anna"), await world.register("bosse")
    await refused("DISPLAY_NOT_FOUND", world.send(assigning(anna, "A1")))
    await stock(world, a_display())
    first = await world.send(assigning(anna, "a 1"))
    assert await world.send(assigning(anna, "A1")) == first
    assert await states(world, anna) == {"A1": ASSIGNED}
    await refused("DISPLAY_NOT_USABLE", world.send(assigning(bo, "A1")))
    await refused("IDENTITY_NOT_FOUND", world.send(assigning(bytes(16), "A1")))
    await world.block(bo)
    await refused("IDENTITY_BLOCKED", world.send(assigning(bo, "A1")))


async def test_a_display_waits_for_a_code_and_a_password_before_it_logs_in(world: World) -> None:
    identity_id, display = await world.register("anna"), a_display()
    await stock(world, display)
    await world.send(assigning(identity_id, "A1"))
    login = await world.start("anna")
    code = display.code_at(world.now_ms)
    await refused("DISPLAY_CODE_WRONG", submit_code(world, login, code))
    call = world.send(activating(identity_id, "A1", code, ""))
    await refused("PASSWORD_NOT_SET", call)
    wrong = await refused("DISPLAY_CODE_WRONG", world.send(activating(identity_id, "A1", "000000")))
    assert wrong.metadata["attempts_left"] == "2"
    assert await states(world, identity_id) == {"A1": ASSIGNED}
    assert not (await shown(world, identity_id)).password_is_set
    await world.send(activating(identity_id, "A1", code))
    view = await shown(world, identity_id)
    assert view.displays[0].state == ACTIVE
    assert view.password_is_set
    assert view.code_door == pb.Door(), "a right code opened it"
    # The code that activated it is spent.
    await refused("DISPLAY_CODE_WRONG", submit_code(world, login, code))


async def test_an_activation_that_repeats_itself_changes_nothing(world: World) -> None:
    identity_id, display = await world.register("anna"), a_display()
    await stock(world, display)
    await world.send(assigning(identity_id, "A1"))
    request = activating(identity_id, "A1", display.code_at(world.now_ms))
    first = await world.send(request)
    before = await world.events()
    assert await world.send(request) == first
    assert await world.events() == before


async def test_the_next_display_replaces_the_one_in_use_when_it_is_activated(world: World) -> None:
    holder = await activated(world)
    old, new = holder.display, a_display("B2")
    await stock(world, new)
    await world.send(assigning(holder.identity_id, "B2"))
    assert await sign_in(world, holder)
    under_way = await world.start("anna")
    await submit_code(world, under_way, holder.code(world))
    await world.send(activating(holder.identity_id, "B2", new.code_at(world.now_ms), ""))
    assert await states(world, holder.identity_id) == {old.serial_number: REPLACED, "B2": ACTIVE}
    # What is replaced logs nobody in, also not where its code was accepted before.
    await refused("DISPLAY_NOT_USABLE", submit_password(world, under_way))
    world.clock.advance(STEP_MS)
    login = await world.start("anna")
    await refused("DISPLAY_CODE_WRONG", submit_code(world, login, holder.code(world)))
    holder.display = new
    assert await sign_in(world, holder)


async def test_another_display_on_its_way_replaces_the_one_before_it(world: World) -> None:
    identity_id = await world.register("anna")
    for serial_number in ("A1", "B2"):
        await stock(world, a_display(serial_number))
        await world.send(assigning(identity_id, serial_number))
    assert await states(world, identity_id) == {"A1": REPLACED, "B2": ASSIGNED}


@pytest.mark.parametrize("by", [REGISTRAR, SUPPORT])
async def test_what_is_lost_logs_nobody_in_and_stays_lost(world: World, by: object) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    await submit_password(world, login)
    request = losing(holder.identity_id, holder.display.serial_number)
    for _ in range(2):
        await world.send(request, by)  # type: ignore[arg-type]
    # Also the login that was approved already.
    await refused("DISPLAY_NOT_USABLE", world.redeem(login))
    assert await states(world, holder.identity_id) == {holder.display.serial_number: LOST}
    again = activating(holder.identity_id, holder.display.serial_number, holder.code(world))
    await refused("DISPLAY_NOT_USABLE", world.send(again))
    kinds = [event.kind for event in await world.events()]
    assert kinds.count("display.lost") == 1


async def test_a_display_is_nobody_elses(world: World) -> None:
    holder, bo = await activated(world), await world.register("bosse")
    serial_number = holder.display.serial_number
    await refused("DISPLAY_NOT_FOUND", world.send(losing(bo, serial_number)))
    request = activating(bo, serial_number, holder.code(world))
    await refused("DISPLAY_NOT_FOUND", world.send(request))


async def test_a_signed_in_subscriber_cares_for_their_own_display(world: World) -> None:
    anna = await world.activate("anna")
    display = a_display()
    await stock(world, display)
    await world.send(assigning(anna.identity_id, "A1"))
    assertion = await world.sign_in(anna)
    request = activating(anna.identity_id, "A1", display.code_at(world.now_ms))
    await world.send(request, PROFILE, assertion=assertion)
    await world.send(setting(anna.identity_id), PROFILE, assertion=assertion)
    await world.send(losing(anna.identity_id, "A1"), PROFILE, assertion=assertion)
    assert await states(world, anna.identity_id) == {"A1": LOST}


async def test_a_session_from_before_a_loss_or_a_block_changes_nothing_one_signs_in_with(
    world: World,
) -> None:
    holder = await activated(world)
    phone = await world.activate(identity_id=holder.identity_id)
    old = await sign_in(world, holder)
    world.clock.advance(1_000)
    await world.send(losing(holder.identity_id, holder.display.serial_number), SUPPORT)
    request = setting(holder.identity_id)
    await refused("SUBSCRIBER_NOT_PROVED", world.send(request, PROFILE, assertion=old))
    world.clock.advance(1_000)
    assertion = await world.sign_in(phone)
    world.clock.advance(1_000)
    await world.block(holder.identity_id, phone.authenticator_id)
    await refused("SUBSCRIBER_NOT_PROVED", world.send(request, PROFILE, assertion=assertion))


async def test_nobody_gets_a_display_whom_nobody_answers_for_or_who_is_too_young(
    world: World,
) -> None:
    await stock(world, a_display())
    for user_id, birth_date, reason in (
        ("anna", "2016-01-01", "AGE_TOO_LOW"),
        ("bosse", "2013-01-01", "CONSENT_REQUIRED"),
    ):
        identity_id = await world.register(user_id, birth_date=birth_date)
        await refused(reason, world.send(assigning(identity_id, "A1")))


async def test_a_right_code_at_the_desk_opens_what_a_stranger_locked(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    for _ in range(3):
        wrong = holder.wrong_code(world)
        await refused("DISPLAY_CODE_WRONG", submit_code(world, login, wrong))
    await refused("DISPLAY_CODE_LOCKED", submit_code(world, login, holder.code(world)))
    assert (await shown(world, holder.identity_id)).code_door.strikes == 3
    serial_number = holder.display.serial_number
    await world.send(activating(holder.identity_id, serial_number, holder.code(world), ""))
    world.clock.advance(STEP_MS)
    assert await sign_in(world, holder)


async def test_a_display_that_was_lost_in_time_is_found_by_two_codes_in_a_row(
    world: World,
) -> None:
    holder = await activated(world)
    step = world.now_ms // STEP_MS + 20
    login = await world.start("anna")
    await refused("DISPLAY_CODE_WRONG", submit_code(world, login, holder.display.code(step)))
    world.clock.advance(STEP_MS)
    await submit_code(world, login, holder.display.code(step + 1))
    await submit_password(world, login)
    assert await world.redeem(login)


# The password


async def test_a_new_password_takes_the_place_of_the_old_one_at_once(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    request = setting(holder.identity_id)
    await world.send(request)
    await world.send(request)
    await refused("PASSWORD_WRONG", submit_password(world, login, PASSWORD))
    assert await submit_password(world, login, PASSWORD_OTHER) == APPROVED
    kinds = [event.kind for event in await world.events()]
    assert kinds.count("password.set") == 2


async def test_support_sets_a_password_for_whom_it_has_identified_and_says_where(
    world: World,
) -> None:
    holder = await activated(world)
    request = setting(holder.identity_id)
    for reference in ("", "x" * 101, "two\nlines"):
        request.evidence_reference = reference
        refusal = await refused("FIELD_INVALID", world.send(request, SUPPORT))
        assert refusal.field == "evidence_reference"
    request.evidence_reference = "case 4711"
    await world.send(request, SUPPORT)
    event = (await world.events())[-1]
    assert (event.kind, event.actor) == ("password.set", SUPPORT.name)
    assert json.loads(event.detail) == {"evidence_reference": "case 4711", "means": "support"}
    world.clock.advance(STEP_MS)
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    assert await submit_password(world, login, PASSWORD_OTHER) == APPROVED


async def test_a_password_that_is_dead_comes_back_only_as_another(world: World) -> None:
    holder = await activated(world)
    for _ in range(3):
        login = await world.start("anna")
        await submit_code(world, login, holder.code(world))
        for _ in range(3):
            await refused("PASSWORD_WRONG", submit_password(world, login, PASSWORD_OTHER))
        world.clock.advance(24 * 3_600_000)
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    await refused("PASSWORD_DEAD", submit_password(world, login, PASSWORD))
    assert (await shown(world, holder.identity_id)).password_door.dead
    await world.send(setting(holder.identity_id))
    assert await submit_password(world, login, PASSWORD_OTHER) == APPROVED


@pytest.mark.parametrize(
    "password", ["password1", "xx-ANNA-xx", "1234567890", "010190-1234", "ｐａｓｓｗｏｒｄ１"]
)
async def test_a_weak_password_is_refused_and_nothing_changes(world: World, password: str) -> None:
    holder = await activated(world)
    refusal = await refused("PASSWORD_WEAK", world.send(setting(holder.identity_id, password)))
    assert refusal.field == "password"
    request = activating(
        holder.identity_id, holder.display.serial_number, holder.code(world), password
    )
    await refused("PASSWORD_WEAK", world.send(request))
    assert await sign_in(world, holder)


@pytest.mark.parametrize("password", ["", "short 7", "x" * 65, "tab\tulator"])
async def test_what_is_no_password_is_refused_by_name(world: World, password: str) -> None:
    identity_id = await world.register()
    refusal = await refused("FIELD_INVALID", world.send(setting(identity_id, password)))
    assert refusal.field == "password"


async def test_nobody_gets_a_password_who_is_not_there_or_is_blocked(world: World) -> None:
    await refused("IDENTITY_NOT_FOUND", world.send(setting(bytes(16))))
    identity_id = await world.register()
    await world.block(identity_id)
    await refused("IDENTITY_BLOCKED", world.send(setting(identity_id)))


async def test_the_history_holds_no_secret_of_a_display(world: World) -> None:
    holder = await activated(world)
    assert await sign_in(world, holder)
    for event in await world.events():
        told = f"{event.kind} {event.actor} {event.detail}"
        assert holder.display.seed.hex() not in told
        assert PASSWORD not in told
        if event.kind.startswith("display."):
            assert set(json.loads(event.detail)) == {"serial_number"}
