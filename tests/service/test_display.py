"""Logging in with a code display and the password beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import grpc.aio
import jwt
import pytest

from godkend.v1 import login_service_pb2 as login_pb
from tests.service.displays import (
    PASSWORD,
    PASSWORD_WRONG,
    STEP_MS,
    activated,
    sign_in,
    submit_code,
    submit_password,
)
from tests.service.world import (
    APPROVED,
    BANK,
    LOGIN_LIFE_MS,
    OPENED,
    PENDING,
    World,
    refused,
)

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld

LOW, HIGH = login_pb.ASSURANCE_LEVEL_LOW, login_pb.ASSURANCE_LEVEL_HIGH
MINUTE_MS = 60_000


def claims_of(assertion: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
    return claims


async def test_code_and_password_log_in_at_substantial(world: World) -> None:
    holder = await activated(world)
    login = await world.start("Anna")
    assert await submit_code(world, login, holder.code(world), "ANNA") == OPENED
    assert await submit_password(world, login) == APPROVED
    assert [await login.next_state() for _ in range(2)] == [OPENED, APPROVED]
    claims = claims_of(await world.redeem(login))
    assert claims["amr"] == ["otp", "pwd", "mfa"]
    assert (claims["nsis_aal"], claims["nsis_loa"]) == ("Substantial", "Substantial")
    kinds = [event.kind for event in await world.events()]
    assert kinds[-3:] == ["display_code.accepted", "login.approved", "login.redeemed"]


async def test_the_password_comes_after_the_code(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    await refused("DISPLAY_CODE_MISSING", submit_password(world, login))
    assert await submit_code(world, login, holder.code(world)) == OPENED
    # Submitting again, whatever it is, changes nothing: the answer may have been lost.
    assert await submit_code(world, login, holder.wrong_code(world)) == OPENED
    assert await submit_password(world, login) == APPROVED


async def test_a_code_counts_once(world: World) -> None:
    holder = await activated(world)
    code = holder.code(world)
    first, second = await world.start("anna"), await world.start("anna")
    await submit_code(world, first, code)
    refusal = await refused("DISPLAY_CODE_WRONG", submit_code(world, second, code))
    assert refusal.metadata == {"attempts_left": "2"}
    world.clock.advance(STEP_MS)
    assert await submit_code(world, second, holder.code(world)) == OPENED


async def test_three_wrong_codes_lock_the_display_and_not_the_app(world: World) -> None:
    holder = await activated(world)
    phone = await world.activate(identity_id=holder.identity_id)
    login = await world.start("anna")
    for left in ("2", "1", "0"):
        call = submit_code(world, login, holder.wrong_code(world))
        refusal = await refused("DISPLAY_CODE_WRONG", call)
        assert refusal.metadata["attempts_left"] == left
    assert refusal.retry_ms == 15 * MINUTE_MS
    world.clock.advance(15 * MINUTE_MS - 1)
    login = await world.start("anna")
    locked = await refused("DISPLAY_CODE_LOCKED", submit_code(world, login, holder.code(world)))
    assert locked.retry_ms == 1
    assert await world.sign_in(phone)
    world.clock.advance(1)
    assert await submit_code(world, login, holder.code(world)) == OPENED


async def test_nobody_is_told_apart_before_a_factor_is_proved(open_world: OpensWorld) -> None:
    world = await open_world()
    holders = [await activated(world, user_id) for user_id in ("anna", "bosse")]
    await world.block(holders[1].identity_id)
    await world.activate("carla")
    answers = []
    for user_id in ("anna", "bosse", "carla", "nobody"):
        login = await world.start(user_id)
        told = []
        for _ in range(4):
            code = holders[0].wrong_code(world)
            if user_id == "bosse":  # A right code of somebody who is blocked is a wrong one.
                code = holders[1].code(world)
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await submit_code(world, login, code, user_id)
            told.append(str(raised.value.trailing_metadata()))
        answers.append(told)
        assert await world.state(login) == PENDING
    assert all(told == answers[0] for told in answers)


async def test_a_wrong_password_counts_for_itself(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    for left in ("2", "1", "0"):
        refusal = await refused("PASSWORD_WRONG", submit_password(world, login, PASSWORD_WRONG))
        assert refusal.metadata["attempts_left"] == left
    await refused("PASSWORD_LOCKED", submit_password(world, login, PASSWORD))
    world.clock.advance(60 * MINUTE_MS)
    assert await sign_in(world, holder)


async def test_the_password_alone_is_low_and_only_for_those_who_ask_for_no_more(
    world: World,
) -> None:
    await activated(world)
    login = await world.start("anna", level_min=LOW)
    assert await submit_password(world, login) == APPROVED
    claims = claims_of(await world.redeem(login))
    assert (claims["amr"], claims["nsis_loa"], claims["nsis_aal"]) == (["pwd"], "Low", "Low")


async def test_a_display_never_reaches_high_and_is_refused_before_anything_is_spent(
    world: World,
) -> None:
    holder = await activated(world, level=HIGH)
    login = await world.start("anna", level_min=HIGH)
    await refused("LEVEL_TOO_LOW", submit_code(world, login, holder.code(world)))
    await refused("LEVEL_TOO_LOW", submit_password(world, login))
    login = await world.start("anna")
    assert await submit_code(world, login, holder.code(world)) == OPENED


async def test_a_code_belongs_to_the_login_of_its_user_id_and_front_end(world: World) -> None:
    holder = await activated(world)
    await world.register("bosse")
    code = holder.code(world)
    for user_id in ("bosse", ""):
        login = await world.start(user_id)
        await refused("USER_ID_DIFFERS", submit_code(world, login, code))
        await refused("USER_ID_DIFFERS", submit_password(world, login))
    login = await world.start("anna")
    await refused("LOGIN_NOT_FOUND", submit_code(world, login, code, by=BANK))
    await refused("LOGIN_NOT_FOUND", submit_password(world, login, by=BANK))
    # None of it cost the code, or a strike.
    assert await submit_code(world, login, code) == OPENED
    await refused("LOGIN_NOT_FOUND", submit_password(world, login, by=BANK))


async def test_a_login_is_done_with_a_phone_or_a_display_and_not_with_both(world: World) -> None:
    holder = await activated(world)
    phone = await world.activate(identity_id=holder.identity_id)
    login, opened = await world.opened(phone, "anna")
    await refused("LOGIN_OPENED_ELSEWHERE", submit_code(world, login, holder.code(world)))
    await refused("LOGIN_OPENED_ELSEWHERE", submit_password(world, login))
    assert await world.approve(phone, opened) == APPROVED
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    await refused("LOGIN_OPENED_ELSEWHERE", world.open(phone, login))


async def test_a_login_that_is_over_takes_neither_code_nor_password(world: World) -> None:
    holder = await activated(world)
    login, late = await world.start("anna"), await world.start("anna")
    await world.cancel(login)
    await refused("LOGIN_CANCELLED", submit_code(world, login, holder.code(world)))
    await submit_code(world, late, holder.code(world))
    world.clock.advance(LOGIN_LIFE_MS)
    await refused("LOGIN_EXPIRED", submit_password(world, late))
    await refused("LOGIN_EXPIRED", submit_code(world, late, holder.code(world)))


async def test_a_block_stops_a_login_by_display_at_every_step(world: World) -> None:
    holder = await activated(world)
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    await world.block(holder.identity_id)
    await refused("LOGIN_CANCELLED", submit_password(world, login))
    await world.unblock(holder.identity_id)
    await refused("LOGIN_CANCELLED", submit_password(world, login))
    world.clock.advance(STEP_MS)
    login = await world.start("anna")
    await submit_code(world, login, holder.code(world))
    await submit_password(world, login)
    await world.block(holder.identity_id)
    await refused("LOGIN_CANCELLED", world.redeem(login))


async def test_guesses_over_many_names_spend_the_budget_of_their_source(world: World) -> None:
    holder = await activated(world)
    for number in range(30):
        login = await world.start(f"name-{number // 3}")
        call = submit_code(world, login, "000000", f"name-{number // 3}")
        await refused("DISPLAY_CODE_WRONG", call)
    login = await world.start("anna")
    refusal = await refused("BUDGET_SPENT", submit_code(world, login, holder.code(world)))
    assert refusal.retry_ms == MINUTE_MS
    elsewhere = await world.start("anna", source="198.51.100.9")
    assert await submit_code(world, elsewhere, holder.code(world)) == OPENED


async def test_the_password_alone_has_a_door_that_strangers_share_and_owners_do_not(
    world: World,
) -> None:
    holder = await activated(world)
    answers = []
    for user_id in ("anna", "nobody"):
        login = await world.start(user_id, level_min=LOW)
        told = []
        for _ in range(4):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await submit_password(world, login, PASSWORD_WRONG, user_id)
            told.append(str(raised.value.trailing_metadata()))
        answers.append(told)
    assert answers[0] == answers[1]
    # As many hashes for the name that nobody has.
    assert world.server.engine.core.stats()["password_checks"] == 6
    await refused("PASSWORD_LOCKED", submit_password(world, login, PASSWORD, "nobody"))
    # The owner's own count, behind a code, is untouched.
    assert await sign_in(world, holder)


async def test_a_blocked_subscribers_password_alone_is_answered_like_a_wrong_one(
    world: World,
) -> None:
    holder = await activated(world)
    await world.block(holder.identity_id)
    login = await world.start("anna", level_min=LOW)
    await refused("PASSWORD_WRONG", submit_password(world, login))


async def test_a_door_is_forgotten_after_a_month_without_a_try(world: World) -> None:
    await activated(world)
    for user_id in ("anna", "nobody"):
        login = await world.start(user_id)
        await refused("DISPLAY_CODE_WRONG", submit_code(world, login, "000000", user_id))
    world.clock.advance(30 * 24 * 60 * MINUTE_MS)
    for user_id in ("anna", "nobody"):
        login = await world.start(user_id)
        call = submit_code(world, login, "000000", user_id)
        assert (await refused("DISPLAY_CODE_WRONG", call)).metadata["attempts_left"] == "2"
