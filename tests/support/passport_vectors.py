"""Chips and what becomes of them, for cargo and for pytest.

Run as a program it writes them to `tests/vectors`, with new keys.
"""

from __future__ import annotations

import datetime
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import NameOID

from tests.support.der import oid, tlv
from tests.support.passports import (
    CONTENT_TYPE_OID,
    LDS_OID,
    MESSAGE_DIGEST_OID,
    Chip,
    Holder,
    SecurityObject,
    State,
    Zone,
    attribute,
    certify,
    digested,
    name_of,
    new_key,
    revocation_list,
    spell_out,
    usage,
)

VECTORS = Path(__file__).parents[1] / "vectors" / "passport" / "passports.json"
NOW = datetime.datetime(2027, 1, 15, 12, tzinfo=datetime.UTC)

SCHEMES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "ECDSA on P-256": ({"authority_key": "secp256r1"}, {}),
    "ECDSA on P-384 with SHA-384": (
        {"signer_key": "secp384r1", "hash_name": "sha384"},
        {"digest": "sha384", "group_digest": "sha384"},
    ),
    "ECDSA on P-521 with SHA-512": (
        {"authority_key": "secp521r1", "signer_key": "secp521r1", "hash_name": "sha512"},
        {"digest": "sha512", "group_digest": "sha512"},
    ),
    "brainpoolP256r1": (
        {"authority_key": "brainpoolP384r1", "signer_key": "brainpoolP256r1"},
        {},
    ),
    "brainpoolP384r1 with SHA-512": (
        {"authority_key": "brainpoolP384r1", "signer_key": "brainpoolP384r1"},
        {"digest": "sha512"},
    ),
    "a curve that is spelled out": (
        {"authority_key": "secp256r1", "signer_key": "secp256r1", "spelled_out": True},
        {},
    ),
    "a Brainpool curve that is spelled out": (
        {
            "authority_key": "brainpoolP256r1",
            "signer_key": "brainpoolP256r1",
            "spelled_out": True,
        },
        {},
    ),
    "RSA of 2048 bits": (
        {"authority_key": "rsa3072", "signer_key": "rsa2048"},
        {"scheme": "rsa"},
    ),
    "RSA whose scheme names no digest": (
        {"authority_key": "rsa2048", "signer_key": "rsa2048", "hash_name": "sha512"},
        {"scheme": "rsa-plain-name", "digest": "sha384"},
    ),
    "RSA-PSS": (
        {"authority_key": "rsa2048", "signer_key": "rsa2048", "pss": True},
        {"scheme": "rsa-pss"},
    ),
    "the signer named by its key": ({}, {"by_key": True}),
}
"""What is verified: of the state, and of EF.SOD."""


def cases() -> list[dict[str, Any]]:
    """Chips with what becomes of them."""
    made: list[dict[str, Any]] = []

    def case(outcome: str, name: str, state: State, chip: Chip | None = None, **more: Any) -> None:
        chip = chip or state.issue()
        made.append(
            {
                "name": name,
                "outcome": outcome,
                "anchors": more.get("anchors", state.authority.pem),
                "security_object": chip.security_object.hex(),
                "data_group_1": more.get("data_group_1", chip.data_group_1).hex(),
                "now_ms": int(more.get("now", NOW).timestamp()) * 1_000,
            }
        )

    for name, (of_state, of_object) in SCHEMES.items():
        state = State.found(**of_state)
        case("", name, state, state.issue(**of_object))
    state = State.found()
    card = Zone(code="ID", state="D", number="L01X00T47", surname="MUSTERMANN", given="ERIKA")
    german = State.found("DE", authority_key="brainpoolP384r1", signer_key="brainpoolP256r1")
    case("", "a card", german, german.issue(card))
    other = State.found()
    both = other.authority.pem + state.authority.pem
    case("", "the second of two keys of a state", state, anchors=both)

    genuine = "PASSPORT_NOT_GENUINE"
    forged = replace(Zone(), given="ANNE")
    case(genuine, "another zone", state, data_group_1=forged.data_group_1)
    case(genuine, "no face", state, state.issue(groups={}))
    stolen = Holder(new_key("secp256r1"), state.signer.certificate, state.signer.name)
    theirs = State(state.authority, stolen)
    case(genuine, "another key than the certificate's", theirs)
    attributes = [
        attribute(CONTENT_TYPE_OID, oid(LDS_OID)),
        attribute(MESSAGE_DIGEST_OID, tlv(0x04, bytes(32))),
    ]
    case(genuine, "attributes about another content", state, state.issue(attributes=attributes))
    content = SecurityObject(state.signer, Zone().data_group_1).content()
    right = attribute(MESSAGE_DIGEST_OID, tlv(0x04, digested("sha256", content)))
    attributes = [attribute(CONTENT_TYPE_OID, oid("1.2.840.113549.1.7.1")), right]
    case(genuine, "attributes of another kind", state, state.issue(attributes=attributes))
    case(
        genuine, "the key of another authority of the same name", other, anchors=state.authority.pem
    )
    small = State.found(authority_key="rsa2048", signer_key="rsa1024")
    case(genuine, "RSA of 1024 bits", small, small.issue(scheme="rsa"))

    unknown = "PASSPORT_SIGNER_UNKNOWN"
    case(unknown, "another state's authority", State.found("SE"), anchors=state.authority.pem)
    hour = datetime.timedelta(hours=1)
    short = State.found(begin=NOW - hour, end=NOW)
    second = datetime.timedelta(seconds=1)
    case("", "the last second of the signer", short)
    case("", "the first second of the signer", short, now=NOW - hour)
    case(unknown, "a second later", short, now=NOW + second)
    case(unknown, "a second earlier", short, now=NOW - hour - second)
    key, name = new_key("secp256r1"), name_of("DK", "CSCA old")
    old = certify(key, name, (key, name), authority=True, end=NOW - hour)
    case(
        unknown,
        "an authority that is over",
        State(Holder(key, old, name), State.sign_up(Holder(key, old, name), "secp256r1")),
    )
    for what, extensions in {
        "a signer that may not sign": ((usage(key_agreement=True), True),),
        "a signer that says nothing of its use": (),
        "a signer that is an authority": (
            (usage(digital_signature=True, key_cert_sign=True), True),
            (x509.BasicConstraints(True, 0), True),
        ),
        "a signer of lists": (
            (usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([x509.ObjectIdentifier("2.23.136.1.1.3")]), True),
        ),
        "a signer with a critical extension that is not known": (
            (usage(digital_signature=True), True),
            (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\5\0"), True),
        ),
    }.items():
        case(unknown, what, State.found(extensions=extensions))
    case(
        unknown,
        "without the signer's certificate",
        state,
        state.issue(certificates=[other.signer.certificate]),
    )

    revoked = revocation_list(state.authority, state.signer, other.signer)
    case(unknown, "a revoked signer", state, anchors=revoked + state.authority.pem)
    elsewhere = revocation_list(other.authority, other.signer)
    case("", "a list of others", state, anchors=both + elsewhere)
    case("trust_anchors", "a list of nobody", state, anchors=state.authority.pem + elsewhere)
    part = revocation_list(state.authority, state.signer, part=True)
    case("trust_anchors", "a part of a list", state, anchors=state.authority.pem + part)
    case("trust_anchors", "an anchor that is no authority", state, anchors=state.signer.pem)
    nameless = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CSCA")])
    nowhere = Holder(key, certify(key, nameless, (key, nameless), authority=True), nameless)
    case("trust_anchors", "an anchor of no country", state, anchors=nowhere.pem)

    refused = "PASSPORT_ALGORITHM_REFUSED"
    weak: dict[str, dict[str, Any]] = {
        "SHA-1 over the attributes": {"digest": "sha1"},
        "SHA-1 over the files": {"group_digest": "sha1"},
    }
    for what, choices in weak.items():
        case(refused, what, state, state.issue(**choices))
    pss = State.found(authority_key="rsa2048", signer_key="rsa2048")
    case(refused, "PSS with a short salt", pss, pss.issue(scheme="rsa-pss", salt_bytes=20))
    case(
        refused,
        "brainpoolP512r1",
        (large := State.found(signer_key="brainpoolP512r1")),
        large.issue(),
    )
    curve = State.found(authority_key="secp256r1", signer_key="secp256r1")
    point = curve.signer.key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    own_base = spell_out(curve.signer.certificate, curve.authority.key, base=point.hex())
    case(
        refused,
        "a base point of one's own",
        State(curve.authority, replace(curve.signer, certificate=own_base)),
    )

    invalid = "security_object"
    case(invalid, "no attributes", state, state.issue(attributes=[right]))
    case(
        invalid,
        "a digest twice",
        state,
        state.issue(attributes=[attribute(CONTENT_TYPE_OID, oid(LDS_OID)), right, right]),
    )
    case(invalid, "another content", state, state.issue(content_type="1.2.840.113549.1.7.1"))
    wrong = Zone().text.replace("212345678", "212345679").encode()
    case(
        "data_group_1", "a wrong check digit", state, data_group_1=tlv(0x61, b"\x5f\x1f\x58", wrong)
    )
    return made


if __name__ == "__main__":
    VECTORS.parent.mkdir(exist_ok=True)
    VECTORS.write_text(json.dumps(cases(), indent=1) + "\n")
