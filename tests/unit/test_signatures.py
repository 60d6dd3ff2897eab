"""Device signatures: Wycheproof's verdicts, and what a signature is bound to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from godkend import _core
from godkend.errors import Denied, Invalid
from godkend.statements import DeviceKey
from tests.support.phones import ALGORITHMS, ED25519, P256

WYCHEPROOF = Path(__file__).parents[1] / "vectors" / "wycheproof"
DOMAIN, MESSAGE = b"a domain\0", b"a message"


def verdict(algorithm: int, key: bytes, message: bytes, signature: bytes) -> str:
    try:
        _core.verify_signature(algorithm, key, b"", message, signature)
    except Denied as denied:
        return {"SIGNATURE_INVALID": "invalid"}[denied.reason]
    return "valid"


@pytest.mark.parametrize(
    ("algorithm", "file", "raw_key", "valid", "invalid"),
    [
        (P256, "ecdsa_secp256r1_sha256_test.json", "uncompressed", 174, 310),
        (ED25519, "ed25519_test.json", "pk", 88, 63),
    ],
)
@pytest.mark.parametrize("form", ["raw", "der"])
def test_every_verdict_of_wycheproof_is_ours(
    algorithm: int, file: str, raw_key: str, valid: int, invalid: int, form: str
) -> None:
    vectors: dict[str, Any] = json.loads((WYCHEPROOF / file).read_text())
    counted = {"valid": 0, "invalid": 0}
    for group in vectors["testGroups"]:
        key = group["publicKey"][raw_key] if form == "raw" else group["publicKeyDer"]
        for test in group["tests"]:
            ours = verdict(
                algorithm,
                bytes.fromhex(key),
                bytes.fromhex(test["msg"]),
                bytes.fromhex(test["sig"]),
            )
            assert ours == test["result"], (test["tcId"], test["comment"])
            counted[ours] += 1
    assert counted == {"valid": valid, "invalid": invalid}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_holds_for_its_domain_message_and_key_alone(algorithm: Any) -> None:
    key, other = DeviceKey.generate(algorithm), DeviceKey.generate(algorithm)
    signature = key.sign(DOMAIN, MESSAGE)
    _core.verify_signature(algorithm, key.public_key, DOMAIN, MESSAGE, signature)
    for public_key, domain, message, altered in [
        (other.public_key, DOMAIN, MESSAGE, signature),
        (key.public_key, b"b domain\0", MESSAGE, signature),
        (key.public_key, DOMAIN, b"b message", signature),
        (key.public_key, DOMAIN, MESSAGE, signature[:-1] + bytes([signature[-1] ^ 1])),
        (key.public_key, DOMAIN, MESSAGE, signature + b"\0"),
        (key.public_key, DOMAIN, MESSAGE, b""),
    ]:
        with pytest.raises(Denied, match="SIGNATURE_INVALID"):
            _core.verify_signature(algorithm, public_key, domain, message, altered)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_is_no_key_is_refused_by_name(algorithm: Any) -> None:
    key = DeviceKey.generate(algorithm).public_key
    for no_key in [b"", key[:-1], key + b"\0", bytes(len(key))]:
        with pytest.raises(Invalid) as refused:
            _core.verify_signature(algorithm, no_key, DOMAIN, MESSAGE, bytes(64))
        assert refused.value.field == "public_key"
    for no_algorithm in [0, 3, -1]:
        with pytest.raises(Invalid) as refused:
            _core.verify_signature(no_algorithm, key, DOMAIN, MESSAGE, bytes(64))
        assert refused.value.field == "key_algorithm"
