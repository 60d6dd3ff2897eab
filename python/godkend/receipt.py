"""Checks the receipt of a signature, years later, with neither server nor store.

    receipt = verify_receipt(text, jwks, document)   # or ReceiptInvalid
    receipt.login["sub"], receipt.name, receipt.statement.text

What is needed beside the receipt is the document, and the issuer's key set as it was published in
the days of the signature (`godkend jwks`): keep it with the receipt. The format is told in
`RedeemLoginResponse`; service providers may read this file as the reference.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Final

import jwt
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from google.protobuf.message import DecodeError

from godkend.front_end import ASSERTION_ALGORITHMS
from godkend.statements import APPROVAL_DOMAIN
from godkend.v1 import statement_pb2 as pb

TYPE: Final = "godkend-receipt+jws"
RECEIPT_BYTES_MAX: Final = 64 * 1024
FORM: Final = re.compile(
    r'\{"payload":"([\w-]+)","protected":"([\w-]+)","signature":"([\w-]+)"\}', re.A
)
DEVICE_ALGORITHMS: Final = {"P-256": "ES256", "Ed25519": "EdDSA"}


class ReceiptInvalid(Exception):
    """A receipt that proves nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receipt that holds says."""

    login: dict[str, Any]
    """The claims of the assertion: who (`sub`), for whom (`aud`), when, at which level."""
    statement: pb.ApprovalStatement
    """What the phone signed."""
    device: dict[str, Any]
    """The phone's public key and how it was enrolled."""

    @property
    def name(self) -> str:
        """What the document was called when it was shown."""
        return self.statement.document.name


def verify_receipt(receipt: str, jwks: str, document: bytes) -> Receipt:
    """What `receipt` says, if every byte of it is as it was made.

    That is: the issuer's signature over all of it, by a key of `jwks`; the phone's signature over
    the statement; that the statement approves this login, for this service provider, with this text
    and this document. Raises `ReceiptInvalid`.
    """
    try:
        said = _signed_by_issuer(receipt, jwks)
        statement = _signed_by_device(said)
        _agree(said, statement)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RecursionError,
        jwt.PyJWTError,
    ) as error:
        raise ReceiptInvalid("not a receipt of godkend") from error
    if hashlib.sha256(document).digest() != statement.document.sha256:
        raise ReceiptInvalid("another document was signed")
    return Receipt(said["login"], statement, said["device"])


def _signed_by_issuer(receipt: str, jwks: str) -> dict[str, Any]:
    """The payload, once its signature by a published key holds."""
    if len(receipt) > RECEIPT_BYTES_MAX:
        raise ReceiptInvalid("too long for a receipt")
    # One receipt has one form: what JSON would let pass unseen is an alteration all the same.
    form = FORM.fullmatch(receipt)
    if form is None:
        raise ReceiptInvalid("not a receipt of godkend")
    payload, protected, signature = form.groups()
    header = json.loads(_decoded(protected))
    keys = jwt.PyJWKSet.from_json(jwks).keys
    key = next((key for key in keys if key.key_id == header["kid"]), None)
    if key is None or key.algorithm_name not in ASSERTION_ALGORITHMS:
        raise ReceiptInvalid("signed with none of these keys")
    if header["typ"] != TYPE or header["alg"] != key.algorithm_name:
        raise ReceiptInvalid("not a receipt of godkend")
    message = f"{protected}.{payload}".encode()
    if not key.Algorithm.verify(message, key.key, _decoded(signature)):
        raise ReceiptInvalid("it was altered, or its issuer did not make it")
    said: dict[str, Any] = json.loads(_decoded(payload))
    return said


def _signed_by_device(said: dict[str, Any]) -> pb.ApprovalStatement:
    """The statement, once the phone's signature over it holds."""
    key = said["device"]["key"]
    public_key = jwt.PyJWK.from_dict(key, algorithm=DEVICE_ALGORITHMS[key["crv"]]).key
    statement, signature = _decoded(said["statement"]), _decoded(said["signature"])
    signed = APPROVAL_DOMAIN + statement
    try:
        if isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(signature, signed)
        else:
            public_key.verify(signature, signed, ec.ECDSA(hashes.SHA256()))
        return pb.ApprovalStatement.FromString(statement)
    except (InvalidSignature, DecodeError) as error:
        raise ReceiptInvalid("the phone did not sign this") from error


def _agree(said: dict[str, Any], statement: pb.ApprovalStatement) -> None:
    """Raises unless issuer and phone say the same."""
    login, document = said["login"], said["document"]
    for what, by_issuer, by_phone in (
        ("decision", pb.DECISION_APPROVE, statement.decision),
        ("login", login["txn"], statement.login_id.hex()),
        ("service provider", login["aud"], statement.service_provider),
        ("text", said["text"], statement.text),
        ("document", document["sha256"], statement.document.sha256.hex()),
        ("media type", document["media_type"], statement.document.media_type),
        ("document's name", document["name"], statement.document.name),
        ("person to act for", "act" in login, statement.HasField("on_behalf")),
    ):
        if by_issuer != by_phone:
            raise ReceiptInvalid(f"issuer and phone name another {what}")


def _decoded(text: str) -> bytes:
    """Unpadded base64url, in its one form. Raises ValueError."""
    decoded = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64.urlsafe_b64encode(decoded).rstrip(b"=").decode("ascii") != text:
        raise ReceiptInvalid("it was altered")
    return decoded
