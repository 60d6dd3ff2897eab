"""Two desks at the same moment, each on an engine of its own: one right outcome."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from godkend.errors import Denied
from godkend.statements import DeviceKey, activation_statement
from tests.support.phones import BORN, PIN, begin, finish, fresh, issue, register

if TYPE_CHECKING:
    from collections.abc import Callable

    from godkend import _core
    from tests.conftest import OpensDriver
    from tests.support.driver import CoreDriver

DAY_MS = 86_400_000
AT_ONCE = 20
DOCUMENT = (1, "DNK", "212345678", "2031-05-04", BORN)


@pytest.fixture
def desks(open_engine: OpensDriver) -> tuple[CoreDriver, CoreDriver]:
    """Two engines on one store."""
    return open_engine(), open_engine()


def at_once(
    desks: tuple[CoreDriver, CoreDriver], work: Callable[[CoreDriver, str], list[int]]
) -> list[Any]:
    """What each desk's calls end in; both begin at the same moment, on threads of their own."""
    begin_together = threading.Barrier(len(desks))
    outcomes: list[Any] = []

    def run(desk: CoreDriver, name: str) -> None:
        begin_together.wait()
        outcomes.extend(desk.outcomes(work(desk, name)))

    threads = [
        threading.Thread(target=run, args=(desk, f"desk {number}"))
        for number, desk in enumerate(desks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def answers(outcomes: list[Any]) -> Counter[str]:
    return Counter(one.reason if isinstance(one, Denied) else "done" for one in outcomes)


def unproved(desk: CoreDriver, user_id: str) -> bytes:
    identity_id: bytes = desk.create_identity("desk", fresh(), user_id, "Bo", BORN, 0, True)
    return identity_id


def test_of_two_officers_who_issue_at_once_one_hands_over_a_code_that_works(
    desks: tuple[CoreDriver, CoreDriver],
) -> None:
    identity_id = register(desks[0])
    outcomes = at_once(
        desks,
        lambda desk, name: [
            desk.submit("issue_activation_code", name, fresh(), identity_id, 1)
            for _ in range(AT_ONCE)
        ],
    )
    assert answers(outcomes) == {"done": 2 * AT_ONCE}
    codes = {one.activation_code for one in outcomes}
    assert len(codes) == 2 * AT_ONCE
    key, working = DeviceKey.generate(), []
    for code in codes:
        with suppress(Denied):
            working.append(begin(desks[0], "anna", code, key, source=code))
    assert len(working) == 1
    assert finish(desks[1], activation_statement(key, working[0]), PIN)


def test_of_two_officers_who_register_one_user_id_at_once_one_does(
    desks: tuple[CoreDriver, CoreDriver],
) -> None:
    outcomes = at_once(
        desks,
        lambda desk, name: [
            desk.submit("create_identity", name, fresh(), "anna", "Anna", BORN, 0, True)
            for _ in range(AT_ONCE)
        ],
    )
    assert answers(outcomes) == {"done": 1, "USER_ID_TAKEN": 2 * AT_ONCE - 1}


def test_two_officers_who_identify_at_once_prove_one_identity_once(
    desks: tuple[CoreDriver, CoreDriver],
) -> None:
    identity_id = unproved(desks[0], "bosse")
    request_id = fresh()
    outcomes = at_once(
        desks,
        lambda desk, name: [
            # The second is a repeat of the first, for a desk that missed the answer.
            desk.submit(
                *("record_identification", name, request_id, identity_id, "officer"),
                *(*DOCUMENT, 1, b""),
            )
            for _ in range(2)
        ],
    )
    assert answers(outcomes) == {"done": 4}
    recorded = desks[0].list_evidence(identity_id).evidence
    assert {one.evidence_id for one in recorded} == set(outcomes)
    assert sorted(one.recorded_by for one in recorded) == ["desk 0", "desk 1"]
    assert desks[0].get_identity(identity_id, "").level == 2


def test_a_witness_at_two_desks_at_once_speaks_three_times(
    desks: tuple[CoreDriver, CoreDriver], clock: _core.ManualClock
) -> None:
    witness_id = register(desks[0])
    clock.advance(10 * DAY_MS)
    people = {f"desk {number}": unproved(desks[0], f"person {number}") for number in range(2)}
    outcomes = at_once(
        desks,
        lambda desk, name: [
            desk.submit(
                *("record_identification", name, fresh(), people[name], "officer"),
                *(*DOCUMENT, 2, witness_id),
            )
            for _ in range(AT_ONCE)
        ],
    )
    assert answers(outcomes) == {"done": 3, "WITNESS_TOO_OFTEN": 2 * AT_ONCE - 3}


def test_two_phones_that_finish_with_one_code_at_once_become_one_authenticator(
    desks: tuple[CoreDriver, CoreDriver],
) -> None:
    identity_id = register(desks[0])
    code = issue(desks[0], identity_id)
    keys = {f"desk {number}": DeviceKey.generate() for number in range(2)}
    begun = {name: begin(desks[0], "anna", code, key) for name, key in keys.items()}

    def finishing(desk: CoreDriver, name: str) -> list[int]:
        signed = activation_statement(keys[name], begun[name])
        return [desk.submit("finish_activation", signed.statement, signed.signature, PIN, True)]

    outcomes = at_once(desks, finishing)
    assert answers(outcomes) == {"done": 1, "ACTIVATION_NOT_FOUND": 1}
    (authenticator,) = desks[0].get_identity(identity_id, "").authenticators
    assert authenticator.authenticator_id in outcomes


def test_a_block_beside_an_issue_leaves_no_code_that_works(
    desks: tuple[CoreDriver, CoreDriver],
) -> None:
    identity_id = register(desks[0])

    def work(desk: CoreDriver, name: str) -> list[int]:
        if name == "desk 0":
            return [desk.submit("block_identity", name, identity_id, b"", True)]
        return [
            desk.submit("issue_activation_code", name, fresh(), identity_id, 1)
            for _ in range(AT_ONCE)
        ]

    outcomes = at_once(desks, work)
    assert set(answers(outcomes)) <= {"done", "IDENTITY_BLOCKED"}
    for code in [one.activation_code for one in outcomes if hasattr(one, "activation_code")]:
        with pytest.raises(Denied, match="ACTIVATION_CODE_WRONG"):
            begin(desks[1], "anna", code, DeviceKey.generate(), source=code)
