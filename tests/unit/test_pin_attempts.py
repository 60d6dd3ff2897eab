"""A PIN attempt: charged, then checked, then settled; and what is neither right nor wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from godkend.errors import Denied, Fault, GodkendError, Invalid
from godkend.statements import APPROVAL_DOMAIN, DeviceKey
from godkend.v1 import statement_pb2 as pb
from godkend.v1.login_service_pb2 import (
    LOGIN_STATE_APPROVED,
    LOGIN_STATE_CANCELLED,
    LOGIN_STATE_OPENED,
    LOGIN_STATE_PENDING,
)
from tests.support.driver import CoreDriver
from tests.support.outsider import alter, write_lock
from tests.support.phones import (
    FRONT_END,
    PIN,
    PIN_OTHER,
    PIN_WRONG,
    Phone,
    Started,
    activate,
    approve,
    fresh,
    login,
    open_with,
    opened,
    redeem,
    start,
    strikes,
)
from tests.support.policies import CHEAP_PIN, SLOW_PIN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import OpensDriver

HOUR = 3_600_000


def submit_pin(driver: CoreDriver, phone: Phone, to: Started, pin: str, timeout_ms: int = 0) -> int:
    assert to.opened
    signed = phone.decides(to.opened)
    return driver.submit(
        "approve_login", signed.statement, signed.signature, pin, timeout_ms=timeout_ms
    )


def state(driver: CoreDriver, it: Started) -> int:
    shown: int = driver.get_login(it.front_end, it.login_id).state
    return shown


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The file of the engines that this test opens."""
    return tmp_path / "godkend.db"


# Strangers


def test_who_knows_only_a_user_id_spends_budgets_and_never_the_owners_strikes(
    open_engine: OpensDriver,
) -> None:
    quota = {"interval_us": 60_000_000, "burst": 2}
    driver = open_engine(budget={"login_source": quota, "activation_source": quota})
    phone = activate(driver, "anna")
    for _ in range(2):
        start(driver, "anna", source="stranger")
    with pytest.raises(Denied) as refused:
        start(driver, "anna", source="stranger")
    assert (refused.value.reason, refused.value.retry_after_ms) == ("BUDGET_SPENT", 60_000)
    assert strikes(driver, phone) == 0
    own = start(driver, "anna", source="home")
    open_with(driver, phone, own)
    approve(driver, phone, own)
    assert redeem(driver, own)


def test_a_budget_lets_the_next_one_through_when_it_said_so(open_engine: OpensDriver) -> None:
    driver = open_engine(budget={"login_source": {"interval_us": 60_000_000, "burst": 1}})
    assert driver.clock
    start(driver)
    driver.clock.advance(59_999)
    with pytest.raises(Denied, match="BUDGET_SPENT"):
        start(driver)
    driver.clock.advance(1)
    start(driver)


def test_a_stranger_who_keeps_starting_displaces_their_own_logins(driver: CoreDriver) -> None:
    phone = activate(driver, "anna")
    own = start(driver, "anna", source="home")
    strangers = [start(driver, "anna", source="stranger") for _ in range(10)]
    assert open_with(driver, phone, own).login_id == own.login_id
    assert [state(driver, it) for it in strangers].count(LOGIN_STATE_PENDING) == 3


def test_a_login_started_at_home_ends_none_of_a_strangers_and_tells_them_nothing(
    driver: CoreDriver,
) -> None:
    strangers = [start(driver, "anna", source="stranger") for _ in range(3)]
    start(driver, "anna", source="home")
    assert {state(driver, it) for it in strangers} == {LOGIN_STATE_PENDING}


def test_an_unsigned_guess_costs_neither_a_strike_nor_a_hash(driver: CoreDriver) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    stranger = Phone(DeviceKey.generate(), phone.identity_id, phone.authenticator_id)
    for _ in range(10):
        signed = stranger.decides(it.opened)
        with pytest.raises(Denied, match="SIGNATURE_INVALID"):
            driver.approve_login(signed.statement, signed.signature, PIN)
    assert strikes(driver, phone) == 0
    assert driver.core.stats()["pin_checks"] == 0


# What is signed is what is approved


@pytest.mark.parametrize(
    ("altered", "reason"),
    [
        ({"text": "Log in to Tax."}, "STATEMENT_WRONG_TEXT"),
        ({"service_provider": "bank"}, "STATEMENT_WRONG_SERVICE_PROVIDER"),
        ({"challenge": bytes(32)}, "STATEMENT_WRONG_CHALLENGE"),
        ({"decision": pb.DECISION_REJECT}, "STATEMENT_WRONG_DECISION"),
        ({"decision": pb.DECISION_UNSPECIFIED}, "STATEMENT_WRONG_DECISION"),
        ({"login_id": bytes(16)}, "LOGIN_NOT_FOUND"),
        ({"authenticator_id": bytes(16)}, "SIGNATURE_INVALID"),
    ],
)
def test_a_statement_about_anything_else_is_refused_by_its_own_reason_and_spends_nothing(
    driver: CoreDriver, altered: dict[str, Any], reason: str
) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    signed = phone.decides(it.opened, **altered)
    with pytest.raises(Denied) as refused:
        driver.approve_login(signed.statement, signed.signature, PIN)
    assert refused.value.reason == reason
    assert strikes(driver, phone) == 0
    assert driver.core.stats()["pin_checks"] == 0
    assert state(driver, it) == LOGIN_STATE_OPENED


def test_an_approval_of_one_login_does_not_approve_another(driver: CoreDriver) -> None:
    phone = activate(driver)
    one, other = opened(driver, phone), opened(driver, phone)
    assert one.opened
    assert other.opened
    signed = phone.decides(one.opened, login_id=other.login_id)
    with pytest.raises(Denied, match="STATEMENT_WRONG_CHALLENGE"):
        driver.approve_login(signed.statement, signed.signature, PIN)


def test_an_approval_is_no_rejection(driver: CoreDriver) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    signed = phone.decides(it.opened)
    with pytest.raises(Denied, match="STATEMENT_WRONG_DECISION"):
        driver.reject_login(signed.statement, signed.signature, False)
    assert state(driver, it) == LOGIN_STATE_OPENED


def test_a_statement_of_another_kind_is_no_approval(driver: CoreDriver) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    statement = phone.decides(it.opened).statement
    for domain in (b"godkend open v1\0", b"godkend pin change v1\0", b""):
        with pytest.raises(Denied, match="SIGNATURE_INVALID"):
            driver.approve_login(statement, phone.key.sign(domain, statement), PIN)
    driver.approve_login(statement, phone.key.sign(APPROVAL_DOMAIN, statement), PIN)


def test_a_statement_that_was_charged_is_not_charged_again(driver: CoreDriver) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    signed = phone.decides(it.opened)
    with pytest.raises(Denied, match="PIN_WRONG"):
        driver.approve_login(signed.statement, signed.signature, PIN_WRONG)
    for pin in (PIN_WRONG, PIN):
        with pytest.raises(Denied, match="STATEMENT_REPLAYED"):
            driver.approve_login(signed.statement, signed.signature, pin)
    assert strikes(driver, phone) == 1


def test_a_change_of_pin_is_not_charged_again_either(driver: CoreDriver) -> None:
    phone = activate(driver)
    signed = phone.changes_pin(driver.now_ms)
    with pytest.raises(Denied, match="PIN_WRONG"):
        driver.change_pin(signed.statement, signed.signature, PIN_WRONG, PIN_OTHER)
    with pytest.raises(Denied, match="STATEMENT_REPLAYED"):
        driver.change_pin(signed.statement, signed.signature, PIN, PIN_OTHER)
    assert strikes(driver, phone) == 1


@pytest.mark.parametrize(("off_ms", "taken"), [(120_000, True), (120_001, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_phones_clock_may_be_two_minutes_off(
    driver: CoreDriver, off_ms: int, taken: bool, sign: int
) -> None:
    phone = activate(driver)
    it = start(driver)
    signed = phone.opens(it.started.app_link, driver.now_ms + sign * off_ms)
    if taken:
        driver.open_login(signed.statement, signed.signature)
    else:
        with pytest.raises(Denied, match="STATEMENT_EXPIRED"):
            driver.open_login(signed.statement, signed.signature)


@pytest.mark.parametrize(
    ("how", "pin", "field"),
    [
        (pb.USER_VERIFICATION_PIN, "", "pin"),
        (pb.USER_VERIFICATION_BIOMETRICS, PIN, "pin"),
        (pb.USER_VERIFICATION_NONE, "", "statement"),
        (pb.USER_VERIFICATION_NONE, PIN, "statement"),
        (pb.USER_VERIFICATION_UNSPECIFIED, PIN, "statement"),
        (pb.USER_VERIFICATION_PIN, "12345", "pin"),
    ],
)
def test_a_pin_comes_exactly_with_a_statement_that_says_so(
    driver: CoreDriver, how: pb.UserVerification.ValueType, pin: str, field: str
) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    assert it.opened
    signed = phone.decides(it.opened, user_verification=how)
    with pytest.raises(Invalid) as refused:
        driver.approve_login(signed.statement, signed.signature, pin)
    assert refused.value.field == field
    assert strikes(driver, phone) == 0


# Neither right nor wrong


def test_a_deadline_that_passed_in_the_queue_costs_no_strike(open_engine: OpensDriver) -> None:
    driver = open_engine(engine={"hashers": 1}, pin=SLOW_PIN)
    phone = activate(driver)
    first, second = opened(driver, phone), opened(driver, phone)
    busy = submit_pin(driver, phone, first, PIN)
    while strikes(driver, phone) == 0:
        pass  # Charged: the only hasher has it now.
    late = submit_pin(driver, phone, second, PIN_WRONG, timeout_ms=20)
    outcome = driver.outcome(late)
    assert isinstance(outcome, Fault)
    assert outcome.reason == "DEADLINE_PASSED"
    assert driver.outcome(busy).state == LOGIN_STATE_APPROVED
    assert strikes(driver, phone) == 0
    assert driver.core.stats()["pin_checks"] == 1


def test_a_deadline_that_passes_while_the_store_is_busy_costs_no_strike(
    driver: CoreDriver, store: Path
) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    with write_lock(store):  # The charge waits for this lock beyond its deadline.
        late = submit_pin(driver, phone, it, PIN_WRONG, timeout_ms=500)
        time.sleep(0.6)
    outcome = driver.outcome(late)
    assert isinstance(outcome, Fault)
    assert outcome.reason == "DEADLINE_PASSED"
    assert (strikes(driver, phone), driver.core.stats()["pin_checks"]) == (0, 0)
    assert state(driver, it) == LOGIN_STATE_OPENED


def test_a_full_queue_answers_at_once_when_to_come_back_and_costs_no_strike(
    open_engine: OpensDriver,
) -> None:
    bounds = {"hashers": 1, "hash_queue_max": 1, "overload_retry_ms": 321}
    driver = open_engine(engine=bounds, pin=SLOW_PIN)
    phone = activate(driver)
    it = opened(driver, phone)
    outcomes = driver.outcomes([submit_pin(driver, phone, it, PIN_WRONG) for _ in range(12)])
    overloaded = [one for one in outcomes if isinstance(one, Fault)]
    wrong = [one for one in outcomes if isinstance(one, Denied)]
    assert overloaded
    assert {(one.reason, one.retry_after_ms) for one in overloaded} == {("OVERLOADED", 321)}
    assert len(overloaded) + len(wrong) == 12
    assert {one.reason for one in wrong} <= {"PIN_WRONG", "PIN_LOCKED"}
    charged = [one for one in wrong if one.reason == "PIN_WRONG"]
    assert strikes(driver, phone) == len(charged) == driver.core.stats()["pin_checks"]


def test_a_full_lane_answers_at_once_and_what_it_took_it_finishes(
    open_engine: OpensDriver, store: Path
) -> None:
    driver = open_engine(engine={"lane_queue_max": 4, "batch_max": 1, "overload_retry_ms": 321})
    fields = ("tax", "text", "", bytes(32), "home", "", 0)
    with write_lock(store):
        tokens = [driver.submit("start_login", FRONT_END, fresh(), *fields) for _ in range(20)]
    outcomes = driver.outcomes(tokens)
    overloaded = [one for one in outcomes if isinstance(one, Fault)]
    # One is with the lane, if it was quick, and four wait.
    assert len(overloaded) in (15, 16)
    assert {(one.reason, one.retry_after_ms) for one in overloaded} == {("OVERLOADED", 321)}
    started = [one.login_id for one in outcomes if one not in overloaded]
    assert all(driver.get_login(FRONT_END, one) for one in started)


def test_a_pin_record_of_somebody_else_is_a_fault_and_not_a_wrong_pin(
    driver: CoreDriver, store: Path
) -> None:
    phones = [activate(driver, "anna"), activate(driver, "bodil")]
    logins = [opened(driver, phone) for phone in phones]
    select = "SELECT pin_record FROM authenticator WHERE id = ?"
    update = "UPDATE authenticator SET pin_record = ? WHERE id = ?"
    ids = [phone.authenticator_id for phone in phones]
    records = [bytes.fromhex(found[0][0]) for found in alter(store, *((select, it) for it in ids))]
    alter(store, (update, records[1], ids[0]), (update, records[0], ids[1]))
    for phone, it in zip(phones, logins, strict=True):
        with pytest.raises(Fault, match="STORE_FAULT"):
            approve(driver, phone, it)
        assert state(driver, it) == LOGIN_STATE_OPENED
        assert strikes(driver, phone) == 0
    assert not any(event.kind == "pin.wrong" for event in driver.events())
    assert driver.core.healthy()


def test_an_earlier_pin_record_of_the_same_phone_is_a_fault_too(
    driver: CoreDriver, store: Path
) -> None:
    phone = activate(driver)
    (((record,),),) = alter(store, ("SELECT pin_record FROM authenticator",))
    signed = phone.changes_pin(driver.now_ms)
    driver.change_pin(signed.statement, signed.signature, PIN, PIN_OTHER)
    alter(store, ("UPDATE authenticator SET pin_record = ?", bytes.fromhex(record)))
    it = opened(driver, phone)
    for pin in (PIN, PIN_OTHER):
        with pytest.raises(Fault, match="STORE_FAULT"):
            approve(driver, phone, it, pin)


def test_a_damaged_row_fails_its_own_call_and_no_other_in_its_batch(
    driver: CoreDriver, store: Path
) -> None:
    phones = [activate(driver, "anna"), activate(driver, "bodil"), activate(driver, "cille")]
    attempts = []
    for phone in phones:
        it = opened(driver, phone)
        assert it.opened
        attempts += [phone.decides(it.opened, how=pb.USER_VERIFICATION_BIOMETRICS)]
    damage = "UPDATE identity SET level = 9 WHERE id = ?"
    alter(store, (damage, phones[1].identity_id))
    with write_lock(store):  # The first waits for this lock, the others for the first.
        tokens = [
            driver.submit("approve_login", one.statement, one.signature, "") for one in attempts
        ]
    anna, bodil, cille = driver.outcomes(tokens)
    assert isinstance(bodil, Fault)
    assert bodil.reason == "STORE_FAULT"
    assert (anna.state, cille.state) == (LOGIN_STATE_APPROVED, LOGIN_STATE_APPROVED)
    assert driver.core.healthy()


# Records that fall behind


def test_a_pin_record_is_made_anew_at_the_next_success_and_at_no_failure(
    open_engine: OpensDriver,
) -> None:
    before = open_engine()
    phone = activate(before)
    before.core.close()
    driver = open_engine(pin={**CHEAP_PIN, "iterations": 2})
    with pytest.raises(Denied, match="PIN_WRONG"):
        login(driver, phone, PIN_WRONG)
    assert driver.core.stats()["pin_records"] == 0
    login(driver, phone)
    assert driver.core.stats()["pin_records"] == 1
    login(driver, phone)
    assert driver.core.stats()["pin_records"] == 1, "it is of today now"
    with pytest.raises(Denied, match="PIN_WRONG"):
        login(driver, phone, PIN_WRONG)


def test_lowering_the_cost_shuts_nobody_out(open_engine: OpensDriver) -> None:
    before = open_engine(pin={**CHEAP_PIN, "memory_kib": 256})
    phone = activate(before)
    before.core.close()
    driver = open_engine(pin={**CHEAP_PIN, "memory_kib": 16})
    login(driver, phone)
    assert driver.core.stats()["pin_records"] == 1
    login(driver, phone)


def test_a_record_that_asks_too_much_is_a_fault_and_its_strike_stays(
    open_engine: OpensDriver,
) -> None:
    before = open_engine(pin={**CHEAP_PIN, "memory_kib": 256})
    phone = activate(before)
    before.core.close()
    driver = open_engine(pin={**CHEAP_PIN, "memory_kib": 16, "memory_kib_max": 128})
    with pytest.raises(Fault, match="STORE_FAULT"):
        login(driver, phone)
    assert strikes(driver, phone) == 1


# Lives of a lock


def test_a_restart_clears_no_strike_and_no_lock(open_engine: OpensDriver) -> None:
    before = open_engine()
    phone = activate(before)
    it = opened(before, phone)
    for _ in range(3):
        with pytest.raises(Denied, match="PIN_WRONG"):
            approve(before, phone, it, PIN_WRONG)
    before.core.close()
    driver = open_engine()
    assert strikes(driver, phone) == 3
    with pytest.raises(Denied) as refused:
        approve(driver, phone, opened(driver, phone))
    assert (refused.value.reason, refused.value.retry_after_ms) == ("PIN_LOCKED", HOUR)


def test_each_phone_has_its_own_count(driver: CoreDriver) -> None:
    one = activate(driver, "anna")
    other = activate(driver, identity_id=one.identity_id)
    it = opened(driver, one)
    for _ in range(3):
        with pytest.raises(Denied, match="PIN_WRONG"):
            approve(driver, one, it, PIN_WRONG)
    assert (strikes(driver, one), strikes(driver, other)) == (3, 0)
    assert login(driver, other)


# Blocks


@pytest.mark.parametrize("whole", [True, False])
def test_a_block_that_arrives_while_the_pin_is_checked_stops_the_login(
    open_engine: OpensDriver, whole: bool
) -> None:
    driver = open_engine(pin=SLOW_PIN)
    support = open_engine()
    phone = activate(driver)
    it = opened(driver, phone)
    attempt = submit_pin(driver, phone, it, PIN)
    while strikes(support, phone) == 0:
        pass  # Charged, in another process as it were; half a second of hashing follows.
    one = b"" if whole else phone.authenticator_id
    support.block_identity("support", phone.identity_id, one, True)
    outcome = driver.outcome(attempt)
    assert isinstance(outcome, Denied)
    assert outcome.reason == ("IDENTITY_BLOCKED" if whole else "AUTHENTICATOR_BLOCKED")
    assert state(driver, it) == LOGIN_STATE_CANCELLED
    with pytest.raises(GodkendError):
        redeem(driver, it)


@pytest.mark.parametrize("whole", [True, False])
def test_a_block_that_comes_after_the_approval_stops_the_assertion(
    driver: CoreDriver, whole: bool
) -> None:
    phone = activate(driver)
    it = opened(driver, phone)
    approve(driver, phone, it)
    one = b"" if whole else phone.authenticator_id
    driver.block_identity("support", phone.identity_id, one, True)
    with pytest.raises(Denied, match="LOGIN_CANCELLED"):
        redeem(driver, it)
    driver.block_identity("registrar", phone.identity_id, one, False)
    with pytest.raises(Denied, match="LOGIN_CANCELLED"):
        redeem(driver, it)
