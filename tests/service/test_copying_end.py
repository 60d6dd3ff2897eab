"""The end of a copy: the temporary PIN by SMS, and a PIN of the new phone's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from godkend import _core
from godkend.errors import Denied
from godkend.statements import DeviceKey, read_statement
from godkend.v1 import history_service_pb2 as history_pb
from godkend.v1 import identity_service_pb2 as identity_pb
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import notification_service_pb2 as notification_pb
from godkend.v1 import statement_pb2 as statement_pb
from tests.service.world import APPROVED, World, a_world, refused
from tests.support.copying import (
    CONFIRMED,
    DONE,
    EXPIRED,
    HOUR_MS,
    NEW_NAME,
    READY,
    REQUESTED,
    SCANNED,
    STOPPED,
    WAIT_MS,
    NewPhone,
    confirm,
    finish,
    finish_request,
    give_number,
    kinds,
    old_phone,
    read_sms,
    request,
    scan,
    scanned,
    show,
    stop,
    wrong,
)
from tests.support.driver import NOW_MS
from tests.support.phones import PIN_OTHER, Phone

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
async def old(world: World) -> Phone:
    """Anna's phone."""
    return await old_phone(world)


async def test_the_new_phone_is_an_authenticator_of_its_own(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    authenticator_id = await finish(world, new, await read_sms(world), biometrics_on=True)
    (first, second) = (await world.identity(old.identity_id)).authenticators
    assert first.authenticator_id == old.authenticator_id
    assert second == identity_pb.Authenticator(
        authenticator_id=authenticator_id,
        device_name=NEW_NAME,
        state=identity_pb.AUTHENTICATOR_STATE_ACTIVE,
        biometrics_on=True,
        notifications_on=True,
        enrolled_level=login_pb.ASSURANCE_LEVEL_SUBSTANTIAL,
        activated_at_ms=world.now_ms,
    )
    phone = Phone(new.key, old.identity_id, authenticator_id, PIN_OTHER)
    for each in (old, phone):
        login, opened = await world.opened(each)
        assert await world.approve(each, opened) == APPROVED
        assert await world.redeem(login)
    assert await kinds(world) == [
        *("copy.requested", "copy.ready", "copy.confirmed", "copy.scanned", "copy.done"),
    ]
    assert (await show(world, old)).state == (await show(world, new)).state == DONE


async def test_biometrics_and_notifications_are_as_they_were_chosen(
    world: World, old: Phone
) -> None:
    new = await scanned(world, old)
    await finish(world, new, await read_sms(world), notifications_on=False)
    (_, second) = (await world.identity(old.identity_id)).authenticators
    assert (second.biometrics_on, second.notifications_on) == (False, False)


async def test_a_temporary_pin_has_three_tries(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    for left in ("2", "1", "0"):
        refusal = await refused("TEMPORARY_PIN_WRONG", finish(world, new, wrong(sms)))
        assert refusal.metadata["attempts_left"] == left
    await refused("TEMPORARY_PIN_OVER", finish(world, new, sms))
    assert len((await world.identity(old.identity_id)).authenticators) == 1
    # The tries are the temporary PIN's own.
    assert await world.strikes(old) == 0


async def test_the_right_temporary_pin_after_a_wrong_one(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    await refused("TEMPORARY_PIN_WRONG", finish(world, new, wrong(sms)))
    assert await finish(world, new, sms)


async def test_a_weak_pin_is_refused_and_costs_no_try(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    for _ in range(5):
        await refused("PIN_WEAK", finish(world, new, sms, "123456"))
    assert await finish(world, new, sms)


async def test_the_new_phone_has_an_hour(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    world.clock.advance(HOUR_MS)
    assert (await show(world, new)).state == EXPIRED
    await refused("COPY_EXPIRED", finish(world, new, sms))
    await stop_is_too_late(world, old, new, "COPY_EXPIRED")


async def test_the_last_moment_of_the_hour_is_early_enough(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    world.clock.advance(HOUR_MS - 1)
    assert await finish(world, new, sms)
    await stop_is_too_late(world, old, new, "COPY_DONE")


async def stop_is_too_late(world: World, old: Phone, new: NewPhone, reason: str) -> None:
    """Neither side stops what has ended."""
    for phone in (old, new):
        await refused(reason, stop(world, phone, new.copy_id))


async def test_a_phone_that_missed_the_answer_is_told_the_same_and_another_attempt_is_not(
    world: World, old: Phone
) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    sent = finish_request(new, sms)
    first = await world.send(sent)
    assert await world.send(sent) == first
    await refused("COPY_DONE", finish(world, new, sms, "719350"))
    assert len((await world.identity(old.identity_id)).authenticators) == 2


async def test_whoever_has_the_code_and_the_sms_but_not_the_key_finishes_nothing(
    world: World, old: Phone
) -> None:
    new = await scanned(world, old)
    thief = NewPhone(DeviceKey.generate(), new.scanned)
    await refused("SIGNATURE_INVALID", finish(world, thief, await read_sms(world)))
    altered = NewPhone(new.key, type(new.scanned)(copy_id=new.copy_id, challenge=bytes(32)))
    await refused("STATEMENT_WRONG_CHALLENGE", finish(world, altered, await read_sms(world)))
    assert (await show(world, new)).state == SCANNED


async def test_a_stopped_copy_takes_its_temporary_pin_with_it(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    await stop(world, old, new.copy_id)
    await refused("COPY_STOPPED", finish(world, new, sms))
    with pytest.raises(Denied, match="TEMPORARY_PIN_OVER"):
        await read_sms(world)


async def test_a_code_whose_temporary_pin_cannot_be_sent_can_be_scanned_again(
    world: World, old: Phone
) -> None:
    copy = await request(world, old)
    await give_number(world, old.identity_id, "+4587654321")
    world.clock.advance(WAIT_MS)
    shown = await confirm(world, old, copy.copy_id)
    await refused("PHONE_NUMBER_TOO_NEW", scan(world, shown.copy_code))
    assert (await show(world, old)).state == CONFIRMED
    assert "copy.scanned" not in await kinds(world)


async def test_while_a_phone_has_scanned_the_old_app_confirms_nothing(
    world: World, old: Phone
) -> None:
    new = await scanned(world, old)
    await refused("COPY_SCANNED", confirm(world, old, new.copy_id))


async def test_a_stop_that_races_the_last_step_has_one_outcome(world: World, old: Phone) -> None:
    for _ in range(5):
        new = await scanned(world, old)
        sms = await read_sms(world)
        before = len((await world.identity(old.identity_id)).authenticators)
        done, stopped = await asyncio.gather(
            finish(world, new, sms), stop(world, old, new.copy_id), return_exceptions=True
        )
        assert isinstance(done, BaseException) != isinstance(stopped, BaseException)
        won = not isinstance(done, BaseException)
        after = len((await world.identity(old.identity_id)).authenticators)
        assert after - before == won
        assert (await show(world, old, new.copy_id)).state == (DONE if won else STOPPED)
        world.clock.advance(8 * HOUR_MS)


async def test_two_ends_at_once_make_one_authenticator(world: World, old: Phone) -> None:
    new = await scanned(world, old)
    sms = await read_sms(world)
    outcomes = await asyncio.gather(
        *(finish(world, new, sms) for _ in range(2)), return_exceptions=True
    )
    assert sum(isinstance(it, BaseException) for it in outcomes) == 1
    assert len((await world.identity(old.identity_id)).authenticators) == 2


async def test_a_copy_survives_a_restart_between_all_its_steps(tmp_path: Path) -> None:
    clock = _core.ManualClock(NOW_MS)

    async with a_world(tmp_path, clock=clock, store="") as world:
        old = await old_phone(world)
        copy_id = (await request(world, old)).copy_id
    async with a_world(tmp_path, clock=clock, store="") as world:
        assert (await show(world, old)).state == REQUESTED
        clock.advance(WAIT_MS)
    async with a_world(tmp_path, clock=clock, store="") as world:
        assert (await show(world, old)).state == READY
        await confirm(world, old, copy_id)
    async with a_world(tmp_path, clock=clock, store="") as world:
        # The code itself lies nowhere, and is the same all the same.
        copy = await show(world, old)
        assert copy.state == CONFIRMED
        new = await scan(world, copy.copy_code)
    async with a_world(tmp_path, clock=clock, store="") as world:
        assert (await show(world, new)).state == SCANNED
        sms = await read_sms(world)
        await refused("TEMPORARY_PIN_WRONG", finish(world, new, wrong(sms)))
    async with a_world(tmp_path, clock=clock, store="") as world:
        refusal = await refused("TEMPORARY_PIN_WRONG", finish(world, new, wrong(sms)))
        assert refusal.metadata["attempts_left"] == "1"
        authenticator_id = await finish(world, new, sms)
    async with a_world(tmp_path, clock=clock, store="") as world:
        assert (await show(world, old)).state == DONE
        phone = Phone(new.key, old.identity_id, authenticator_id, PIN_OTHER)
        _, opened = await world.opened(phone)
        assert await world.approve(phone, opened) == APPROVED
        assert (await kinds(world))[-1] == "copy.done"


async def test_an_app_that_is_kept_silent_shows_no_messages_while_another_way_is_left(
    world: World, old: Phone
) -> None:
    new = await scanned(world, old)
    authenticator_id = await finish(world, new, await read_sms(world), notifications_on=False)
    silent = Phone(new.key, old.identity_id, authenticator_id)

    async def shown(phone: Phone, page: statement_pb.Page.ValueType, request: Any) -> Any:
        signed = read_statement(phone.key, phone.authenticator_id, page, world.now_ms)
        sent = request(statement=signed.statement, signature=signed.signature)
        return await world.send(sent)

    async def messages(phone: Phone) -> int:
        request = notification_pb.ListMessagesRequest
        return len((await shown(phone, statement_pb.PAGE_MESSAGES, request)).messages)

    assert await messages(silent) == 0
    assert await messages(old) > 0
    request = history_pb.ListOwnHistoryRequest
    assert (await shown(silent, statement_pb.PAGE_HISTORY, request)).entries
    nothing = identity_pb.ContactDetails()
    await world.send(
        identity_pb.SetContactDetailsRequest(identity_id=old.identity_id, contact_details=nothing)
    )
    assert await messages(silent) == await messages(old) > 0
