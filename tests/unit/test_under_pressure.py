"""What must hold while a great deal is going on, or while keys change."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from godkend import _core
from godkend.engine import Engine
from godkend.errors import Denied, Fault, Invalid
from godkend.statements import DeviceKey
from tests.support.driver import NOW_MS, CoreDriver, open_driver
from tests.support.outsider import write_lock
from tests.support.phones import (
    SOURCE,
    activate,
    approve,
    begin,
    fresh,
    issue,
    login,
    opened,
    register,
    start,
    strikes,
)
from tests.support.policies import BUDGETS_OFF, CHEAP_PIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import OpensDriver

WATCHED = 20_000
# The bound is 24 MiB and what is committed while the disk is still at the last writing back; a log
# that does not begin anew grows past 120 MiB here.
WAL_BYTES_MAX = 64 << 20


def test_however_many_logins_are_watched_the_write_ahead_log_begins_anew(
    open_engine: OpensDriver, tmp_path: Path
) -> None:
    driver = open_engine(budget=BUDGETS_OFF)
    for _ in range(WATCHED):
        driver.core.watch(fresh())
    watched = [start(driver) for _ in range(50)]
    for it in watched:
        driver.core.watch(it.login_id)
    for _ in range(200):
        tokens = [
            driver.submit(
                "start_login", "front-end", fresh(), "tax", "x" * 900, "", fresh(32), SOURCE, "", 0
            )
            for _ in range(64)
        ]
        driver.outcomes(tokens)
    assert (tmp_path / "godkend.db-wal").stat().st_size < WAL_BYTES_MAX


def test_sweeping_keeps_up_with_what_was_started(open_engine: OpensDriver, tmp_path: Path) -> None:
    driver = open_engine(
        budget=BUDGETS_OFF, login={"kept_ms": 0}, engine={"sweep_interval_ms": 2_000}
    )
    assert driver.clock
    for _ in range(60):
        tokens = [
            driver.submit(
                "start_login", "front-end", fresh(), "tax", "x", "", fresh(32), SOURCE, "", 0
            )
            for _ in range(100)
        ]
        driver.outcomes(tokens)
    driver.clock.advance(600_000)
    store = tmp_path / "godkend.db"
    while expired(store, driver.now_ms) == 6_000:
        start(driver)
    # One sweep has removed some; while there is more, the next follows the next batch.
    for _ in range(10):
        start(driver)
    assert expired(store, driver.now_ms) == 0


def expired(store: Path, now_ms: int) -> int:
    sql = f"SELECT count(*) FROM login WHERE expires_at < {now_ms}"
    # From another process: this one must not open the engine's file a second time.
    read = (
        "import sqlite3, sys; "
        "print(sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone()[0])"
    )
    command = [sys.executable, "-c", read, str(store), sql]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def test_a_right_pin_is_settled_however_full_the_lane_is(
    open_engine: OpensDriver, tmp_path: Path
) -> None:
    # The only place in the lane's queue is taken while the PIN is being hashed.
    driver = open_engine(
        pin={"memory_kib": 65_536, "iterations": 8, "parallelism": 1},
        engine={"lane_queue_max": 1, "batch_max": 1},
        budget=BUDGETS_OFF,
    )
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    signed = phone.decides(it.opened)
    attempt = driver.submit("approve_login", signed.statement, signed.signature, phone.pin)
    while driver.core.stats()["pin_checks"] == 0:
        time.sleep(0.005)
    with write_lock(tmp_path / "godkend.db"):
        crowd = [driver.submit("cancel_login", "front-end", it.login_id[::-1]) for _ in range(200)]
        time.sleep(1.0)  # The hash ends meanwhile, and finds no room.
    outcome = driver.outcome(attempt)
    assert not isinstance(outcome, Fault), outcome
    assert strikes(driver, phone) == 0
    reasons = [outcome.reason for outcome in driver.outcomes(crowd)]
    assert "OVERLOADED" in reasons, "the queue was never full: the test showed nothing"


def add_seal_key(path: Path) -> None:
    keys = json.loads(path.read_text())
    entry = {
        "id": "seal-later",
        "use": "seal",
        "algorithm": next(it["algorithm"] for it in keys["keys"] if it["use"] == "seal"),
        "key": base64.b64encode(secrets.token_bytes(32)).decode(),
    }
    keys["keys"].append(entry)
    path.write_text(json.dumps(keys))
    path.chmod(0o600)


def test_a_worker_that_does_not_know_a_key_yet_charges_nothing(tmp_path: Path) -> None:
    with open_driver(tmp_path) as old:
        phone = activate(old)
        add_seal_key(tmp_path / "godkend.key")
        with open_driver(tmp_path) as new:
            assert login(new, phone)
        for _ in range(4):
            with pytest.raises(Fault) as unknown:
                approve(old, phone, opened(old, phone))
            assert unknown.value.reason == "KEY_FAULT"
        assert strikes(old, phone) == 0


def test_a_newer_key_seals_the_record_anew_without_a_second_hash(tmp_path: Path) -> None:
    with open_driver(tmp_path) as driver:
        phone = activate(driver)
    add_seal_key(tmp_path / "godkend.key")
    with open_driver(tmp_path) as driver:
        assert login(driver, phone)
        assert (driver.core.stats()["pin_checks"], driver.core.stats()["pin_records"]) == (1, 0)
        assert login(driver, phone)


def test_a_right_activation_code_draws_on_no_strangers_budget(open_engine: OpensDriver) -> None:
    once = {"interval_us": 60_000_000, "burst": 1}
    driver = open_engine(budget={**BUDGETS_OFF, "activation_source": once})
    for number in range(3):
        activate(driver, f"subscriber {number}")
    identity_id = register(driver, "anna")
    code = issue(driver, identity_id)
    with pytest.raises(Denied, match="ACTIVATION_CODE_WRONG"):
        begin(driver, "anna", "AAAA-AAAA", DeviceKey.generate())
    with pytest.raises(Denied, match="BUDGET_SPENT"):
        begin(driver, "anna", code, DeviceKey.generate())


@pytest.mark.parametrize("text", ["pay \u202eannA\u202c", "pay\u200b", "pay\u2066x", "a\u00adb"])
def test_what_is_signed_cannot_look_like_something_else(driver: CoreDriver, text: str) -> None:
    with pytest.raises(Invalid) as refused:
        driver.start_login("f", fresh(), "tax", text, "", fresh(32), SOURCE, "", 0)
    assert refused.value.field == "text"


def test_only_the_text_has_lines(driver: CoreDriver) -> None:
    assert driver.start_login("f", fresh(), "tax", "one\ntwo", "", fresh(32), SOURCE, "", 0)
    with pytest.raises(Invalid) as refused:
        driver.start_login("f", fresh(), "tax\n", "text", "", fresh(32), SOURCE, "", 0)
    assert refused.value.field == "service_provider"


async def test_followers_of_the_history_miss_no_wake_up(tmp_path: Path) -> None:
    # The watcher of other processes is slow here, so that only the engine's own word wakes them.
    slow = json.dumps({"pin": CHEAP_PIN, "engine": {"watch_interval_ms": 10_000}})
    core = _core.Engine(
        store=str(tmp_path / "db"),
        keys=str(tmp_path / "key"),
        policy=slow,
        clock=_core.ManualClock(NOW_MS),
    )
    async with Engine(core) as engine:
        seen: list[int] = []
        more: asyncio.Queue[int] = asyncio.Queue()

        async def follow() -> None:
            async for event in engine.events(0, until_now=False):
                seen.append(event.seq)
                more.put_nowait(event.seq)

        async def catch_up() -> None:
            async for _ in engine.events(0, until_now=True):
                pass

        following = asyncio.create_task(follow())
        for number in range(1, 60):
            auditors = [asyncio.create_task(catch_up()) for _ in range(4)]
            await engine.call(
                core.create_identity, 0, "r", fresh(), f"subscriber {number}", "Name", "", 2
            )
            await asyncio.gather(*auditors)
            while len(seen) < number:
                await asyncio.wait_for(more.get(), 8)
        following.cancel()


async def test_a_call_after_the_end_says_that_it_is_over(tmp_path: Path) -> None:
    core = _core.Engine(store=":memory:", keys=str(tmp_path / "key"), policy="{}")
    engine = Engine(core)
    await engine.close()
    with pytest.raises(Fault, match="STOPPING"):
        await asyncio.wait_for(engine.call(core.get_identity, 0, b"", "anna"), 5)


def test_dropping_an_engine_in_a_forked_child_is_quiet(tmp_path: Path) -> None:
    core = _core.Engine(store=":memory:", keys=str(tmp_path / "key"), policy="{}")
    child = os.fork()
    if child == 0:
        try:
            core.close()
        except Fault:
            del core
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    core.close()
