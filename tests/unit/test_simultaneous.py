"""However many come at once: as many guesses as the ladder allows, and one of everything else."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from godkend.errors import Denied
from godkend.statements import DeviceKey, activation_statement
from godkend.v1.login_service_pb2 import LOGIN_STATE_APPROVED
from tests.support.driver import NOW_MS
from tests.support.phones import (
    PIN,
    PIN_OTHER,
    PIN_WRONG,
    Phone,
    activate,
    approve,
    begin,
    finish,
    issue,
    login,
    opened,
    register,
    strikes,
)
from tests.support.policies import policy

if TYPE_CHECKING:
    from tests.conftest import OpensDriver
    from tests.support.driver import CoreDriver

LADDER_ALLOWS = 3


def answers(outcomes: list[Any]) -> Counter[str]:
    return Counter(one.reason if isinstance(one, Denied) else "granted" for one in outcomes)


def test_of_a_thousand_simultaneous_wrong_pins_three_are_looked_at(driver: CoreDriver) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    guesses = [phone.decides(it.opened) for _ in range(1_000)]
    tokens = [
        driver.submit("approve_login", guess.statement, guess.signature, PIN_WRONG)
        for guess in guesses
    ]
    counted = answers(driver.outcomes(tokens))
    assert counted == {"PIN_WRONG": LADDER_ALLOWS, "PIN_LOCKED": 1_000 - LADDER_ALLOWS}
    assert driver.core.stats()["pin_checks"] == LADDER_ALLOWS
    assert strikes(driver, phone) == LADDER_ALLOWS


GUESSER = """
import base64, json, sys
from tests.support.driver import CoreDriver
from godkend import _core
from godkend.errors import Denied

task = json.load(sys.stdin)
driver = CoreDriver(task["store"], task["keys"], task["policy"], _core.ManualClock(task["now_ms"]))
guesses = [[base64.b64decode(part) for part in guess] for guess in task["guesses"]]
print("ready", flush=True)
sys.stdin = open("/dev/null")
input_line = open(task["start"]).read()  # A pipe: both begin when it is opened for writing.
tokens = [driver.submit("approve_login", *guess, task["pin"]) for guess in guesses]
outcomes = driver.outcomes(tokens)
reasons = [one.reason if isinstance(one, Denied) else repr(one) for one in outcomes]
json.dump({"reasons": reasons, "pin_checks": driver.core.stats()["pin_checks"]}, sys.stdout)
driver.core.close()
"""


def test_two_processes_on_one_store_look_at_three_between_them(
    open_engine: OpensDriver, tmp_path: Path
) -> None:
    driver = open_engine()
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    processes, starts = [], []
    for number in range(2):
        start = tmp_path / f"start-{number}"
        os.mkfifo(start)
        signed = [phone.decides(it.opened) for _ in range(300)]
        task = {
            "store": str(tmp_path / "godkend.db"),
            "keys": str(tmp_path / "godkend.key"),
            "policy": policy(),
            "now_ms": NOW_MS,
            "start": str(start),
            "pin": PIN_WRONG,
            "guesses": [
                [base64.b64encode(part).decode() for part in (one.statement, one.signature)]
                for one in signed
            ],
        }
        process = subprocess.Popen(
            [sys.executable, "-c", GUESSER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        assert process.stdin
        process.stdin.write(json.dumps(task))
        process.stdin.close()
        processes.append(process)
        starts.append(start)
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for start in starts:
        start.write_text("go")
    reasons, looked_at = Counter[str](), 0
    for process in processes:
        assert process.stdout
        told = json.loads(process.stdout.read())
        process.stdout.close()
        assert process.wait() == 0
        reasons.update(told["reasons"])
        looked_at += told["pin_checks"]
    assert reasons == {"PIN_WRONG": LADDER_ALLOWS, "PIN_LOCKED": 600 - LADDER_ALLOWS}
    assert looked_at == LADDER_ALLOWS
    assert strikes(driver, phone) == LADDER_ALLOWS


def test_a_right_pin_among_wrong_ones_opens_no_further_guesses(driver: CoreDriver) -> None:
    phone = activate(driver)
    logins = [opened(driver, phone) for _ in range(60)]
    tokens = []
    for number, it in enumerate(logins):
        assert it.opened
        signed = phone.decides(it.opened)
        pin = PIN if number % 20 == 0 else PIN_WRONG
        tokens += [driver.submit("approve_login", signed.statement, signed.signature, pin)]
    counted = answers(driver.outcomes(tokens))
    # Between two successes, and after the last, never more than the ladder allows.
    assert counted["PIN_WRONG"] <= LADDER_ALLOWS * (counted["granted"] + 1)
    looked_at = counted["PIN_WRONG"] + counted["granted"]
    assert driver.core.stats()["pin_checks"] == looked_at


def test_of_many_simultaneous_approvals_of_one_login_one_is_granted(driver: CoreDriver) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    signed = [phone.decides(it.opened) for _ in range(50)]
    tokens = [driver.submit("approve_login", one.statement, one.signature, PIN) for one in signed]
    outcomes = driver.outcomes(tokens)
    granted = [one for one in outcomes if not isinstance(one, Denied)]
    assert [one.state for one in granted] == [LOGIN_STATE_APPROVED]
    assert set(answers(outcomes)) <= {"granted", "LOGIN_APPROVED", "PIN_LOCKED"}
    assert sum(event.kind == "login.approved" for event in driver.events()) == 1


def test_of_many_simultaneous_redemptions_one_is_granted(open_engine: OpensDriver) -> None:
    drivers = [open_engine(), open_engine()]
    phone = activate(drivers[0])
    it = opened(drivers[0], phone)
    approve(drivers[0], phone, it)
    tokens = [
        (driver, driver.submit("redeem_login", it.front_end, it.login_id, it.verifier))
        for driver in drivers * 50
    ]
    counted = answers([driver.outcome(token) for driver, token in tokens])
    assert counted == {"granted": 1, "LOGIN_REDEEMED": 99}


def test_two_phones_with_one_code_become_one_authenticator(driver: CoreDriver) -> None:
    identity_id = register(driver, "anna")
    code = issue(driver, identity_id)
    keys = [DeviceKey.generate(), DeviceKey.generate()]
    begun = [begin(driver, "anna", code, key) for key in keys]
    statements = [activation_statement(*pair) for pair in zip(keys, begun, strict=True)]
    tokens = [
        driver.submit("finish_activation", one.statement, one.signature, PIN, True)
        for one in statements
    ]
    first, second = driver.outcomes(tokens)
    # The one that gave the code last took the place of the other.
    assert isinstance(first, Denied)
    assert first.reason == "ACTIVATION_NOT_FOUND"
    views = driver.get_identity(identity_id, "").authenticators
    assert [view.authenticator_id for view in views] == [second]


def test_of_two_simultaneous_finishes_of_one_activation_one_chooses_the_pin(
    driver: CoreDriver,
) -> None:
    identity_id = register(driver, "anna")
    key = DeviceKey.generate()
    begun = begin(driver, "anna", issue(driver, identity_id), key)
    pins = [PIN, PIN_OTHER]
    tokens = []
    for pin in pins:
        signed = activation_statement(key, begun)
        tokens += [
            driver.submit("finish_activation", signed.statement, signed.signature, pin, True)
        ]
    outcomes = driver.outcomes(tokens)
    granted = [index for index, one in enumerate(outcomes) if isinstance(one, bytes)]
    assert len(granted) == 1, outcomes
    refused = outcomes[1 - granted[0]]
    assert refused.reason == "ACTIVATION_NOT_FOUND"
    phone = Phone(key, identity_id, outcomes[granted[0]], pins[granted[0]])
    assert login(driver, phone)
    with pytest.raises(Denied, match="PIN_WRONG"):
        login(driver, phone, pins[1 - granted[0]])


def test_an_activation_that_repeats_itself_keeps_its_first_pin(driver: CoreDriver) -> None:
    identity_id = register(driver, "anna")
    key = DeviceKey.generate()
    signed = activation_statement(key, begin(driver, "anna", issue(driver, identity_id), key))
    first = finish(driver, signed, PIN)
    assert finish(driver, signed, PIN) == first
    assert finish(driver, signed, PIN_OTHER) == first
    phone = Phone(key, identity_id, first)
    assert login(driver, phone, PIN)
    with pytest.raises(Denied, match="PIN_WRONG"):
        login(driver, phone, PIN_OTHER)
    views = driver.get_identity(identity_id, "").authenticators
    assert len(views) == 1
