"""What a phone signs, built without any I/O: for phones, tests and load generators.

The bytes are those of `proto/godkend/v1/statement.proto`: a domain, a zero byte and the serialised
statement. The keys are pyca/cryptography's, an implementation independent of the server's. App
developers may read this file as the reference.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from godkend.v1 import statement_pb2 as pb

if TYPE_CHECKING:
    from godkend.v1.device_service_pb2 import BeginActivationResponse, OpenLoginResponse

ACTIVATION_DOMAIN: Final = b"godkend activation v1\0"
OPEN_DOMAIN: Final = b"godkend open v1\0"
APPROVAL_DOMAIN: Final = b"godkend approval v1\0"
READ_DOMAIN: Final = b"godkend read v1\0"
REPORT_DOMAIN: Final = b"godkend report v1\0"
PIN_CHANGE_DOMAIN: Final = b"godkend pin change v1\0"
PIN_RESET_DOMAIN: Final = b"godkend pin reset v1\0"
BLOCK_DOMAIN: Final = b"godkend block v1\0"

ATTEMPT_ID_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement as it is sent: its bytes, and the signature over its domain and these bytes."""

    statement: bytes
    signature: bytes


class DeviceKey:
    """A phone's key pair. On a real phone the private half never leaves the secure hardware."""

    def __init__(self, private_key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> None:
        if isinstance(private_key, ec.EllipticCurvePrivateKey):
            if not isinstance(private_key.curve, ec.SECP256R1):
                raise ValueError("the curve of a device key is P-256")
            self.algorithm = pb.KEY_ALGORITHM_ECDSA_P256
            self.public_key = private_key.public_key().public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
            """As sent to the server: SubjectPublicKeyInfo for P-256, 32 bytes for Ed25519."""
        else:
            self.algorithm = pb.KEY_ALGORITHM_ED25519
            self.public_key = private_key.public_key().public_bytes_raw()
        self._private_key = private_key

    def __repr__(self) -> str:
        return f"DeviceKey({pb.KeyAlgorithm.Name(self.algorithm)}, {self.public_key.hex()})"

    @classmethod
    def generate(
        cls, algorithm: pb.KeyAlgorithm.ValueType = pb.KEY_ALGORITHM_ECDSA_P256
    ) -> DeviceKey:
        """A new key. Raises ValueError for an algorithm that is none."""
        if algorithm == pb.KEY_ALGORITHM_ECDSA_P256:
            return cls(ec.generate_private_key(ec.SECP256R1()))
        if algorithm == pb.KEY_ALGORITHM_ED25519:
            return cls(ed25519.Ed25519PrivateKey.generate())
        raise ValueError(f"key algorithm {algorithm} is neither ECDSA P-256 nor Ed25519")

    @classmethod
    def from_pem(cls, pem: bytes) -> DeviceKey:
        """The key of `to_pem`. Raises ValueError if it is none, or of another kind."""
        private_key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(private_key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise ValueError("a device key is ECDSA P-256 or Ed25519")
        return cls(private_key)

    def fingerprint(self) -> bytes:
        """SHA-256 of its SubjectPublicKeyInfo: by this a registrar vouches for the key."""
        spki = self._private_key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return hashlib.sha256(spki).digest()

    def to_pem(self) -> bytes:
        """The private key, unencrypted PKCS #8."""
        return self._private_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    def sign(self, domain: bytes, statement: bytes) -> bytes:
        """The signature over a domain, its zero byte included, and a serialised statement."""
        if isinstance(self._private_key, ed25519.Ed25519PrivateKey):
            return self._private_key.sign(domain + statement)
        return self._private_key.sign(domain + statement, ec.ECDSA(hashes.SHA256()))

    def signed(self, domain: bytes, statement: bytes) -> Signed:
        """A serialised statement with its signature."""
        return Signed(statement, self.sign(domain, statement))


def activation_statement(key: DeviceKey, begun: BeginActivationResponse) -> Signed:
    """Proves that this phone holds the key it announced; a new one for each PIN that is chosen."""
    statement = pb.ActivationStatement(
        activation_id=begun.activation_id,
        challenge=begun.challenge,
        public_key=key.public_key,
        attempt_id=_fresh(),
    )
    return key.signed(ACTIVATION_DOMAIN, statement.SerializeToString())


def open_statement(key: DeviceKey, authenticator_id: bytes, code: str, signed_at_ms: int) -> Signed:
    """Says: this device scanned this QR code, or followed this app link, now."""
    statement = pb.OpenStatement(
        authenticator_id=authenticator_id, code=code, signed_at_ms=signed_at_ms
    )
    return key.signed(OPEN_DOMAIN, statement.SerializeToString())


def approval_statement(
    key: DeviceKey,
    authenticator_id: bytes,
    opened: OpenLoginResponse,
    decision: pb.Decision.ValueType = pb.DECISION_APPROVE,
    user_verification: pb.UserVerification.ValueType = pb.USER_VERIFICATION_PIN,
    attempt_id: bytes | None = None,
    on_behalf: pb.Principal | None = None,
) -> Signed:
    """The decision about one login, with all that was shown of it: what is shown is what is signed.

    `on_behalf` is the one of `opened.offers` for whom the subscriber acts, if for somebody else.

    Every attempt, also after a wrong PIN, is a statement of its own; without an `attempt_id` a
    fresh one is drawn.
    """
    statement = pb.ApprovalStatement(
        login_id=opened.login_id,
        challenge=opened.challenge,
        authenticator_id=authenticator_id,
        service_provider=opened.service_provider,
        text=opened.text,
        decision=decision,
        user_verification=user_verification,
        attempt_id=_fresh() if attempt_id is None else attempt_id,
        document=opened.document if opened.HasField("document") else None,
        on_behalf=on_behalf,
    )
    return key.signed(APPROVAL_DOMAIN, statement.SerializeToString())


def read_statement(
    key: DeviceKey,
    authenticator_id: bytes,
    page: pb.Page.ValueType,
    signed_at_ms: int,
    *,
    page_size: int = 0,
    page_token: bytes = b"",
) -> Signed:
    """Asks for a page of the subscriber's own history or messages."""
    statement = pb.ReadStatement(
        authenticator_id=authenticator_id,
        page=page,
        page_size=page_size,
        page_token=page_token,
        signed_at_ms=signed_at_ms,
    )
    return key.signed(READ_DOMAIN, statement.SerializeToString())


def report_statement(
    key: DeviceKey, authenticator_id: bytes, entry_seq: int, signed_at_ms: int
) -> Signed:
    """Says of a login, by its entry in the history, that it was not the subscriber's."""
    statement = pb.ReportStatement(
        authenticator_id=authenticator_id, entry_seq=entry_seq, signed_at_ms=signed_at_ms
    )
    return key.signed(REPORT_DOMAIN, statement.SerializeToString())


def pin_change_statement(
    key: DeviceKey, authenticator_id: bytes, signed_at_ms: int, attempt_id: bytes | None = None
) -> Signed:
    """Asks for a new PIN; the old and the new one are sent beside it."""
    statement = pb.PinChangeStatement(
        authenticator_id=authenticator_id,
        attempt_id=_fresh() if attempt_id is None else attempt_id,
        signed_at_ms=signed_at_ms,
    )
    return key.signed(PIN_CHANGE_DOMAIN, statement.SerializeToString())


def pin_reset_statement(
    key: DeviceKey, authenticator_id: bytes, signed_at_ms: int, attempt_id: bytes | None = None
) -> Signed:
    """Asks for a new PIN with a temporary one; both are sent beside it."""
    statement = pb.PinResetStatement(
        authenticator_id=authenticator_id,
        attempt_id=_fresh() if attempt_id is None else attempt_id,
        signed_at_ms=signed_at_ms,
    )
    return key.signed(PIN_RESET_DOMAIN, statement.SerializeToString())


def block_statement(
    key: DeviceKey,
    authenticator_id: bytes,
    signed_at_ms: int,
    blocked_authenticator_id: bytes = b"",
    attempt_id: bytes | None = None,
) -> Signed:
    """Blocks one authenticator, which may be the signing one, or everything."""
    statement = pb.BlockStatement(
        authenticator_id=authenticator_id,
        blocked_authenticator_id=blocked_authenticator_id,
        attempt_id=_fresh() if attempt_id is None else attempt_id,
        signed_at_ms=signed_at_ms,
    )
    return key.signed(BLOCK_DOMAIN, statement.SerializeToString())


def _fresh() -> bytes:
    return secrets.token_bytes(ATTEMPT_ID_BYTES)
