"""A PIN approval through the engine, against the hash inside it.

All CPU of the process counts: verifying the signature, charging, hashing, settling, committing and
what the yardstick's kind of hash does not need. The service around it is in `make load`.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import TYPE_CHECKING, Any

import pytest

from bench.bench_hash import ITERATIONS, LENGTH, MEMORY_KIB, PARALLELISM, SALT
from bench.driver import Driver
from bench.pairs import Rounds, tell_cost, turn_about
from bench.targets import PIN_LOGIN_COST
from bench.threads import cpu_ns_by_thread
from godkend import _core
from godkend.phone import unix_time_ms
from godkend.statements import (
    DeviceKey,
    Signed,
    activation_statement,
    approval_statement,
    open_statement,
)
from godkend.v1 import device_service_pb2 as pb
from godkend.v1 import login_service_pb2

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

PIN = "271946"
ROUNDS, APPROVALS = 30, 4
SOURCE = "192.0.2.7"
HASHER = "godkend-hasher"
POLICY = '{"budget": {"login_source": {"interval_us": 1, "burst": 1000}}}'


class Erik:
    """A subscriber with a phone, and a front-end that starts logins for him."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        core = driver.core
        identity_id = driver.call(
            core.create_identity, "desk", secrets.token_bytes(16), "erik", "Erik Hansen", "", 2
        )
        code = driver.call(
            core.issue_activation_code, "desk", secrets.token_bytes(16), identity_id, 1
        )
        self._key = DeviceKey.generate()
        begun: Any = driver.call(
            core.begin_activation,
            *(SOURCE, secrets.token_bytes(16), "erik", code.activation_code),
            *(self._key.algorithm, self._key.public_key, "Erik's phone"),
        )
        signed = activation_statement(self._key, begun)
        self.authenticator_id: bytes = driver.call(
            core.finish_activation, signed.statement, signed.signature, PIN, False
        )

    def signed_approval(self) -> Signed:
        """A login is started and opened; what is left is to send this with the PIN."""
        core = self._driver.core
        digest = hashlib.sha256(secrets.token_bytes(32)).digest()
        login = self._driver.call(
            core.start_login,
            *("front-end", secrets.token_bytes(16), "tax.example", "Log in to Tax", ""),
            *(digest, SOURCE, "nonce", 0),
        )
        scan = open_statement(self._key, self.authenticator_id, login.app_link, unix_time_ms())
        opened = self._driver.call(core.open_login, scan.statement, scan.signature)
        shown = pb.OpenLoginResponse(
            login_id=opened.login_id,
            challenge=opened.challenge,
            service_provider=opened.service_provider,
            text=opened.text,
        )
        return approval_statement(self._key, self.authenticator_id, shown)


@pytest.mark.benchmark(group="verify")
def test_pin_approval(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    with Driver(tmp_path, POLICY) as driver:
        erik = Erik(driver)
        approvals: list[tuple[bytes, bytes, str]] = []
        outcomes: list[Any] = []

        def prepare() -> None:
            nonlocal approvals
            signed = [erik.signed_approval() for _ in range(APPROVALS)]
            approvals = [(each.statement, each.signature, PIN) for each in signed]

        def approve() -> None:
            outcomes.extend(driver.run(driver.core.approve_login, approvals, waiting=1))

        def one_hash_each() -> None:
            for _ in range(APPROVALS):
                _core.argon2id(PIN.encode(), SALT, MEMORY_KIB, ITERATIONS, PARALLELISM, LENGTH)

        checks_before = driver.core.stats()["pin_checks"]
        hashed_ns_before = cpu_ns_by_thread()[HASHER]
        rounds = turn_about(
            benchmark,
            approve,
            one_hash_each,
            rounds=ROUNDS,
            prepare=prepare,
            ours_units=APPROVALS,
            yardstick_units=APPROVALS,
            clock_ns=time.process_time_ns,
        )
        hashed_ns = cpu_ns_by_thread()[HASHER] - hashed_ns_before
        checks = driver.core.stats()["pin_checks"] - checks_before
    assert {each.state for each in outcomes} == {login_service_pb2.LOGIN_STATE_APPROVED}
    assert len(outcomes) == checks == (ROUNDS + 1) * APPROVALS
    benchmark.extra_info["cost_against_hasher_threads"] = inside(rounds, hashed_ns / checks)
    tell_cost(
        benchmark,
        rounds,
        what="PIN approval in the engine",
        against="one _core.argon2id",
        unit="ms",
        unit_ns=1e6,
        target=PIN_LOGIN_COST,
    )


def inside(rounds: Rounds, hash_ns: float) -> float:
    """The cost against what the engine's own hash workers took: no arena is allocated there."""
    return Rounds(rounds.ours_ns, [hash_ns] * len(rounds.ours_ns)).cost
