"""A receipt is what it was made, to the last bit, or nothing.

The receipts here are made by keys of the test, as issuers and phones with other software would make
them; those of the engine are checked in `tests/service/test_signing.py`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm

from godkend.cli import main
from godkend.receipt import RECEIPT_BYTES_MAX, ReceiptInvalid, verify_receipt
from godkend.statements import APPROVAL_DOMAIN, OPEN_DOMAIN, DeviceKey
from godkend.v1 import statement_pb2 as pb
from tests.support.documents import LEASE, lease
from tests.support.phones import ALGORITHMS

if TYPE_CHECKING:
    from pathlib import Path


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def public_jwk(key: Any) -> dict[str, Any]:
    of = ECAlgorithm if isinstance(key, ec.EllipticCurvePublicKey) else OKPAlgorithm
    jwk = of.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in ("kty", "crv", "x", "y") if name in jwk}


@dataclass
class Issuer:
    """An issuer with keys of its own."""

    algorithm: str = "ES256"
    kid: str = "sign-1"
    key: Any = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def jwks(self) -> str:
        public = public_jwk(self.key.public_key())
        return json.dumps(
            {"keys": [{**public, "use": "sig", "alg": self.algorithm, "kid": self.kid}]}
        )

    def sign(self, payload: Any, **header: str) -> str:
        whole = {"alg": self.algorithm, "kid": self.kid, "typ": "godkend-receipt+jws", **header}
        protected, body = (encoded(json.dumps(it).encode()) for it in (whole, payload))
        signer = jwt.get_algorithm_by_name(self.algorithm)
        signature = encoded(signer.sign(f"{protected}.{body}".encode(), self.key))
        parts = {"payload": body, "protected": protected, "signature": signature}
        return json.dumps(parts, separators=(",", ":"))


@dataclass
class Signing:
    """One signature of the lease: what issuer and phone say of it, to be altered at will."""

    device: DeviceKey = field(default_factory=DeviceKey.generate)
    statement: pb.ApprovalStatement = field(
        default_factory=lambda: pb.ApprovalStatement(
            login_id=bytes(16),
            service_provider="bank",
            text="Sign the lease",
            decision=pb.DECISION_APPROVE,
            document=lease(),
        )
    )

    def payload(self, domain: bytes = APPROVAL_DOMAIN) -> dict[str, Any]:
        statement = self.statement.SerializeToString()
        private: Any = self.device._private_key
        return {
            "login": {"aud": "bank", "sub": "subject", "txn": bytes(16).hex()},
            "text": "Sign the lease",
            "document": {
                "sha256": hashlib.sha256(LEASE).hexdigest(),
                "media_type": "application/pdf",
                "name": "Lease.pdf",
            },
            "statement": encoded(statement),
            "signature": encoded(self.device.sign(domain, statement)),
            "device": {
                "key": public_jwk(private.public_key()),
                "enrolled_level": "High",
                "hardware_key": True,
                "activated_at": 1_800_000_000,
            },
        }


def refusal(receipt: str, jwks: str, document: bytes = LEASE) -> str:
    with pytest.raises(ReceiptInvalid) as refused:
        verify_receipt(receipt, jwks, document)
    return str(refused.value)


EDDSA = {"algorithm": "EdDSA", "key": ed25519.Ed25519PrivateKey.generate()}


@pytest.mark.parametrize("issuer", [Issuer(), Issuer(**EDDSA)], ids=["ES256", "EdDSA"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_receipt_holds_for_each_algorithm(issuer: Issuer, algorithm: Any) -> None:
    signing = Signing(DeviceKey.generate(algorithm))
    receipt = verify_receipt(issuer.sign(signing.payload()), issuer.jwks(), LEASE)
    assert receipt.login["sub"] == "subject"
    assert receipt.statement == signing.statement


def test_every_bit_of_a_receipt_is_covered() -> None:
    """Each single bit of it, one after the other."""
    issuer = Issuer()
    receipt, jwks = issuer.sign(Signing().payload()).encode(), issuer.jwks()
    assert verify_receipt(receipt.decode(), jwks, LEASE)
    for place in range(len(receipt)):
        for bit in range(8):
            altered = bytearray(receipt)
            altered[place] ^= 1 << bit
            refusal(altered.decode("latin-1"), jwks)


ISSUER = Issuer()
RECEIPT, JWKS = ISSUER.sign(Signing().payload()), ISSUER.jwks()


@given(st.data())
def test_whatever_is_cut_out_put_in_or_changed_is_noticed(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(RECEIPT)))
    end = data.draw(st.integers(start, min(len(RECEIPT), start + 40)))
    put = data.draw(st.text(st.sampled_from('AZaz09-_=+/{}":, \n'), max_size=40))
    altered = RECEIPT[:start] + put + RECEIPT[end:]
    if altered != RECEIPT:
        refusal(altered, JWKS)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_what_is_no_receipt_is_refused(text: str) -> None:
    refusal(text, JWKS)


@pytest.mark.parametrize(
    "text",
    [
        "null",
        "[]",
        '"x"',
        "{}",
        '{"payload":1,"protected":1,"signature":1}',
        "[" * 20_000,
        "x" * 70_000,
    ],
)
def test_what_is_json_and_no_receipt_is_refused(text: str) -> None:
    refusal(text, JWKS)
    assert len("x" * 70_000) > RECEIPT_BYTES_MAX


def test_another_document_is_refused() -> None:
    for other in (b"", LEASE[:-1], LEASE + b"\0"):
        assert refusal(RECEIPT, JWKS, other) == "another document was signed"


def test_keys_of_another_issuer_prove_nothing() -> None:
    assert "none of these keys" in refusal(RECEIPT, Issuer(kid="other").jwks())
    assert "its issuer did not make it" in refusal(RECEIPT, Issuer().jwks())
    assert "none of these keys" in refusal(ISSUER.sign(Signing().payload(), kid="x"), JWKS)


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"alg": "none"}, {"alg": "EdDSA"}])
def test_what_was_signed_as_something_else_is_no_receipt(header: dict[str, str]) -> None:
    refusal(ISSUER.sign(Signing().payload(), **header), JWKS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_issuer_alone_proves_nothing(algorithm: Any) -> None:
    """An issuer that would make up what a phone signed cannot."""
    signing = Signing(DeviceKey.generate(algorithm))
    honest = signing.payload()
    key = Signing(DeviceKey.generate(algorithm)).payload()["device"]["key"]
    for forged in (
        {**honest, "device": {**honest["device"], "key": key}},
        {**honest, "signature": encoded(bytes(64))},
        {**honest, "signature": ""},
        {**honest, "statement": encoded(signing.statement.SerializeToString() + b"\x40\x01")},
        signing.payload(OPEN_DOMAIN),
    ):
        assert refusal(ISSUER.sign(forged), JWKS) == "the phone did not sign this"


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("login", "txn", bytes(15).hex() + "01"),
        ("login", "aud", "tax"),
        ("", "text", "Log in"),
        ("document", "sha256", bytes(32).hex()),
        ("document", "media_type", "text/plain"),
        ("document", "name", "Will.pdf"),
    ],
)
def test_issuer_and_phone_must_say_the_same(part: str, name: str, value: str) -> None:
    payload = Signing().payload()
    (payload[part] if part else payload)[name] = value
    assert refusal(ISSUER.sign(payload), JWKS).startswith("issuer and phone name another")


def test_a_rejection_is_no_signature() -> None:
    signing = Signing()
    signing.statement.decision = pb.DECISION_REJECT
    assert "decision" in refusal(ISSUER.sign(signing.payload()), JWKS)


@pytest.mark.parametrize(
    "missing", ["login", "text", "document", "statement", "signature", "device"]
)
def test_a_receipt_that_lacks_a_part_is_refused(missing: str) -> None:
    payload = Signing().payload()
    del payload[missing]
    assert refusal(ISSUER.sign(payload), JWKS) == "not a receipt of godkend"


def test_the_command_line_says_whether_a_receipt_holds(tmp_path: Path) -> None:
    files = {"receipt.json": RECEIPT + "\n", "jwks.json": JWKS, "lease.pdf": LEASE.decode()}
    for name, text in files.items():
        (tmp_path / name).write_text(text, "utf-8")
    receipt, jwks, document = (str(tmp_path / name) for name in files)
    words = ["receipt", "verify", receipt, "--jwks", jwks, "--document", document]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["document"]["name"] == "Lease.pdf"
    (tmp_path / "lease.pdf").write_text("another", "utf-8")
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 1
    assert "another document was signed" in result.stderr
