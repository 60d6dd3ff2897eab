"""Logging in with a key card and the password beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import grpc.aio
import jwt
import pytest

from godkend.v1 import login_service_pb2 as login_pb
from tests.service.displays import PASSWORD_WRONG, submit_code, submit_password
from tests.service.key_cards import (
    Holder,
    activated,
    card,
    key_accepted,
    losing,
    number_of,
    sign_in,
    submit_key,
    summer,
)
from tests.service.world import (
    APPROVED,
    BANK,
    DAY_MS,
    HOUR_MS,
    LOGIN_LIFE_MS,
    OPENED,
    PENDING,
    World,
    refused,
)

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld

HIGH = login_pb.ASSURANCE_LEVEL_HIGH
MINUTE_MS = 60_000


@pytest.fixture
async def world(open_world: OpensWorld) -> World:
    """A server in the summer of 2022."""
    return await summer(open_world)


def claims_of(assertion: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    return claims


async def right_code(world: World, login: Any, holder: Holder) -> str:
    return holder.codes[await number_of(world, login, holder.user_id)]


async def test_key_and_password_log_in_at_substantial(world: World) -> None:
    holder = await activated(world)
    login = await world.start("Anna")
    number = await number_of(world, login, "ANNA")
    assert await submit_key(world, login, holder.codes[number], "ANNA") == OPENED
    assert await submit_password(world, login) == APPROVED
    assert [await login.next_state() for _ in range(2)] == [OPENED, APPROVED]
    claims = claims_of(await world.redeem(login))
    assert claims["amr"] == ["otp", "pwd", "mfa"]
    assert (claims["nsis_aal"], claims["nsis_loa"]) == ("Substantial", "Substantial")
    events = (await world.events())[-3:]
    assert [it.kind for it in events] == ["key.accepted", "login.approved", "login.redeemed"]
    assert json.loads(events[1].detail)["user_verification"] == "key_card"
    assert {it.authenticator_id for it in events} == {holder.card_id}


async def test_the_password_comes_after_the_key(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    await refused("DISPLAY_CODE_MISSING", submit_password(world, login))
    assert await submit_key(world, login, await right_code(world, login, holder)) == OPENED
    # Submitting again, whatever it is, changes nothing: the answer may have been lost.
    assert await submit_key(world, login, holder.wrong_code()) == OPENED
    assert await submit_password(world, login) == APPROVED


async def test_a_key_counts_once_and_is_used_up_before_the_password_is_looked_at(
    world: World,
) -> None:
    holder = await activated(world)
    first, second = await world.start("anna"), await world.start("anna")
    number = await number_of(world, first)
    assert await number_of(world, second) == number
    left = (await card(world, holder.identity_id, holder.card_id)).keys_left
    await submit_key(world, first, holder.codes[number])
    assert (await card(world, holder.identity_id, holder.card_id)).keys_left == left - 1
    await refused("PASSWORD_WRONG", submit_password(world, first, PASSWORD_WRONG))
    refusal = await refused("KEY_WRONG", submit_key(world, second, holder.codes[number]))
    assert refusal.metadata == {"attempts_left": "2"}
    assert await number_of(world, second) != number
    assert await submit_key(world, second, await right_code(world, second, holder)) == OPENED


async def test_a_number_stays_until_its_key_is_used_or_the_day_is_over(world: World) -> None:
    holder = await activated(world)
    numbers = set()
    for _ in range(5):
        login = await world.start("anna")
        numbers.add(await number_of(world, login))
        await refused("KEY_WRONG", submit_key(world, login, holder.wrong_code()))
        world.clock.advance(HOUR_MS)
    assert len(numbers) == 1
    of_days = set()
    for _ in range(12):
        world.clock.advance(DAY_MS)
        of_days.add(await number_of(world, await world.start("anna")))
    assert len(of_days) > 1
    assert of_days <= set(holder.codes)


async def test_midnight_changes_nothing_in_a_login_that_goes_on(world: World) -> None:
    holder = await activated(world)
    world.clock.advance(10 * HOUR_MS - 1_000)  # A second before midnight in Copenhagen.
    login = await world.start("anna")
    number = await number_of(world, login)
    world.clock.advance(2_000)
    assert await number_of(world, login) == number
    assert await submit_key(world, login, holder.codes[number]) == OPENED


async def test_three_wrong_codes_lock_the_card_and_neither_app_nor_display(world: World) -> None:
    holder = await activated(world)
    phone = await world.activate(identity_id=holder.identity_id)
    login = await world.start("anna")
    for left in ("2", "1", "0"):
        refusal = await refused("KEY_WRONG", submit_key(world, login, holder.wrong_code()))
        assert refusal.metadata["attempts_left"] == left
    assert refusal.retry_ms == 15 * MINUTE_MS
    world.clock.advance(15 * MINUTE_MS - 1)
    login = await world.start("anna")
    code = await right_code(world, login, holder)
    locked = await refused("KEY_LOCKED", submit_key(world, login, code))
    assert locked.retry_ms == 1
    assert await world.sign_in(phone)
    await refused("DISPLAY_CODE_WRONG", submit_code(world, login, "000000"))
    world.clock.advance(1)
    assert await submit_key(world, login, code) == OPENED


async def test_nobody_is_told_apart_before_a_factor_is_proved(open_world: OpensWorld) -> None:
    world = await summer(open_world)
    holders = {it: await activated(world, it) for it in ("anna", "bosse", "dorte")}
    await world.block(holders["bosse"].identity_id)
    await world.send(losing(holders["dorte"].identity_id, holders["dorte"].card_id))
    await world.activate("carla")
    answers = []
    for user_id in ("anna", "bosse", "carla", "dorte", "nobody"):
        login = await world.start(user_id)
        number = await number_of(world, login, user_id)
        assert len(number) == 4
        assert await number_of(world, login, user_id) == number
        told = []
        for _ in range(4):
            code = holders["anna"].wrong_code()
            if user_id == "bosse":  # A right code of somebody who is blocked is a wrong one.
                code = holders["bosse"].codes[number]
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await submit_key(world, login, code, user_id)
            told.append(str(raised.value.trailing_metadata()))
        answers.append(told)
        assert await world.state(login) == PENDING
    assert all(told == answers[0] for told in answers)


async def test_a_block_does_not_show_in_the_number(world: World) -> None:
    holder = await activated(world)
    before = await number_of(world, await world.start("anna"))
    await world.block(holder.identity_id)
    assert await number_of(world, await world.start("anna")) == before


async def test_a_wrong_password_counts_for_itself(world: World) -> None:
    holder = await activated(world)
    login = await key_accepted(world, holder)
    for left in ("2", "1", "0"):
        refusal = await refused("PASSWORD_WRONG", submit_password(world, login, PASSWORD_WRONG))
        assert refusal.metadata["attempts_left"] == left
    await refused("PASSWORD_LOCKED", submit_password(world, login))
    world.clock.advance(60 * MINUTE_MS)
    assert await sign_in(world, holder)


async def test_a_card_never_reaches_high_and_is_refused_before_anything_is_spent(
    world: World,
) -> None:
    holder = await activated(world, level=HIGH)
    login = await world.start("anna", level_min=HIGH)
    await refused("LEVEL_TOO_LOW", number_of(world, login))
    await refused("LEVEL_TOO_LOW", submit_key(world, login, holder.wrong_code()))
    assert await sign_in(world, holder)


async def test_a_card_signs_no_document(world: World) -> None:
    await activated(world)
    document = {"sha256": bytes(32), "media_type": "text/plain", "name": "Lease"}
    login = await world.start("anna", document=document)
    await refused("APP_REQUIRED", number_of(world, login))
    await refused("APP_REQUIRED", submit_key(world, login, "000000"))


async def test_a_key_belongs_to_the_login_of_its_user_id_and_front_end(world: World) -> None:
    holder = await activated(world)
    await world.register("bosse")
    for user_id in ("bosse", ""):
        login = await world.start(user_id)
        await refused("USER_ID_DIFFERS", number_of(world, login))
        await refused("USER_ID_DIFFERS", submit_key(world, login, holder.wrong_code()))
    login = await world.start("anna")
    code = await right_code(world, login, holder)
    await refused("LOGIN_NOT_FOUND", number_of(world, login, by=BANK))
    await refused("LOGIN_NOT_FOUND", submit_key(world, login, code, by=BANK))
    # None of it cost the key, or a strike.
    assert await submit_key(world, login, code) == OPENED


async def test_a_login_is_done_with_one_way_in_and_not_with_two(world: World) -> None:
    holder = await activated(world)
    phone = await world.activate(identity_id=holder.identity_id)
    login, opened = await world.opened(phone, "anna")
    await refused("LOGIN_OPENED_ELSEWHERE", number_of(world, login))
    await refused("LOGIN_OPENED_ELSEWHERE", submit_key(world, login, holder.wrong_code()))
    assert await world.approve(phone, opened) == APPROVED
    login = await key_accepted(world, holder)
    await refused("LOGIN_OPENED_ELSEWHERE", world.open(phone, login))
    await refused("LOGIN_OPENED_ELSEWHERE", submit_code(world, login, "000000"))


async def test_a_login_that_is_over_takes_neither_key_nor_password(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    await world.cancel(login)
    await refused("LOGIN_CANCELLED", number_of(world, login))
    await refused("LOGIN_CANCELLED", submit_key(world, login, holder.wrong_code()))
    late = await key_accepted(world, holder)
    world.clock.advance(LOGIN_LIFE_MS)
    await refused("LOGIN_EXPIRED", submit_password(world, late))


async def test_a_block_stops_a_login_by_card_at_every_step(world: World) -> None:
    holder = await activated(world)
    login = await key_accepted(world, holder)
    await world.block(holder.identity_id)
    await refused("LOGIN_CANCELLED", submit_password(world, login))
    await world.unblock(holder.identity_id)
    login = await key_accepted(world, holder)
    await submit_password(world, login)
    await world.block(holder.identity_id)
    await refused("LOGIN_CANCELLED", world.redeem(login))


async def test_a_lost_card_stops_a_login_after_its_key_and_after_its_password(
    world: World,
) -> None:
    holder = await activated(world)
    login, approved = await key_accepted(world, holder), await key_accepted(world, holder)
    await submit_password(world, approved)
    await world.send(losing(holder.identity_id, holder.card_id))
    await refused("KEY_CARD_NOT_USABLE", submit_password(world, login))
    await refused("KEY_CARD_NOT_USABLE", world.redeem(approved))


async def test_the_history_says_neither_number_nor_code_nor_user_id(world: World) -> None:
    holder = await activated(world, "anna-with-a-card")
    assert await sign_in(world, holder)
    kinds = {"key_card.", "key.", "login."}
    told = [it for it in await world.events() if it.kind.startswith(tuple(kinds))]
    number = (await card(world, holder.identity_id, holder.card_id)).card_number
    for event in told:
        detail = event.detail.replace(number, "")
        assert "anna-with" not in detail
        assert not [code for code in holder.codes.values() if code in detail]
