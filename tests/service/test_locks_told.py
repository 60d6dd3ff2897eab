"""Whoever's PIN, password or door is locked by wrong tries is told so: once for each lock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tests.service.displays import (
    PASSWORD_WRONG,
    STEP_MS,
    activated,
    submit_code,
    submit_password,
)
from tests.service.test_notifications import reached, told, written
from tests.service.world import DAY_MS, World, refused
from tests.support.phones import PIN_WRONG

if TYPE_CHECKING:
    from tests.service.displays import Holder
    from tests.support.phones import Phone


async def kinds(world: World) -> list[str]:
    """What happened of what is told here."""
    ends = (".locked", ".dead")
    return [event.kind for event in await world.events() if event.kind.endswith(ends)]


async def guess(world: World, phone: Phone, times: int) -> None:
    for _ in range(times):
        login, opened = await world.opened(phone)
        await refused("PIN_WRONG", world.approve(phone, opened, pin=PIN_WRONG))
        await world.cancel(login)


async def test_each_lock_of_a_pin_is_told_once_and_no_strike_is(world: World) -> None:
    phone = await world.activate("anna", identity_id=await reached(world))
    await guess(world, phone, 2)
    assert await kinds(world) == []
    await guess(world, phone, 1)
    assert await kinds(world) == ["pin.locked"]
    for text in await told(world, "pin.locked", 2):
        assert "its PIN was wrong several times." in text
    world.clock.advance(DAY_MS)
    await guess(world, phone, 3)
    world.clock.advance(DAY_MS)
    await guess(world, phone, 3)
    assert await kinds(world) == ["pin.locked", "pin.locked", "pin.dead"]
    await told(world, "pin.locked", 4)
    await told(world, "pin.dead", 2)


async def test_simultaneous_guesses_lock_once_and_are_told_once(world: World) -> None:
    phone = await world.activate("anna")
    opened = [(await world.opened(phone))[1] for _ in range(6)]
    tries = (world.approve(phone, each, pin=PIN_WRONG) for each in opened)
    await asyncio.gather(*tries, return_exceptions=True)
    assert await world.strikes(phone) == 3
    assert await kinds(world) == ["pin.locked"]


async def test_the_third_guess_that_is_right_is_told_to_nobody(world: World) -> None:
    phone = await world.activate("anna")
    await guess(world, phone, 2)
    await world.sign_in(phone)
    await guess(world, phone, 2)
    assert await kinds(world) == []


async def guess_passwords(world: World, holder: Holder, times: int) -> None:
    for _ in range(times):
        login = await world.start(holder.user_id)
        await submit_code(world, login, holder.code(world))
        await refused("PASSWORD_WRONG", submit_password(world, login, PASSWORD_WRONG))
        await world.cancel(login)
        world.clock.advance(STEP_MS)


async def test_a_password_behind_a_code_is_told_of_loudly(world: World) -> None:
    holder = await activated(world, identity_id=await reached(world))
    for _ in range(3):
        await guess_passwords(world, holder, 3)
        world.clock.advance(DAY_MS)
    assert await kinds(world) == ["password.locked", "password.locked", "password.dead"]
    await told(world, "password.locked", 4)
    await told(world, "password.dead", 2)


async def test_a_door_that_strangers_lock_makes_no_phone_ring(world: World) -> None:
    holder = await activated(world, identity_id=await reached(world))
    for locks in (1, 2):
        for _ in range(3):
            login = await world.start(holder.user_id)
            call = submit_code(world, login, holder.wrong_code(world))
            await refused("DISPLAY_CODE_WRONG", call)
            await world.cancel(login)
        assert await kinds(world) == ["door.locked"] * locks
        world.clock.advance(DAY_MS)
    emails = await told(world, "door.locked", 2)
    assert all("Channel: email" in text for text in emails)
    assert all("your apps go on working" in text for text in emails)


async def test_of_a_name_that_nobody_has_the_history_tells_the_same(world: World) -> None:
    for _ in range(3):
        login = await world.start("nobody")
        call = submit_code(world, login, "123456", "nobody")
        await refused("DISPLAY_CODE_WRONG", call)
    assert await kinds(world) == ["door.locked"]
    assert [event.identity_id for event in (await world.events())[-2:]] == [b"", b""]
    assert not [text for text in written(world) if "door.locked" in text]
