"""An engine from its first file to its last answer; and what it never shows."""

from __future__ import annotations

import hashlib
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from godkend import _core
from godkend.errors import Denied, Fault
from godkend.statements import DeviceKey
from godkend.v1.login_service_pb2 import LOGIN_STATE_OPENED, LOGIN_STATE_PENDING
from tests.support.driver import PATIENCE_S, CoreDriver, open_driver
from tests.support.phones import (
    FRONT_END,
    SERVICE_PROVIDER,
    TEXT,
    activate,
    approve,
    begin,
    fresh,
    login,
    open_with,
    opened,
    register,
    start,
    strikes,
)
from tests.support.policies import policy

if TYPE_CHECKING:
    from tests.conftest import OpensDriver


def open_core(store: Path | str, keys: Path) -> _core.Engine:
    return _core.Engine(store=str(store), keys=str(keys), policy=policy())


# Secrets


def test_no_outcome_shows_a_secret_in_its_repr(driver: CoreDriver) -> None:
    identity_id = register(driver, "anna")
    issued = driver.issue_activation_code("registrar", fresh(), identity_id, 1)
    key = DeviceKey.generate()
    begun = begin(driver, "anna", issued.activation_code, key)
    phone = activate(driver, identity_id=identity_id)
    it = start(driver)
    shown = open_with(driver, phone, it)
    view = driver.get_identity(identity_id, "")
    secrets = [
        issued.activation_code,
        begun.challenge.hex(),
        it.started.qr_secret.hex(),
        it.started.app_link,
        it.started.app_link.rsplit("=", 1)[1],
        shown.challenge.hex(),
    ]
    outcomes = [issued, begun, it.started, shown, view, *view.authenticators, *driver.events()]
    outcomes += [driver.get_login(FRONT_END, it.login_id), driver.core, driver.core.drain()]
    for outcome in outcomes:
        for words in (repr(outcome), str(outcome), f"{outcome}"):
            for secret in secrets:
                assert secret not in words
                assert repr(secret.encode()) not in words
        assert not hasattr(outcome, "__dict__")


def test_the_history_and_the_store_hold_no_secret(driver: CoreDriver, tmp_path: Path) -> None:
    phone = activate(driver)
    code = driver.issue_activation_code("registrar", fresh(), phone.identity_id, 1)
    it = opened(driver, phone)
    with pytest.raises(Denied):
        approve(driver, phone, it, "837205")
    approve(driver, phone, it)
    driver.redeem_login(it.front_end, it.login_id, it.verifier)
    for event in driver.events():
        assert phone.pin not in event.detail
        assert TEXT not in event.detail
    driver.core.close()
    for file in tmp_path.glob("godkend.db*"):
        stored = file.read_bytes()
        for secret in (code.activation_code.encode(), it.verifier, it.started.qr_secret):
            assert secret not in stored


def test_an_error_never_quotes_the_pin(driver: CoreDriver) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    signed = phone.decides(it.opened)
    for pin in ("8372051", "83720x"):
        with pytest.raises(Exception, match="pin") as refused:
            driver.approve_login(signed.statement, signed.signature, pin)
        assert pin not in repr(refused.value)


# Silence about existence


def test_unknown_blocked_and_known_user_ids_are_answered_alike(driver: CoreDriver) -> None:
    blocked = register(driver, "blocked")
    register(driver, "known")
    driver.block_identity("support", blocked, b"", True)
    key = DeviceKey.generate()
    told: list[tuple[object, ...]] = []
    for user_id in ("unknown", "blocked", "known"):
        started = start(driver, user_id).started
        told.append((started.state, started.elapsed_ms, len(started.qr_token)))
        with pytest.raises(Denied) as refused:
            begin(driver, user_id, "22222222", key)
        error = refused.value
        told.append((error.reason, error.retry_after_ms, error.attempts_left))
    assert told[0:2] == told[2:4] == told[4:6]


def test_another_front_end_is_told_that_there_is_no_such_login(driver: CoreDriver) -> None:
    it = start(driver)
    for command, fields in [
        ("get_login", (it.login_id,)),
        ("cancel_login", (it.login_id,)),
        ("redeem_login", (it.login_id, it.verifier)),
    ]:
        for front_end, login_id in [("another", it.login_id), (FRONT_END, bytes(16))]:
            with pytest.raises(Denied) as refused:
                driver.call(command, front_end, login_id, *fields[1:])
            assert refused.value.reason == "LOGIN_NOT_FOUND"


# Repeating a request


def test_a_repeated_request_finds_what_the_first_one_made(driver: CoreDriver) -> None:
    assert driver.clock
    request_id = fresh()
    create = ("registrar", request_id, "anna", "Anna", "1990-12-31", 2)
    identity_id = driver.create_identity(*create)
    assert driver.create_identity(*create) == identity_id
    code = driver.issue_activation_code("registrar", request_id, identity_id, 1)
    again = driver.issue_activation_code("registrar", request_id, identity_id, 1)
    assert code.activation_code == again.activation_code
    digest = hashlib.sha256(bytes(32)).digest()
    fields = (SERVICE_PROVIDER, TEXT, "anna", digest, "home", "", 0)
    first = driver.start_login(FRONT_END, request_id, *fields)
    driver.clock.advance(1_500)
    resumed = driver.start_login(FRONT_END, request_id, *fields)
    assert (resumed.login_id, resumed.qr_secret) == (first.login_id, first.qr_secret)
    assert (resumed.elapsed_ms, resumed.expires_at_ms) == (1_500, first.expires_at_ms)
    kinds = [event.kind for event in driver.events()]
    assert kinds == ["identity.created", "activation_code.issued"]


def test_a_request_id_with_other_contents_is_refused(driver: CoreDriver) -> None:
    request_id = fresh()
    identity_id = driver.create_identity("registrar", request_id, "anna", "Anna", "", 2)
    other = register(driver, "bodil")
    digest = bytes(32)
    driver.issue_activation_code("registrar", request_id, identity_id, 1)
    driver.start_login(FRONT_END, request_id, SERVICE_PROVIDER, TEXT, "", digest, "home", "", 0)
    for command, fields in [
        ("create_identity", ("registrar", request_id, "anna", "Anna J.", "", 2)),
        ("create_identity", ("registrar", request_id, "cille", "Anna", "", 2)),
        ("issue_activation_code", ("registrar", request_id, other, 1)),
        ("issue_activation_code", ("registrar", request_id, identity_id, 2)),
        (
            "start_login",
            (FRONT_END, request_id, SERVICE_PROVIDER, TEXT, "", digest, "abroad", "", 0),
        ),
        ("start_login", (FRONT_END, request_id, "bank", TEXT, "", digest, "home", "", 0)),
        ("start_login", (FRONT_END, request_id, SERVICE_PROVIDER, "x", "", digest, "home", "", 0)),
        (
            "start_login",
            (FRONT_END, request_id, SERVICE_PROVIDER, TEXT, "", bytes([1] * 32), "home", "", 0),
        ),
    ]:
        with pytest.raises(Denied) as refused:
            driver.call(command, *fields)
        assert refused.value.reason == "REQUEST_ID_REUSED"


def test_one_callers_request_ids_are_not_anothers(driver: CoreDriver) -> None:
    request_id = fresh()
    digest = bytes(32)
    fields = (request_id, SERVICE_PROVIDER, TEXT, "", digest, "home", "", 0)
    one, other = (driver.start_login(who, *fields) for who in ("one", "other"))
    assert one.login_id != other.login_id


# Closing and forking


def test_after_close_work_is_refused_and_nothing_is_lost(open_engine: OpensDriver) -> None:
    driver = open_engine()
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    attempts = [phone.decides(it.opened) for _ in range(3)]
    taken = [
        driver.submit("approve_login", one.statement, one.signature, "837205") for one in attempts
    ]
    driver.core.close()
    assert [one.reason for one in driver.outcomes(taken)] == ["PIN_WRONG"] * 3
    assert not driver.core.healthy()
    for command, fields in [
        ("start_login", (FRONT_END, fresh(), "tax", TEXT, "", bytes(32), "home", "", 0)),
        ("get_login", (FRONT_END, it.login_id)),
        ("approve_login", (attempts[0].statement, attempts[0].signature, "493817")),
        ("read_events", (0, 1)),
    ]:
        with pytest.raises(Fault) as refused:
            driver.call(command, *fields)
        assert refused.value.reason == "STOPPING"
    driver.core.close()
    assert strikes(open_engine(), phone) == 3


IN_A_FORK = """
import os, sys, pathlib
from godkend.errors import Fault
from tests.support.driver import open_driver
from tests.support.phones import start

driver = open_driver(pathlib.Path(sys.argv[1]))
start(driver)
if (child := os.fork()) == 0:
    code = 1
    try:
        start(driver)
    except Fault as fault:
        code = 0 if fault.reason == "INTERNAL" and "fork" in fault.detail else 2
    finally:
        os._exit(code)
_, status = os.waitpid(child, 0)
start(driver)
driver.core.close()
sys.exit(os.waitstatus_to_exitcode(status))
"""


def test_use_after_a_fork_is_refused_and_the_parent_goes_on(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_A_FORK, str(tmp_path)],
        cwd=Path(__file__).parents[2],
        timeout=60,
        check=False,
    )
    assert run.returncode == 0


# Files


def test_keys_and_store_are_made_together_for_their_owner_alone(tmp_path: Path) -> None:
    store, keys = tmp_path / "godkend.db", tmp_path / "godkend.key"
    open_core(store, keys).close()
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert keys.exists()


def test_a_store_without_its_keys_is_refused_and_gets_no_new_ones(tmp_path: Path) -> None:
    store, keys = tmp_path / "godkend.db", tmp_path / "godkend.key"
    open_core(store, keys).close()
    keys.unlink()
    before = store.read_bytes()
    with pytest.raises(Fault) as refused:
        open_core(store, keys)
    assert refused.value.reason == "KEY_FAULT"
    assert not keys.exists()
    assert store.read_bytes() == before


def test_keys_of_another_store_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for place in (one, other):
        place.mkdir()
        open_core(place / "godkend.db", place / "godkend.key").close()
    before = (one / "godkend.db").read_bytes()
    with pytest.raises(Fault) as refused:
        open_core(one / "godkend.db", other / "godkend.key")
    assert refused.value.reason == "KEY_FAULT"
    assert (one / "godkend.db").read_bytes() == before


def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    store, keys = tmp_path / "godkend.db", tmp_path / "godkend.key"
    open_core(store, keys).close()
    keys.chmod(0o640)
    with pytest.raises(Fault) as refused:
        open_core(store, keys)
    assert refused.value.reason == "KEY_FAULT"


def test_a_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    import sqlite3

    store, keys = tmp_path / "songs.db", tmp_path / "godkend.key"
    open_core(tmp_path / "ours.db", keys).close()
    connection = sqlite3.connect(store)
    connection.execute("CREATE TABLE song (name TEXT)")
    connection.commit()
    connection.close()
    before = store.read_bytes()
    with pytest.raises(Fault) as refused:
        open_core(store, keys)
    assert refused.value.reason == "STORE_FAULT"
    assert store.read_bytes() == before


def test_the_model_in_memory_serves_a_login_too(tmp_path: Path) -> None:
    with open_driver(tmp_path, memory=True) as driver:
        assert login(driver, activate(driver))
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"


# Watching


def test_a_watch_tells_each_change_of_its_login_wherever_it_is_made(
    open_engine: OpensDriver,
) -> None:
    here, elsewhere = open_engine(), open_engine()
    phone = activate(here)
    it, other = start(here), start(here)
    here.core.watch(it.login_id)
    open_with(elsewhere, phone, it)
    open_with(elsewhere, phone, other)
    while (it.login_id, LOGIN_STATE_OPENED) not in here.changes:
        here.get_login(FRONT_END, it.login_id)
    assert {login_id for login_id, _ in here.changes} == {it.login_id}
    states = [state for _, state in here.changes]
    assert states == sorted(set(states)), "states only rise"
    assert set(states) <= {LOGIN_STATE_PENDING, LOGIN_STATE_OPENED}
    here.core.unwatch(it.login_id)
    here.changes.clear()
    approve(elsewhere, phone, it)
    while elsewhere.get_login(FRONT_END, it.login_id).state == LOGIN_STATE_OPENED:
        pass
    here.get_login(FRONT_END, it.login_id)
    assert here.changes == []


def test_messages_that_nobody_carries_are_dropped_after_their_time(
    open_engine: OpensDriver, clock: _core.ManualClock
) -> None:
    driver = open_engine(engine={"sweep_interval_ms": 100})
    identity_id = register(driver)
    for number in ("+4512345678", "+4587654321"):
        driver.set_contact_details("desk", identity_id, number, "", 0)
    (to_the_old_one,) = driver.due_messages(10)
    assert to_the_old_one.address == "+4512345678"
    clock.advance(30 * 86_400_000)
    assert driver.due_messages(10)
    clock.advance(1)
    patience = time.monotonic() + PATIENCE_S
    while driver.due_messages(10):
        assert time.monotonic() < patience, "it was never dropped"
        time.sleep(0.01)
