"""A device's signature, against pyca/cryptography: key as bytes in, verdict out.

The server meets another phone with every call, so that reading the key belongs to the work. What
cryptography takes with a key that it has read before is the second yardstick.
"""

from __future__ import annotations

from timeit import Timer
from typing import TYPE_CHECKING

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bench.pairs import tell_speed, turn_about
from godkend import _core
from godkend.errors import Denied
from godkend.statements import APPROVAL_DOMAIN, DeviceKey
from godkend.v1 import statement_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    Verify = Callable[[bytes], None]

STATEMENT = bytes(range(200))
ECDSA = ec.ECDSA(hashes.SHA256())
ROUNDS, VERIFICATIONS = 60, 50


def cryptographys(key: DeviceKey, *, key_read_before: bool) -> Verify:
    signed = APPROVAL_DOMAIN + STATEMENT
    if key.algorithm == pb.KEY_ALGORITHM_ED25519:
        read_ed25519 = ed25519.Ed25519PublicKey.from_public_bytes
        ed25519_key = read_ed25519(key.public_key)
        if key_read_before:
            return lambda signature: ed25519_key.verify(signature, signed)
        return lambda signature: read_ed25519(key.public_key).verify(signature, signed)

    def read_p256() -> ec.EllipticCurvePublicKey:
        read = load_der_public_key(key.public_key)
        assert isinstance(read, ec.EllipticCurvePublicKey)
        return read

    p256_key = read_p256()
    if key_read_before:
        return lambda signature: p256_key.verify(signature, signed, ECDSA)
    return lambda signature: read_p256().verify(signature, signed, ECDSA)


@pytest.mark.benchmark(group="signature")
@pytest.mark.parametrize("key_read_before", [False, True])
@pytest.mark.parametrize("algorithm", ["ECDSA_P256", "ED25519"])
def test_signature(benchmark: BenchmarkFixture, algorithm: str, key_read_before: bool) -> None:
    key = DeviceKey.generate(pb.KeyAlgorithm.Value(f"KEY_ALGORITHM_{algorithm}"))
    signature = key.sign(APPROVAL_DOMAIN, STATEMENT)
    yardstick = cryptographys(key, key_read_before=key_read_before)

    def ours(signature: bytes) -> None:
        _core.verify_signature(key.algorithm, key.public_key, APPROVAL_DOMAIN, STATEMENT, signature)

    forged = DeviceKey.generate(key.algorithm).sign(APPROVAL_DOMAIN, STATEMENT)
    with pytest.raises(Denied):
        ours(forged)
    with pytest.raises(InvalidSignature):
        yardstick(forged)

    ours_timer, yardstick_timer = (
        Timer("verify(signature)", globals={"verify": verify, "signature": signature})
        for verify in (ours, yardstick)
    )
    rounds = turn_about(
        benchmark,
        lambda: _run(ours_timer),
        lambda: _run(yardstick_timer),
        rounds=ROUNDS,
        ours_units=VERIFICATIONS,
        yardstick_units=VERIFICATIONS,
    )
    tell_speed(
        benchmark,
        rounds,
        what=f"signature {algorithm}",
        against="cryptography" + (", key read before" if key_read_before else ""),
        unit="us",
        unit_ns=1e3,
    )


def _run(timer: Timer) -> None:
    timer.timeit(VERIFICATIONS)
