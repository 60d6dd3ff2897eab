"""However many keys come at once: as many as the door allows, and each key once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from godkend import _core
from godkend.errors import Denied
from godkend.v1.login_service_pb2 import LOGIN_STATE_OPENED
from tests.support.phones import FRONT_END, fresh, register, start
from tests.support.policies import BUDGETS_OFF

if TYPE_CHECKING:
    from tests.conftest import OpensDriver
    from tests.support.driver import CoreDriver

SUMMER_MS = 1_659_355_200_000
DOOR_ALLOWS = 3
PASSWORD = "blåbærgrød 7"
TOGETHER = 1_000


@pytest.fixture
def clock() -> _core.ManualClock:
    """A day in 2022, when NemID was everywhere."""
    return _core.ManualClock(SUMMER_MS)


@dataclass
class Card:
    """A card in use, and its codes by their numbers."""

    identity_id: bytes
    card_id: bytes
    codes: dict[int, str]

    def asked(self, driver: CoreDriver, login: Any) -> str:
        """The code that a login asks for."""
        return self.codes[driver.key_number(FRONT_END, login.login_id, "anna")]

    def wrong(self) -> str:
        """Six digits that stand nowhere on it."""
        codes = set(self.codes.values())
        return next(code for code in map("{:06}".format, range(10**6)) if code not in codes)


def a_card_of_anna(driver: CoreDriver) -> Card:
    """Anna, with a card in use and a password."""
    identity_id = register(driver, "anna")
    card_id = driver.order_key_card("desk", fresh(), identity_id)
    content = driver.print_key_card("printer", fresh(), card_id)
    card = Card(identity_id, card_id, {int(number): code for number, code in content.keys})
    (shown,) = driver.list_key_cards(identity_id).cards
    code = card.codes[shown.activation_number]
    driver.activate_key_card("desk", fresh(), identity_id, card_id, code, PASSWORD)
    return card


def answers(outcomes: list[Any]) -> Counter[str]:
    return Counter(one.reason if isinstance(one, Denied) else "granted" for one in outcomes)


def test_of_a_thousand_simultaneous_wrong_keys_three_are_looked_at(
    open_engine: OpensDriver,
) -> None:
    drivers = [open_engine(budget=BUDGETS_OFF), open_engine(budget=BUDGETS_OFF)]
    code = a_card_of_anna(drivers[0]).wrong()
    login = start(drivers[0], "anna")
    asked = [
        (one, one.submit("submit_key", FRONT_END, login.login_id, "anna", code))
        for one in drivers * (TOGETHER // 2)
    ]
    counted = answers([one.outcome(token) for one, token in asked])
    assert counted == {"KEY_WRONG": DOOR_ALLOWS, "KEY_LOCKED": TOGETHER - DOOR_ALLOWS}


def test_a_key_that_comes_into_many_logins_at_once_is_accepted_in_one(
    open_engine: OpensDriver,
) -> None:
    drivers = [open_engine(), open_engine()]
    card = a_card_of_anna(drivers[0])
    logins = [start(drivers[0], "anna", source=f"192.0.2.{number}") for number in range(20)]
    code = card.asked(drivers[0], logins[0])
    assert {card.asked(drivers[0], login) for login in logins} == {code}
    asked = [
        (one, one.submit("submit_key", FRONT_END, login.login_id, "anna", code))
        for login in logins
        for one in drivers
    ]
    outcomes = [one.outcome(token) for one, token in asked]
    opened = [drivers[1].get_login(FRONT_END, login.login_id) for login in logins]
    assert sum(view.state == LOGIN_STATE_OPENED for view in opened) == 1
    events = drivers[0].events()
    assert sum(event.kind == "key.accepted" for event in events) == 1
    # The same login asked twice: the second finds the key accepted.
    assert answers(outcomes)["granted"] in {1, 2}
    (shown,) = drivers[1].list_key_cards(card.identity_id).cards
    assert shown.keys_left == len(card.codes) - 2


def test_many_keys_at_once_order_one_next_card(open_engine: OpensDriver) -> None:
    few = {"keys": 10, "order_at": 9}
    drivers = [open_engine(key_card=few), open_engine(key_card=few)]
    identity_id = a_card_of_anna(drivers[0]).identity_id
    asked = [
        (one, one.submit("order_key_card", "desk", fresh(), identity_id)) for one in drivers * 20
    ]
    counted = answers([one.outcome(token) for one, token in asked])
    # The key that put the card into use has ordered it.
    assert counted == {"KEY_CARD_UNDER_WAY": 40}
    assert len(drivers[0].list_key_cards(identity_id).cards) == 2


def test_a_used_key_stays_used_when_the_store_is_opened_again(open_engine: OpensDriver) -> None:
    before = open_engine()
    card = a_card_of_anna(before)
    login = start(before, "anna")
    code = card.asked(before, login)
    before.submit_key(FRONT_END, login.login_id, "anna", code)
    before.core.close()
    after = open_engine()
    (shown,) = after.list_key_cards(card.identity_id).cards
    assert shown.keys_left == len(card.codes) - 2
    again = start(after, "anna", source="192.0.2.9")
    assert card.asked(after, again) != code
    with pytest.raises(Denied, match="KEY_WRONG"):
        after.submit_key(FRONT_END, again.login_id, "anna", code)
