"""However many codes and passwords come at once: as many as a door allows, and each code once."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from godkend.display import Display
from godkend.errors import Denied
from godkend.v1.login_service_pb2 import LOGIN_STATE_OPENED
from tests.support.phones import FRONT_END, fresh, redeem, register, start
from tests.support.policies import BUDGETS_OFF, SLOW_PIN

if TYPE_CHECKING:
    from tests.conftest import OpensDriver
    from tests.support.driver import CoreDriver

DOOR_ALLOWS = 3
PASSWORD, PASSWORD_OTHER, PASSWORD_WRONG = "blåbærgrød 7", "rabarbergrød 8", "havregrød 99"
STEP_MS = 30_000
TOGETHER = 1_000


def answers(outcomes: list[Any]) -> Counter[str]:
    return Counter(one.reason if isinstance(one, Denied) else "granted" for one in outcomes)


def a_display_of_anna(driver: CoreDriver) -> Display:
    """Anna, with a display in use and a password; the code of now is a new one."""
    assert driver.clock
    identity_id, display = register(driver, "anna"), Display("A1", fresh(20))
    fields = (display.kind, display.algorithm, display.period_s, 0, display.seed)
    driver.import_display("import", "A1", *fields)
    driver.assign_display("desk", identity_id, "A1")
    code = display.code_at(driver.now_ms)
    driver.activate_display("desk", fresh(), identity_id, "A1", code, PASSWORD)
    driver.clock.advance(STEP_MS)
    return display


def wrong_code(driver: CoreDriver, display: Display) -> str:
    now = driver.now_ms // STEP_MS
    shown = {display.code(step) for step in range(now - 100, now + 100)}
    return next(code for code in map("{:06}".format, range(10**6)) if code not in shown)


def test_of_a_thousand_simultaneous_wrong_codes_three_are_looked_at(
    open_engine: OpensDriver,
) -> None:
    drivers = [open_engine(budget=BUDGETS_OFF), open_engine(budget=BUDGETS_OFF)]
    display = a_display_of_anna(drivers[0])
    code = wrong_code(drivers[0], display)
    login = start(drivers[0], "anna")
    asked = [
        (one, one.submit("submit_code", FRONT_END, login.login_id, "anna", code))
        for one in drivers * (TOGETHER // 2)
    ]
    counted = answers([one.outcome(token) for one, token in asked])
    assert counted == {
        "DISPLAY_CODE_WRONG": DOOR_ALLOWS,
        "DISPLAY_CODE_LOCKED": TOGETHER - DOOR_ALLOWS,
    }


def test_a_code_that_comes_into_many_logins_at_once_is_accepted_in_one(
    open_engine: OpensDriver,
) -> None:
    drivers = [open_engine(), open_engine()]
    display = a_display_of_anna(drivers[0])
    code = display.code_at(drivers[0].now_ms)
    logins = [start(drivers[0], "anna", source=f"192.0.2.{number}") for number in range(20)]
    asked = [
        (one, one.submit("submit_code", FRONT_END, login.login_id, "anna", code))
        for login in logins
        for one in drivers
    ]
    outcomes = [one.outcome(token) for one, token in asked]
    opened = [one.get_login(FRONT_END, it.login_id) for it in logins for one in drivers[:1]]
    assert sum(view.state == LOGIN_STATE_OPENED for view in opened) == 1
    events = drivers[0].events()
    assert sum(event.kind == "display_code.accepted" for event in events) == 1
    # The same login asked twice: the second finds the code accepted.
    assert answers(outcomes)["granted"] in {1, 2}


def submitted(driver: CoreDriver, display: Display, **fields: Any) -> Any:
    """A login whose code is accepted."""
    login = start(driver, "anna", **fields)
    code = display.code_at(driver.now_ms)
    driver.submit_code(FRONT_END, login.login_id, "anna", code)
    return login


def test_of_many_simultaneous_wrong_passwords_three_are_looked_at(driver: CoreDriver) -> None:
    login = submitted(driver, a_display_of_anna(driver))
    asked = (FRONT_END, login.login_id, "anna")
    tokens = [driver.submit("submit_password", *asked, PASSWORD_WRONG) for _ in range(300)]
    counted = answers(driver.outcomes(tokens))
    assert counted == {"PASSWORD_WRONG": DOOR_ALLOWS, "PASSWORD_LOCKED": 300 - DOOR_ALLOWS}
    assert driver.core.stats()["password_checks"] == DOOR_ALLOWS


def test_of_many_simultaneous_passwords_alone_three_are_looked_at(driver: CoreDriver) -> None:
    a_display_of_anna(driver)
    login = start(driver, "anna", level_min=1)
    asked = (FRONT_END, login.login_id, "anna")
    tokens = [driver.submit("submit_password", *asked, PASSWORD_WRONG) for _ in range(30)]
    counted = answers(driver.outcomes(tokens))
    assert counted == {"PASSWORD_WRONG": DOOR_ALLOWS, "PASSWORD_LOCKED": 30 - DOOR_ALLOWS}
    assert driver.core.stats()["password_checks"] == DOOR_ALLOWS


def test_of_many_simultaneous_right_passwords_one_approves(driver: CoreDriver) -> None:
    login = submitted(driver, a_display_of_anna(driver))
    asked = (FRONT_END, login.login_id, "anna")
    tokens = [driver.submit("submit_password", *asked, PASSWORD) for _ in range(20)]
    counted = answers(driver.outcomes(tokens))
    assert counted["granted"] == 1
    assert set(counted) <= {"granted", "LOGIN_APPROVED", "PASSWORD_LOCKED"}
    assert redeem(driver, login)


def looking(open_engine: OpensDriver) -> tuple[CoreDriver, CoreDriver, bytes, int]:
    """Two engines on one store; the first is looking at the right password now, and for a while."""
    slow, quick = open_engine(pin={**SLOW_PIN, "iterations": 3}), open_engine()
    login = submitted(slow, a_display_of_anna(slow))
    identity_id = slow.get_identity(b"", "anna").identity_id
    token = slow.submit("submit_password", FRONT_END, login.login_id, "anna", PASSWORD)
    while not slow.core.stats()["password_checks"]:
        time.sleep(0.001)
    return slow, quick, identity_id, token


def test_a_password_that_is_replaced_while_it_is_checked_is_wrong(
    open_engine: OpensDriver,
) -> None:
    slow, quick, identity_id, token = looking(open_engine)
    quick.set_password("profile", fresh(), identity_id, PASSWORD_OTHER)
    outcome = slow.outcome(token)
    assert isinstance(outcome, Denied)
    assert outcome.reason == "PASSWORD_WRONG"


def test_a_loss_while_the_password_is_checked_stops_the_login(open_engine: OpensDriver) -> None:
    slow, quick, identity_id, token = looking(open_engine)
    quick.report_display_lost("desk", identity_id, "A1")
    outcome = slow.outcome(token)
    assert isinstance(outcome, Denied)
    assert outcome.reason == "DISPLAY_NOT_USABLE"


def test_a_block_while_the_password_is_checked_stops_the_login(open_engine: OpensDriver) -> None:
    slow, quick, identity_id, token = looking(open_engine)
    quick.block_identity("support", identity_id, b"", True)
    outcome = slow.outcome(token)
    assert isinstance(outcome, Denied)
    assert outcome.reason == "IDENTITY_BLOCKED"
