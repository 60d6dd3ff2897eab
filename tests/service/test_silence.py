"""Nobody learns from a user ID whether somebody has it, or is blocked: not by answer, not by time.

A difference in time would show in every run; chance shows in one of a thousand. So a test that sees
one looks again, twice, and fails only if it sees one each time. The control plants a difference
and has to see it.
"""

from __future__ import annotations

import math
import random
import statistics
import time
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from godkend.statements import DeviceKey
from godkend.v1 import login_service_pb2 as pb
from tests.service.displays import PASSWORD_WRONG, activated, submit_code, submit_password
from tests.service.key_cards import activated as with_a_card
from tests.service.key_cards import number_of, submit_key
from tests.service.world import (
    CANCELLED,
    EXPIRED,
    LOGIN_LIFE_MS,
    PENDING,
    World,
    begin_request,
    refused,
)
from tests.service.world import start_request as login_request
from tests.support.policies import BUDGETS_OFF, NEMID_OPEN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.service.conftest import OpensWorld

KNOWN, BLOCKED, UNKNOWN = "anna", "bosse", "nobody"
WHO = (KNOWN, BLOCKED, UNKNOWN)
SAMPLES = 300
LOOKS = 3
P_MIN = 0.001
PLANTED_S = 0.000_3
WRONG_CODE = "22222222"
FORGOTTEN_MS = 86_400_000
"""The shortest there is: a test waits for it a thousand times, and NemID ends in 2199 at last."""


@pytest.fixture
async def town(open_world: OpensWorld) -> World:
    """Anna has a phone, a display, a key card and a code that waits, Bo as well but is blocked.

    There are no budgets, and NemID has not ended.
    """
    door = {"forgotten_ms": FORGOTTEN_MS}
    world = await open_world(budget=BUDGETS_OFF, door=door, nemid=NEMID_OPEN, store="")
    for user_id in (KNOWN, BLOCKED):
        phone = await world.activate(user_id)
        await world.issue(phone.identity_id)
        await activated(world, user_id, identity_id=phone.identity_id)
        await with_a_card(world, user_id, identity_id=phone.identity_id)
        if user_id == BLOCKED:
            await world.block(phone.identity_id)
    return world


# Answers


async def test_a_login_starts_alike_for_whoever_is_named(town: World) -> None:
    shapes = set()
    for user_id in WHO:
        login = await town.start(user_id)
        initial = dict(await login.stream.initial_metadata())
        first, started = login.first, login.first.started
        sizes = tuple(
            map(len, (first.login_id, started.qr_token, started.qr_secret, started.app_link))
        )
        whole = len(first.SerializeToString())
        first.login_id = started.qr_secret = b""
        started.qr_token = started.app_link = ""
        shapes.add((sizes, whole, first.SerializeToString(), str(sorted(initial.items()))))
    assert len(shapes) == 1


async def test_a_login_goes_through_the_same_states_for_whoever_is_named(town: World) -> None:
    seen = []
    for user_id in WHO:
        logins = []
        for _ in range(4):
            logins.append(await town.start(user_id))
            town.clock.advance(1)
        seen.append([await town.state(login) for login in logins])
        assert await town.cancel(logins[1]) == CANCELLED
        assert await logins[1].states() == [CANCELLED]
        town.clock.advance(LOGIN_LIFE_MS)
        seen[-1] += [await town.state(login) for login in logins]
    assert seen == [
        [CANCELLED, PENDING, PENDING, PENDING, CANCELLED, CANCELLED, EXPIRED, EXPIRED]
    ] * len(WHO)


async def test_a_wrong_code_is_answered_alike_for_whoever_is_named(town: World) -> None:
    answers = set()
    for user_id in WHO:
        for code in (WRONG_CODE, "ABCD2345", "zzzzzzzz"):
            with pytest.raises(grpc.aio.AioRpcError) as raised:
                await town.begin(user_id, code, DeviceKey.generate())
            error = raised.value
            answers.add(
                (
                    error.code(),
                    error.details(),
                    str(sorted(dict(error.initial_metadata()).items())),
                    str(sorted(dict(error.trailing_metadata()).items())),
                )
            )
    assert len(answers) == 1


async def test_a_blocked_subscribers_right_code_is_answered_like_a_wrong_one(
    open_world: OpensWorld,
) -> None:
    world = await open_world()
    identity_id = await world.register(BLOCKED)
    code = (await world.issue(identity_id)).activation_code
    await world.block(identity_id)
    key = DeviceKey.generate()
    answers = set()
    for user_id, tried in ((BLOCKED, code), (BLOCKED, WRONG_CODE), (UNKNOWN, code)):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await world.begin(user_id, tried, key)
        answers.add(str(raised.value.trailing_metadata()))
    assert len(answers) == 1


# Times


def p_of_difference(some: list[float], others: list[float]) -> float:
    """Mann-Whitney U, two-sided, by the normal approximation; times have next to no ties."""
    ranked = sorted([(value, True) for value in some] + [(value, False) for value in others])
    rank_sum = sum(rank for rank, (_, of_some) in enumerate(ranked, 1) if of_some)
    n, m = len(some), len(others)
    u = rank_sum - n * (n + 1) / 2
    z = (u - n * m / 2) / math.sqrt(n * m * (n + m + 1) / 12)
    return math.erfc(abs(z) / math.sqrt(2))


def test_the_statistic_finds_what_is_there_and_nothing_else() -> None:
    dice = random.Random(20_260_101)
    same = [dice.lognormvariate(0, 0.5) for _ in range(SAMPLES)]
    again = [dice.lognormvariate(0, 0.5) for _ in range(SAMPLES)]
    slower = [dice.lognormvariate(0.25, 0.5) for _ in range(SAMPLES)]
    assert p_of_difference(same, again) > 0.01
    assert p_of_difference(same, slower) < 0.000_1
    assert p_of_difference([1.0, 2.0, 3.0], [1.5, 2.5, 3.5]) > 0.1


async def differences(
    call: Callable[[str], Awaitable[None]], *, planted: str = ""
) -> dict[str, float]:
    """How likely each pair's times would be if there were no difference.

    The three take turns in random order, so that whatever else this machine does falls on all.
    """
    times: dict[str, list[float]] = {who: [] for who in WHO}
    for who in WHO * 10:  # The first calls of a channel are unlike all others.
        await call(who)
    planted_s = max(PLANTED_S, await spread_s(call) / 2)
    order = list(WHO)
    for _ in range(SAMPLES):
        random.shuffle(order)
        for who in order:
            began = time.perf_counter()
            await call(who)
            if who == planted:
                until = time.perf_counter() + planted_s
                while time.perf_counter() < until:
                    pass
            times[who].append(time.perf_counter() - began)
    assert all(statistics.median(taken) > 0 for taken in times.values())
    return {
        f"{some}, {other}": p_of_difference(times[some], times[other])
        for some, other in ((KNOWN, UNKNOWN), (BLOCKED, UNKNOWN), (KNOWN, BLOCKED))
    }


async def spread_s(call: Callable[[str], Awaitable[None]]) -> float:
    """How far the quartiles of the times lie apart: under load, a hash takes longer as well."""
    times = []
    for who in WHO * 20:
        began = time.perf_counter()
        await call(who)
        times.append(time.perf_counter() - began)
    low, _, high = statistics.quantiles(times, n=4)
    return high - low


def a_start(town: World) -> Callable[[str], Awaitable[None]]:
    """Starts a login and reads what comes at once."""

    async def call(who: str) -> None:
        stream = town.stream(login_request(who))
        first: Any = await stream.read()
        assert first.state == pb.LOGIN_STATE_PENDING
        stream.cancel()

    return call


def a_try(town: World) -> Callable[[str], Awaitable[None]]:
    """Tries a code."""
    key = DeviceKey.generate()

    async def call(who: str) -> None:
        with pytest.raises(grpc.aio.AioRpcError):
            await town.send(begin_request(who, WRONG_CODE, key))

    return call


def a_display_code(town: World) -> Callable[[str], Awaitable[None]]:
    """Tries the code of a display, at a door that was forgotten."""

    async def call(who: str) -> None:
        town.clock.advance(FORGOTTEN_MS)
        login = await town.start(who)
        await refused("DISPLAY_CODE_WRONG", submit_code(town, login, "000000", who))
        login.stream.cancel()

    return call


def a_key_number(town: World) -> Callable[[str], Awaitable[None]]:
    """Asks which key of a card is wanted."""

    async def call(who: str) -> None:
        login = await town.start(who)
        await number_of(town, login, who)
        login.stream.cancel()

    return call


def a_key(town: World) -> Callable[[str], Awaitable[None]]:
    """Tries the code of a key, at a door that was forgotten."""

    async def call(who: str) -> None:
        town.clock.advance(FORGOTTEN_MS)
        login = await town.start(who)
        await refused("KEY_WRONG", submit_key(town, login, "000000", who))
        login.stream.cancel()

    return call


def a_password(town: World) -> Callable[[str], Awaitable[None]]:
    """Tries a password without a code, at a door that was forgotten."""

    async def call(who: str) -> None:
        town.clock.advance(FORGOTTEN_MS)
        login = await town.start(who, level_min=pb.ASSURANCE_LEVEL_LOW)
        await refused("PASSWORD_WRONG", submit_password(town, login, PASSWORD_WRONG, who))
        login.stream.cancel()

    return call


@pytest.mark.parametrize(
    "a_call", [a_start, a_try, a_display_code, a_key_number, a_key, a_password]
)
async def test_no_time_tells_known_blocked_and_unknown_user_ids_apart(
    town: World, a_call: Callable[[World], Callable[[str], Awaitable[None]]]
) -> None:
    call = a_call(town)
    looks = []
    for _ in range(LOOKS):
        looks.append({pair for pair, p in (await differences(call)).items() if p <= P_MIN})
        if not set.intersection(*looks):
            return
    pytest.fail(f"the times tell apart: {set.intersection(*looks)}")


@pytest.mark.parametrize("a_call", [a_start, a_try])
async def test_a_hash_more_for_known_user_ids_would_be_found(
    town: World, a_call: Callable[[World], Callable[[str], Awaitable[None]]]
) -> None:
    call = a_call(town)
    for _ in range(LOOKS):
        p = await differences(call, planted=KNOWN)
        assert p["anna, nobody"] <= P_MIN, p
        assert p["anna, bosse"] <= P_MIN, p
