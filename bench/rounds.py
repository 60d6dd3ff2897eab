"""Short rounds of work, on demand: one side of `make bench-compare`, in a process of its own.

Reads the name of a subject from each line of stdin, does one round of it, and answers with the CPU
that a unit of it took, in ns. Which tree is measured is a matter of PYTHONPATH.
"""

from __future__ import annotations

import hashlib
import secrets
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.driver import Driver
from godkend import _core
from godkend.phone import unix_time_ms
from godkend.statements import DeviceKey, activation_statement, approval_statement, open_statement
from godkend.v1 import device_service_pb2 as pb
from godkend.v1 import statement_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

PIN = "271946"
HASHES, SIGNATURES, DECISIONS, LOGINS_PIN, LOGINS_BIOMETRICS = 3, 200, 50_000, 4, 64
WAITING = 16
POLICY = (
    '{"budget": {"login_source": {"interval_us": 1, "burst": 100000}}, "engine": {"hashers": 2}}'
)


def hashes() -> float:
    began_ns = time.thread_time_ns()
    for _ in range(HASHES):
        _core.argon2id(PIN.encode(), bytes(16), 12_288, 3, 1, 32)
    return (time.thread_time_ns() - began_ns) / HASHES


@cache
def _signed() -> tuple[bytes, bytes]:
    # The same key in both processes: some take longer to verify than others.
    key = DeviceKey.from_pem(KEY)
    return key.public_key, key.sign(b"domain\0", bytes(200))


KEY = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB
-----END PRIVATE KEY-----
"""


def signatures() -> float:
    public_key, signature = _signed()
    algorithm = statement_pb2.KEY_ALGORITHM_ED25519
    began_ns = time.thread_time_ns()
    for _ in range(SIGNATURES):
        _core.verify_signature(algorithm, public_key, b"domain\0", bytes(200), signature)
    return (time.thread_time_ns() - began_ns) / SIGNATURES


def decisions() -> float:
    check = _core.Throttle(1_000, 10, 16).check
    began_ns = time.thread_time_ns()
    for now_us in range(0, 700 * DECISIONS, 700):
        check(b"192.0.2.7", now_us)
    return (time.thread_time_ns() - began_ns) / DECISIONS


class Subscriber:
    """A phone on an engine of its own, and the front-end that starts its logins."""

    def __init__(self, directory: Path) -> None:
        self.driver = Driver(directory, POLICY)
        core = self.driver.core
        request = secrets.token_bytes
        identity_id = self.driver.call(
            core.create_identity, "desk", request(16), "erik", "Erik Hansen", "", 2
        )
        code = self.driver.call(core.issue_activation_code, "desk", request(16), identity_id, 1)
        self._key = DeviceKey.from_pem(KEY)
        begun: Any = self.driver.call(
            core.begin_activation,
            *("192.0.2.7", request(16), "erik", code.activation_code),
            *(self._key.algorithm, self._key.public_key, "Erik's phone"),
        )
        signed = activation_statement(self._key, begun)
        self._id: bytes = self.driver.call(
            core.finish_activation, signed.statement, signed.signature, PIN, True
        )

    def log_in(self, count: int, pin: str) -> float:
        """CPU of the whole process for one login; what phones do is off the clock."""
        core = self.driver.core
        verifiers = [secrets.token_bytes(32) for _ in range(count)]
        starts = [
            (
                *("front-end", secrets.token_bytes(16), "tax.example", "Log in to Tax", ""),
                *(hashlib.sha256(verifier).digest(), "192.0.2.7", str(number), 0),
            )
            for number, verifier in enumerate(verifiers)
        ]
        taken_ns = 0

        def run(submit: Callable[..., None], requests: list[tuple[Any, ...]]) -> list[Any]:
            nonlocal taken_ns
            began_ns = time.process_time_ns()
            outcomes = self.driver.run(submit, requests, waiting=WAITING)
            taken_ns += time.process_time_ns() - began_ns
            return outcomes

        # One at a time where outcomes must keep to their verifiers; the same on both sides.
        started = [run(core.start_login, [each])[0] for each in starts]
        scans = [
            open_statement(self._key, self._id, login.app_link, unix_time_ms()) for login in started
        ]
        opened = run(core.open_login, [(each.statement, each.signature) for each in scans])
        how = (
            statement_pb2.USER_VERIFICATION_PIN
            if pin
            else statement_pb2.USER_VERIFICATION_BIOMETRICS
        )
        approvals = [
            approval_statement(
                self._key,
                self._id,
                pb.OpenLoginResponse(
                    login_id=each.login_id,
                    challenge=each.challenge,
                    service_provider=each.service_provider,
                    text=each.text,
                ),
                user_verification=how,
            )
            for each in opened
        ]
        # The strikes of attempts under way at once would lock the phone.
        for each in approvals:
            run(core.approve_login, [(each.statement, each.signature, pin)])
        run(
            core.redeem_login,
            [
                ("front-end", login.login_id, verifier)
                for login, verifier in zip(started, verifiers, strict=True)
            ],
        )
        return taken_ns / count


@cache
def _subscriber() -> Subscriber:
    return Subscriber(Path(DIRECTORY.name))


def pin_logins() -> float:
    return _subscriber().log_in(LOGINS_PIN, PIN)


def biometric_logins() -> float:
    return _subscriber().log_in(LOGINS_BIOMETRICS, "")


SUBJECTS: dict[str, Callable[[], float]] = {
    "Argon2id, 12 MiB, 3 passes": hashes,
    "signature, Ed25519": signatures,
    "throttle decision": decisions,
    "PIN login in the engine": pin_logins,
    "biometric login in the engine": biometric_logins,
}
DIRECTORY = tempfile.TemporaryDirectory(prefix="godkend-rounds-")


def main() -> None:
    with DIRECTORY:
        for line in sys.stdin:
            print(SUBJECTS[line.strip()](), flush=True)
        if _subscriber.cache_info().currsize:
            _subscriber().driver.core.close()


if __name__ == "__main__":
    main()
