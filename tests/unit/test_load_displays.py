"""Played displays and what is done with them: on a real server, with a few subscribers."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from bench.attackers import DOORS_SHUT
from bench.display_memory import DisplayMemory
from bench.mixes import CALLS, CODE_SPRAY, DISPLAY, PASSWORD, PIN, SIGNING, WRONG_CODE
from bench.open_loop import DONE, Run, Walk
from bench.refusals import (
    PASSWORD_CHECKS,
    PIN_CHECKS,
    WRONG_CODES,
    NobodyFree,
    counting,
    refusals,
    refused,
)
from bench.shaped_load import counts_that_differ
from bench.trial import Trial, seeded
from godkend.population import Population

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from bench.country import Country
    from bench.server_process import ServerProcess

STEP_MS = 30_000
NOW_MS = 1_800_000_000_000


def holders(count: int) -> Population:
    """Everybody has a display; number 3 of each four counts its codes."""
    return Population.generate(count, displays_percent=100)


def free(memory: DisplayMemory, now_ms: int | None) -> int:
    with memory.holder(random.Random(1), now_ms) as who:
        return who.number


def test_a_clock_shows_each_code_once_and_a_counter_the_next_one() -> None:
    population = holders(4)
    memory = DisplayMemory(population)
    clock, counter = population.display(0), population.display(3)
    assert memory.code(0, NOW_MS) == clock.code(NOW_MS // STEP_MS)
    assert [memory.code(3, NOW_MS) for _ in range(3)] == [counter.code(n) for n in range(3)]
    for number in (1, 2):
        memory.code(number, NOW_MS)
    assert free(memory, NOW_MS) == 3, "the clocks have shown theirs"
    assert free(memory, NOW_MS + STEP_MS) == 1, "and have another one in the next step"


def test_displays_remember_from_one_run_to_the_next(tmp_path: Path) -> None:
    population, path = holders(1), tmp_path / "population.displays"
    DisplayMemory(population, path).code(0, NOW_MS)
    again = DisplayMemory(population, path)
    with pytest.raises(NobodyFree):
        free(again, NOW_MS)
    assert free(again, NOW_MS + STEP_MS) == 0
    assert free(again, None) == 0, "the password alone needs no code"
    assert path.stat().st_mode & 0o077 == 0


def test_nobody_is_played_twice_at_once_and_without_displays_there_is_nobody() -> None:
    memory = DisplayMemory(holders(1))
    with memory.holder(random.Random(1)), pytest.raises(NobodyFree):
        free(memory, None)
    with pytest.raises(NobodyFree):
        free(DisplayMemory(Population.generate(5, displays_percent=0)), None)


def test_a_wrong_code_is_none_that_the_server_may_accept() -> None:
    population = holders(4)
    memory = DisplayMemory(population)
    for number in range(4):
        display = population.display(population.holder(number))
        middle = NOW_MS // STEP_MS if display.period_s else 0
        shown = {display.code(each) for each in range(max(0, middle - 2), middle + 10)}
        assert memory.wrong_code(number, NOW_MS) not in shown


def test_what_had_to_be_refused_and_was_done_ends_the_run() -> None:
    did: Counter[str] = Counter()
    with (
        pytest.raises(AssertionError, match="DISPLAY_CODE_WRONG"),
        counting(did, WRONG_CODES, refusal="DISPLAY_CODE_WRONG"),
    ):
        pass
    with pytest.raises(AssertionError, match="BUDGET_SPENT"), refusals("BUDGET_SPENT"):
        pass


@asynccontextmanager
async def played(
    directory: Path, identities: int = 60, displays_percent: int = 50
) -> AsyncIterator[tuple[ServerProcess, Callable[[], AbstractAsyncContextManager[Country]]]]:
    """A server on a population, and countries that play it, one after the other."""
    patient = "[policy.admission]\nhash_wait_ms_max = 60000\nloop_late_ms_max = 60000\n"
    data_dir = directory / "data"
    trial = Trial(data_dir, seeded(data_dir, identities, displays_percent), settings=patient)
    trial.configure()
    with trial.server() as server:
        yield server, lambda: trial.country(server, random.Random(2))


async def test_every_behaviour_makes_the_calls_that_it_is_listed_with(tmp_path: Path) -> None:
    async with played(tmp_path) as (server, country), country() as it:
        for behaviour in CALLS:
            before = server.counters()
            run = Run([Walk(behaviour, 0.0, 0.0, 0.1, DONE)])
            await it.walks[behaviour](run.did)
            assert counts_that_differ(run, server.counters() - before) == [], behaviour
            assert not [name for name in run.did if name.endswith("in doubt")], behaviour


async def test_each_way_in_takes_one_hash_and_says_of_what(tmp_path: Path) -> None:
    async with played(tmp_path) as (_, country), country() as it:
        for behaviour, did in {
            PIN: {PIN_CHECKS: 1},
            SIGNING: {PIN_CHECKS: 1},
            DISPLAY: {PASSWORD_CHECKS: 1},
            WRONG_CODE: {PASSWORD_CHECKS: 1, WRONG_CODES: 1},
            PASSWORD: {PASSWORD_CHECKS: 1},
        }.items():
            counted: Counter[str] = Counter()
            await it.walks[behaviour](counted)
            assert counted == did, behaviour


async def test_clocks_and_counters_log_in_in_one_run_and_in_the_next(tmp_path: Path) -> None:
    """Of 30 displays 7 count, so that a hundred logins play each of those several times."""
    async with played(tmp_path) as (_, country):
        for _ in range(2):
            async with country() as it:
                counted: Counter[str] = Counter()
                for _ in range(50):
                    await it.walks[DISPLAY](counted)
                assert counted == {PASSWORD_CHECKS: 50}


async def test_a_stranger_shuts_the_door_of_a_display_and_leaves_the_app_alone(
    tmp_path: Path,
) -> None:
    async with played(tmp_path, 1, displays_percent=100) as (_, country), country() as it:
        did: Counter[str] = Counter()
        await it.walks[CODE_SPRAY](did)
        assert did == {WRONG_CODES: 3, DOORS_SHUT: 1}
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await it.walks[DISPLAY](did)
        assert refused(caught.value).reason == "DISPLAY_CODE_LOCKED"
        await it.walks[PIN](did)
        await it.walks[PASSWORD](did)
        assert did[PIN_CHECKS] == did[PASSWORD_CHECKS] == 1
