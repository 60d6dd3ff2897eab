"""From the app to its copy on another phone, up to the new phone's scan; and stopping."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from godkend.statements import DeviceKey
from tests.service.world import World, refused
from tests.support.copying import (
    CODE_LIFE_MS,
    CONFIRMED,
    EXPIRED,
    HOUR_MS,
    NEW_NAME,
    NUMBER_AGE_MS,
    READY,
    REQUESTED,
    SCANNED,
    STOPPED,
    WAIT_MS,
    WINDOW_MS,
    NewPhone,
    confirm,
    confirm_request,
    confirmed,
    give_number,
    kinds,
    old_phone,
    query_request,
    request,
    request_of,
    scan,
    scan_request,
    show,
    stop,
    stop_request,
)
from tests.support.phones import ALGORITHMS, PIN_WRONG, Phone

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld


SKEW_MS = 120_000
STEPS = ("requested", "ready", "confirmed", "scanned")


@pytest.fixture
async def old(world: World) -> Phone:
    """Anna's phone."""
    return await old_phone(world)


async def again(error: BaseException) -> None:
    """Lets `refused` look at what a call was refused with."""
    raise error


# The wait, and the PIN on both sides of it


async def test_the_wait_is_an_hour_and_the_app_may_be_closed_meanwhile(
    world: World, old: Phone
) -> None:
    copy = await request(world, old)
    assert (copy.state, copy.copy_code) == (REQUESTED, "")
    assert copy.ready_at_ms == copy.expires_at_ms == world.now_ms + WAIT_MS
    world.clock.advance(WAIT_MS - 1)
    assert (await show(world, old)).state == REQUESTED
    refusal = await refused("COPY_NOT_READY", confirm(world, old, copy.copy_id))
    assert refusal.retry_ms == 1
    world.clock.advance(1)
    assert (await show(world, old)).state == READY
    shown = await confirm(world, old, copy.copy_id)
    assert shown.state == CONFIRMED
    assert shown.copy_code
    assert shown.expires_at_ms == world.now_ms + CODE_LIFE_MS
    assert await kinds(world) == ["copy.requested", "copy.ready", "copy.confirmed"]


async def test_the_window_after_the_wait_ends_a_day_later(world: World, old: Phone) -> None:
    copy = await request(world, old)
    world.clock.advance(WAIT_MS + WINDOW_MS - 1)
    assert (await show(world, old)).state == READY
    world.clock.advance(1)
    assert (await show(world, old)).state == EXPIRED
    await refused("COPY_EXPIRED", confirm(world, old, copy.copy_id))
    await refused("COPY_EXPIRED", stop(world, old, copy.copy_id))
    assert await kinds(world) == ["copy.requested", "copy.expired"]
    assert (await request(world, old)).state == REQUESTED


async def test_a_wrong_pin_at_either_step_is_a_strike_and_changes_nothing(
    world: World, old: Phone
) -> None:
    refusal = await refused("PIN_WRONG", request(world, old, PIN_WRONG))
    assert refusal.metadata["attempts_left"] == "2"
    await refused("COPY_NOT_FOUND", show(world, old))
    copy = await request(world, old)
    assert await world.strikes(old) == 0
    world.clock.advance(WAIT_MS)
    await refused("PIN_WRONG", confirm(world, old, copy.copy_id, PIN_WRONG))
    assert await world.strikes(old) == 1
    assert (await show(world, old)).state == READY


async def test_a_locked_app_begins_and_confirms_no_copy(world: World, old: Phone) -> None:
    copy = await request(world, old)
    world.clock.advance(WAIT_MS)
    for _ in range(3):
        await refused("PIN_WRONG", confirm(world, old, copy.copy_id, PIN_WRONG))
    await refused("PIN_LOCKED", confirm(world, old, copy.copy_id))
    world.clock.advance(HOUR_MS)
    assert (await confirm(world, old, copy.copy_id)).state == CONFIRMED


async def test_one_copy_is_under_way_for_all_apps_of_a_subscriber(world: World, old: Phone) -> None:
    other = await world.activate(identity_id=old.identity_id)
    copy = await request(world, old)
    for phone in (old, other):
        await refused("COPY_UNDER_WAY", request(world, phone))
        # It was refused before its PIN was looked at.
        assert await world.strikes(phone) == 0
    await stop(world, old, copy.copy_id)
    assert (await request(world, other)).state == REQUESTED


async def test_a_statement_counts_once(world: World, old: Phone) -> None:
    sent = request_of(world, old)
    copy = (await world.send(sent)).copy
    await stop(world, old, copy.copy_id)
    await refused("STATEMENT_REPLAYED", world.send(sent))


async def test_two_confirmations_at_once_make_one_code(world: World, old: Phone) -> None:
    copy = await request(world, old)
    world.clock.advance(WAIT_MS)
    outcomes = await asyncio.gather(
        *(confirm(world, old, copy.copy_id) for _ in range(2)), return_exceptions=True
    )
    failed = [it for it in outcomes if isinstance(it, BaseException)]
    assert len(failed) == 1
    await refused("COPY_CONFIRMED", again(failed[0]))
    assert (await kinds(world)).count("copy.confirmed") == 1
    assert await world.strikes(old) == 0


async def test_who_cannot_be_sent_a_temporary_pin_does_not_wait_for_one(world: World) -> None:
    old = await world.activate()
    await refused("PHONE_NUMBER_MISSING", request(world, old))
    await give_number(world, old.identity_id)
    refusal = await refused("PHONE_NUMBER_TOO_NEW", request(world, old))
    assert refusal.retry_ms == NUMBER_AGE_MS
    world.clock.advance(NUMBER_AGE_MS - 1)
    await refused("PHONE_NUMBER_TOO_NEW", request(world, old))
    world.clock.advance(1)
    assert (await request(world, old)).state == REQUESTED


# The code


async def test_a_code_that_ran_out_costs_no_new_wait(world: World, old: Phone) -> None:
    first = await confirmed(world, old)
    world.clock.advance(CODE_LIFE_MS - 1)
    await refused("COPY_CONFIRMED", confirm(world, old, first.copy_id))
    world.clock.advance(1)
    await refused("COPY_CODE_WRONG", scan(world, first.copy_code))
    assert (await show(world, old)).state == READY
    second = await confirm(world, old, first.copy_id)
    assert second.copy_code != first.copy_code
    await refused("COPY_CODE_WRONG", scan(world, first.copy_code))
    assert (await scan(world, second.copy_code)).copy_id == first.copy_id


async def test_the_code_is_shown_again_to_the_app_that_is_copied_and_to_no_other(
    world: World, old: Phone
) -> None:
    other = await world.activate(identity_id=old.identity_id)
    copy = await confirmed(world, old)
    assert (await show(world, old)).copy_code == copy.copy_code
    seen = await show(world, other)
    assert (seen.copy_id, seen.state, seen.copy_code) == (copy.copy_id, CONFIRMED, "")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_new_phone_scans_and_the_old_app_sees_which(
    world: World, old: Phone, algorithm: int
) -> None:
    copy = await confirmed(world, old)
    world.clock.advance(CODE_LIFE_MS - 1)
    key = DeviceKey.generate(algorithm)  # type: ignore[arg-type]
    new = await scan(world, copy.copy_code, "ANNA", key)
    assert len(new.scanned.challenge) == 32
    for phone in (old, new):
        seen = await show(world, phone)
        assert (seen.state, seen.device_name, seen.copy_code) == (SCANNED, NEW_NAME, "")
    event = (await world.events())[-1]
    assert event.kind == "copy.scanned"
    assert json.loads(event.detail)["device_name"] == NEW_NAME


async def test_of_two_phones_that_scan_one_code_one_has_it(world: World, old: Phone) -> None:
    copy = await confirmed(world, old)
    outcomes = await asyncio.gather(
        *(scan(world, copy.copy_code) for _ in range(4)), return_exceptions=True
    )
    failed = [it for it in outcomes if isinstance(it, BaseException)]
    assert len(failed) == 3
    for error in failed:
        await refused("COPY_CODE_WRONG", again(error))
    assert (await kinds(world)).count("copy.scanned") == 1


async def test_a_phone_that_missed_the_answer_scans_again_and_is_told_the_same(
    world: World, old: Phone
) -> None:
    copy = await confirmed(world, old)
    key = DeviceKey.generate()
    first = await scan(world, copy.copy_code, key=key)
    assert (await scan(world, copy.copy_code, key=key)).scanned == first.scanned
    await refused("COPY_CODE_WRONG", scan(world, copy.copy_code, "bodil", key))
    assert (await kinds(world)).count("copy.scanned") == 1


async def test_a_wrong_user_id_says_nothing_and_the_fifth_ends_the_code(
    world: World, old: Phone
) -> None:
    await world.register("bodil")
    copy = await confirmed(world, old)
    for user_id in ("bodil", "nobody", "bodil", "nobody"):
        await refused("COPY_CODE_WRONG", scan(world, copy.copy_code, user_id))
    assert (await show(world, old)).state == CONFIRMED
    await refused("COPY_CODE_WRONG", scan(world, copy.copy_code, "bodil"))
    await refused("COPY_CODE_WRONG", scan(world, copy.copy_code, "anna"))
    assert (await show(world, old)).state == READY
    again = await confirm(world, old, copy.copy_id)
    assert await scan(world, again.copy_code)


async def test_a_code_of_a_login_is_none_of_a_copy_nor_the_other_way_round(
    world: World, old: Phone
) -> None:
    copy = await confirmed(world, old)
    login = await world.start()
    for code in (login.qr(), login.link):
        await refused("CODE_INVALID", scan(world, code))
    await refused("CODE_INVALID", world.open(old, login, copy.copy_code))


async def test_strangers_who_try_codes_spend_budgets_and_hinder_nobody(
    open_world: OpensWorld,
) -> None:
    quota = {"interval_us": 60_000_000, "burst": 2}
    world = await open_world(budget={"copy_source": quota})
    old = await old_phone(world)
    copy = await confirmed(world, old)
    named, _, proof = copy.copy_code.partition(".")
    for wrong in ("A" * 22, proof[::-1].replace(proof[-1], "A", 1)[:21] + "A"):
        await refused("COPY_CODE_WRONG", scan(world, f"{named}.{wrong}"))
    refusal = await refused("BUDGET_SPENT", scan(world, f"{named}.{'A' * 22}"))
    assert refusal.retry_ms == 60_000
    assert (await show(world, old)).state == CONFIRMED
    assert "copy.refused" not in await kinds(world)


async def test_another_key_than_the_statement_names_signs_nothing(world: World, old: Phone) -> None:
    copy = await confirmed(world, old)
    mine, theirs = DeviceKey.generate(), DeviceKey.generate()
    sent = scan_request(mine, copy.copy_code)
    sent.signature = scan_request(theirs, copy.copy_code).signature
    await refused("SIGNATURE_INVALID", world.send(sent))
    assert (await show(world, old)).state == CONFIRMED


async def test_the_end_of_the_wait_is_told_once_without_anybody_calling(
    open_world: OpensWorld,
) -> None:
    world = await open_world(engine={"sweep_interval_ms": 100})
    old = await old_phone(world)
    await request(world, old)
    world.clock.advance(WAIT_MS)
    for _ in range(600):
        if "copy.ready" in await kinds(world):
            break
        await asyncio.sleep(0.05)
    assert await kinds(world) == ["copy.requested", "copy.ready"]
    await asyncio.sleep(0.3)
    await confirm(world, old, (await show(world, old)).copy_id)
    assert await kinds(world) == ["copy.requested", "copy.ready", "copy.confirmed"]


# Stopping


@pytest.mark.parametrize(
    ("step", "side"),
    [
        *((step, side) for step in STEPS for side in ("old", "another")),
        ("scanned", "new"),
    ],
)
async def test_every_app_of_the_subscriber_and_the_new_phone_stops_it_at_every_step(
    world: World, old: Phone, step: str, side: str
) -> None:
    another = await world.activate(identity_id=old.identity_id)
    copy = await request(world, old)
    if step != "requested":
        world.clock.advance(WAIT_MS)
    if step in {"confirmed", "scanned"}:
        copy = await confirm(world, old, copy.copy_id)
    by: Phone | NewPhone = old if side == "old" else another
    if step == "scanned":
        new = await scan(world, copy.copy_code)
        by = new if side == "new" else by
    stopped = await stop(world, by, copy.copy_id)
    assert (await show(world, by, copy.copy_id)).state == STOPPED
    assert (stopped.state, stopped.expires_at_ms, stopped.copy_code) == (STOPPED, 0, "")
    assert (await stop(world, old, copy.copy_id)).state == STOPPED
    await refused("COPY_STOPPED", confirm(world, old, copy.copy_id))
    if copy.copy_code:
        await refused("COPY_CODE_WRONG", scan(world, copy.copy_code))
    assert (await kinds(world)).count("copy.stopped") == 1


async def test_nobody_else_sees_or_stops_or_confirms_it(world: World, old: Phone) -> None:
    bodil = await old_phone(world, "bodil")
    copy = await request(world, old)
    world.clock.advance(WAIT_MS)
    await refused("COPY_NOT_FOUND", show(world, bodil, copy.copy_id))
    await refused("COPY_NOT_FOUND", stop(world, bodil, copy.copy_id))
    await refused("COPY_NOT_FOUND", confirm(world, bodil, copy.copy_id))
    thief = Phone(DeviceKey.generate(), old.identity_id, old.authenticator_id)
    for call in (
        show(world, thief, copy.copy_id),
        stop(world, thief, copy.copy_id),
        request(world, thief),
        confirm(world, thief, copy.copy_id),
    ):
        await refused("SIGNATURE_INVALID", call)
    # As the new phone, before there is one; and another copy of one's own app does not help.
    nobody = Phone(DeviceKey.generate(), old.identity_id, b"")
    await refused("SIGNATURE_INVALID", stop(world, nobody, copy.copy_id))
    assert (await show(world, old)).state == READY


async def test_another_app_of_the_subscriber_does_not_confirm_it(world: World, old: Phone) -> None:
    another = await world.activate(identity_id=old.identity_id)
    copy = await request(world, old)
    world.clock.advance(WAIT_MS)
    await refused("COPY_NOT_FOUND", confirm(world, another, copy.copy_id))


@pytest.mark.parametrize("whole", [True, False])
async def test_a_block_of_the_old_app_or_of_everything_stops_it_for_good(
    world: World, old: Phone, whole: bool
) -> None:
    copy = await confirmed(world, old)
    authenticator_id = b"" if whole else old.authenticator_id
    await world.block(old.identity_id, authenticator_id)
    await refused("COPY_CODE_WRONG", scan(world, copy.copy_code))
    await world.unblock(old.identity_id, authenticator_id)
    assert (await show(world, old)).state == STOPPED
    event = next(it for it in await world.events() if it.kind == "copy.stopped")
    assert (event.actor, json.loads(event.detail)["by"]) == ("registrar", "block")


async def test_a_block_of_another_app_stops_nothing(world: World, old: Phone) -> None:
    another = await world.activate(identity_id=old.identity_id)
    copy = await request(world, old)
    await world.block(old.identity_id, another.authenticator_id)
    assert (await show(world, old, copy.copy_id)).state == REQUESTED


@pytest.mark.parametrize("late_ms", [-SKEW_MS - 1, -SKEW_MS, SKEW_MS, SKEW_MS + 1])
async def test_what_a_phone_signs_with_its_clock_is_fresh(
    world: World, old: Phone, late_ms: int
) -> None:
    """Two minutes either way; a statement that somebody kept stops nothing a day later."""
    copy_id = (await request(world, old)).copy_id
    world.clock.advance(WAIT_MS + SKEW_MS)
    sent = (
        query_request(world, old, copy_id),
        confirm_request(world, old, copy_id),
        stop_request(world, old, copy_id),
        request_of(world, old),
    )
    world.clock.advance(late_ms)
    for each in sent:
        if abs(late_ms) > SKEW_MS:
            await refused("STATEMENT_EXPIRED", world.send(each))
        else:
            await world.send(each)
