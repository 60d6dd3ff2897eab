"""States that issue passports, for tests: their authority, its document signers, and the chips.

Written in Python's cryptography and a few lines of DER, so that what the core verifies was made by
something that shares no code with it.
"""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tests.support.der import children, integer, oid, sequence, set_of, tlv

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Hash = Literal["sha1", "sha256", "sha384", "sha512"]
Scheme = Literal["rsa", "rsa-pss", "rsa-plain-name", "ecdsa"]

HASHES: dict[str, Any] = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
HASH_OIDS = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
SCHEME_OIDS = {
    ("rsa", "sha1"): "1.2.840.113549.1.1.5",
    ("rsa", "sha256"): "1.2.840.113549.1.1.11",
    ("rsa", "sha384"): "1.2.840.113549.1.1.12",
    ("rsa", "sha512"): "1.2.840.113549.1.1.13",
    ("ecdsa", "sha1"): "1.2.840.10045.4.1",
    ("ecdsa", "sha256"): "1.2.840.10045.4.3.2",
    ("ecdsa", "sha384"): "1.2.840.10045.4.3.3",
    ("ecdsa", "sha512"): "1.2.840.10045.4.3.4",
}
RSA_OID, PSS_OID, MGF1_OID = (f"1.2.840.113549.1.1.{last}" for last in (1, 10, 8))
SIGNED_DATA_OID, LDS_OID = "1.2.840.113549.1.7.2", "2.23.136.1.1.1"
CONTENT_TYPE_OID, MESSAGE_DIGEST_OID = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"

BEGIN = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
END = datetime.datetime(2199, 1, 1, tzinfo=datetime.UTC)


# Machine readable zones


def check_digit(text: str) -> str:
    value = {"<": 0, **{c: i for i, c in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")}}
    return str(sum(value[c] * (7, 3, 1)[i % 3] for i, c in enumerate(text)) % 10)


def checked(text: str) -> str:
    return text + check_digit(text)


@dataclass(frozen=True)
class Zone:
    """What a zone says."""

    code: str = "P"
    state: str = "DNK"
    number: str = "212345678"
    nationality: str = ""
    birth: str = "900517"
    expiry: str = "330101"
    surname: str = "JENSEN"
    given: str = "ANNA"
    optional: str = ""

    @property
    def text(self) -> str:
        """Two lines of 44 for passports, three of 30 for cards."""
        name = f"{self.surname}<<{self.given}".replace(" ", "<")
        head = self.code.ljust(2, "<") + self.state.ljust(3, "<")
        nationality = (self.nationality or self.state).ljust(3, "<")
        number = checked(self.number.ljust(9, "<"))
        birth, expiry = checked(self.birth), checked(self.expiry)
        if self.code.startswith("P"):
            optional = checked(self.optional.ljust(14, "<"))
            line = f"{number}{nationality}{birth}F{expiry}{optional}"
            all_of_it = check_digit(number + birth + expiry + optional)
            return head + name.ljust(39, "<")[:39] + line + all_of_it
        optional = self.optional.ljust(15, "<")
        all_of_it = check_digit(number + optional + birth + expiry + "<" * 11)
        second = f"{birth}F{expiry}{nationality}{'<' * 11}{all_of_it}"
        return head + number + optional + second + name.ljust(30, "<")[:30]

    @property
    def data_group_1(self) -> bytes:
        return tlv(0x61, b"\x5f\x1f", bytes([len(self.text)]), self.text.encode())


# States


def new_key(kind: str) -> Key:
    """`rsa2048`, or the name of a curve."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65_537, int(kind.removeprefix("rsa")))
    curves = (
        *(ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()),
        *(ec.BrainpoolP256R1(), ec.BrainpoolP384R1(), ec.BrainpoolP512R1()),
    )
    (curve,) = (curve for curve in curves if curve.name == kind)
    return ec.generate_private_key(curve)


@dataclass(frozen=True)
class Holder:
    """A key and the certificate of it."""

    key: Key
    certificate: bytes
    name: x509.Name

    @property
    def pem(self) -> str:
        loaded = x509.load_der_x509_certificate(self.certificate)
        return loaded.public_bytes(serialization.Encoding.PEM).decode()


def name_of(country: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, country),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def usage(**on: bool) -> x509.KeyUsage:
    off = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    return x509.KeyUsage(**{**off, **on})


def certify(
    key: Key,
    name: x509.Name,
    by: tuple[Key, x509.Name],
    *,
    authority: bool,
    pss: bool = False,
    begin: datetime.datetime = BEGIN,
    end: datetime.datetime = END,
    extensions: tuple[tuple[x509.ExtensionType, bool], ...] | None = None,
    hash_name: Hash = "sha256",
) -> bytes:
    """A certificate; its extensions are those of its role unless others are given."""
    if extensions is None:
        extensions = (
            (usage(key_cert_sign=True, crl_sign=True), True)
            if authority
            else (usage(digital_signature=True), True),
            *([(x509.BasicConstraints(True, 0), True)] if authority else []),
        )
    builder = x509.CertificateBuilder(
        issuer_name=by[1],
        subject_name=name,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=begin,
        not_valid_after=end,
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    chosen = HASHES[hash_name]
    padded = padding.PSS(padding.MGF1(chosen), chosen.digest_size) if pss else None
    return builder.sign(by[0], chosen, rsa_padding=padded).public_bytes(serialization.Encoding.DER)


@dataclass(frozen=True)
class State:
    """An authority and a document signer of it."""

    authority: Holder
    signer: Holder

    @classmethod
    def found(
        cls,
        country: str = "DK",
        *,
        authority_key: str = "secp384r1",
        signer_key: str = "secp256r1",
        pss: bool = False,
        spelled_out: bool = False,
        **signer: Any,
    ) -> State:
        """A new state. What else is given is about its signer's certificate."""
        name = name_of(country, f"CSCA {country}")
        key = new_key(authority_key)
        own = certify(key, name, (key, name), authority=True, pss=pss)
        authority = Holder(key, spell_out(own, key) if spelled_out else own, name)
        signed_up = cls.sign_up(authority, signer_key, pss, **signer)
        if spelled_out:
            signed_up = replace(signed_up, certificate=spell_out(signed_up.certificate, key))
        return cls(authority, signed_up)

    @staticmethod
    def sign_up(authority: Holder, signer_key: str, pss: bool = False, **more: Any) -> Holder:
        """A document signer."""
        country = authority.name.get_attributes_for_oid(NameOID.COUNTRY_NAME)[0].value
        name, key = name_of(str(country), "Document Signer"), new_key(signer_key)
        chosen = {"authority": False, **more}
        made = certify(key, name, (authority.key, authority.name), pss=pss, **chosen)
        return Holder(key, made, name)

    def issue(self, zone: Zone | None = None, **choices: Any) -> Chip:
        """A chip."""
        zone = zone or Zone()
        return Chip(zone, SecurityObject(self.signer, zone.data_group_1, **choices).file())


def revocation_list(authority: Holder, *revoked: Holder, part: bool = False) -> str:
    """What an authority has revoked (PEM), or only a part of it."""
    builder = x509.CertificateRevocationListBuilder(authority.name, BEGIN, END)
    for each in revoked:
        serial_number = x509.load_der_x509_certificate(each.certificate).serial_number
        entry = x509.RevokedCertificateBuilder(serial_number, BEGIN).build()
        builder = builder.add_revoked_certificate(entry)
    if part:
        builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
    made = builder.sign(authority.key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


# RFC 5639 section 3.4 and FIPS 186-4 section D.1.2.3: prime, a, b, base point, order.
SPELLED_OUT = {
    "brainpoolP256r1": (
        "a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377",
        "7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9",
        "26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6",
        "048bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262"
        "547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997",
        "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
    ),
    "secp256r1": (
        "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
        "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    ),
}


def spell_out(certificate: bytes, by: Key, base: str = "") -> bytes:
    """The same certificate with its curve spelled out, as passports have it, signed anew."""
    signed, scheme, _ = children(certificate)
    parts = children(signed)
    algorithm, point = children(parts[6])
    kind, named = children(algorithm)
    curve = {
        oid("1.3.36.3.3.2.8.1.1.7"): "brainpoolP256r1",
        oid("1.2.840.10045.3.1.7"): "secp256r1",
    }
    prime, a, b, known_base, order = map(bytes.fromhex, SPELLED_OUT[curve[named]])
    parameters = sequence(
        integer(1),
        sequence(oid("1.2.840.10045.1.1"), integer(int.from_bytes(prime, "big"))),
        sequence(tlv(0x04, a), tlv(0x04, b)),
        tlv(0x04, bytes.fromhex(base) or known_base),
        integer(int.from_bytes(order, "big")),
        integer(1),
    )
    parts[6] = sequence(sequence(kind, parameters), point)
    signed = sequence(*parts)
    assert isinstance(by, ec.EllipticCurvePrivateKey)
    return sequence(signed, scheme, tlv(0x03, b"\0", by.sign(signed, ec.ECDSA(hashes.SHA256()))))


# Chips


@dataclass(frozen=True)
class Chip:
    """What a phone reads of it."""

    zone: Zone
    security_object: bytes

    @property
    def data_group_1(self) -> bytes:
        return self.zone.data_group_1


@dataclass
class SecurityObject:
    """EF.SOD, each part of which a test can choose."""

    signer: Holder
    data_group_1: bytes
    scheme: Scheme | None = None
    digest: Hash = "sha256"
    group_digest: Hash = "sha256"
    by_key: bool = False
    groups: dict[int, bytes] = field(default_factory=lambda: {2: b"a face"})
    certificates: list[bytes] | None = None
    content_type: str = LDS_OID
    attributes: list[bytes] | None = None
    salt_bytes: int | None = None

    def file(self) -> bytes:
        content = self.content()
        attributes = self.attributes or [
            attribute(CONTENT_TYPE_OID, oid(LDS_OID)),
            attribute(MESSAGE_DIGEST_OID, tlv(0x04, digested(self.digest, content))),
        ]
        signed = set_of(*attributes)
        scheme, signature = self.signed(signed)
        signer = sequence(
            integer(3 if self.by_key else 1),
            self.signer_id(),
            sequence(oid(HASH_OIDS[self.digest])),
            b"\xa0" + signed[1:],
            scheme,
            tlv(0x04, signature),
        )
        certificates = self.certificates
        if certificates is None:
            certificates = [self.signer.certificate]
        data = sequence(
            integer(3),
            set_of(sequence(oid(HASH_OIDS[self.digest]))),
            sequence(oid(self.content_type), tlv(0xA0, tlv(0x04, content))),
            tlv(0xA0, *certificates),
            set_of(signer),
        )
        return tlv(0x77, sequence(oid(SIGNED_DATA_OID), tlv(0xA0, data)))

    def content(self) -> bytes:
        groups = {1: self.data_group_1, **self.groups}
        return sequence(
            integer(0),
            sequence(oid(HASH_OIDS[self.group_digest])),
            sequence(
                *(
                    sequence(integer(number), tlv(0x04, digested(self.group_digest, file)))
                    for number, file in groups.items()
                )
            ),
        )

    def signer_id(self) -> bytes:
        certificate = x509.load_der_x509_certificate(self.signer.certificate)
        if self.by_key:
            found = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
            return tlv(0x80, found.value.digest)
        return sequence(certificate.issuer.public_bytes(), integer(certificate.serial_number))

    def signed(self, message: bytes) -> tuple[bytes, bytes]:
        chosen, key = HASHES[self.digest], self.signer.key
        if isinstance(key, ec.EllipticCurvePrivateKey):
            name = sequence(oid(SCHEME_OIDS["ecdsa", self.digest]))
            return name, key.sign(message, ec.ECDSA(chosen))
        if self.scheme == "rsa-pss":
            salt = chosen.digest_size if self.salt_bytes is None else self.salt_bytes
            digest = sequence(oid(HASH_OIDS[self.digest]))
            parameters = sequence(
                tlv(0xA0, digest),
                tlv(0xA1, sequence(oid(MGF1_OID), digest)),
                tlv(0xA2, integer(salt)),
            )
            padded: Any = padding.PSS(padding.MGF1(chosen), salt)
            return sequence(oid(PSS_OID), parameters), key.sign(message, padded, chosen)
        plain = RSA_OID if self.scheme == "rsa-plain-name" else SCHEME_OIDS["rsa", self.digest]
        return sequence(oid(plain), b"\x05\0"), key.sign(message, padding.PKCS1v15(), chosen)


def attribute(kind: str, *values: bytes) -> bytes:
    return sequence(oid(kind), set_of(*values))


def digested(name: str, content: bytes) -> bytes:
    return hashlib.new(name, content).digest()
