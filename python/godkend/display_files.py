"""Displays out of vendors' seed files, one at a time: PSKC (RFC 6030) and CSV.

A display that cannot be read is given as a `RowUnreadable` in its place, so that the others are
not lost with it. Of a PSKC file, document type declarations are refused before anything in them is
looked at, so that no entity is ever expanded or fetched; what lies deeper or is longer than a seed
file needs is refused as well. Encrypted seeds are opened with a pre-shared key (AES-128-CBC,
section 6.1), never without their authentication code.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from xml.parsers import expat

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from godkend.display import CODE_DIGITS, PERIOD_S_DEFAULT, SHA1, SHA256, Display
from godkend.row_files import FileRefused, RowFile, RowUnreadable, csv_fields
from godkend.v1 import display_service_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS_NEEDED: Final = ("serial_number", "seed")
COLUMNS: Final = (*COLUMNS_NEEDED, "kind", "algorithm", "period_s", "counter")
KINDS: Final = {
    "": pb.DISPLAY_KIND_CODE_DISPLAY,
    "display": pb.DISPLAY_KIND_CODE_DISPLAY,
    "audio": pb.DISPLAY_KIND_AUDIO_CODE_READER,
}
ALGORITHMS: Final = {"": SHA1, "sha1": SHA1, "sha256": SHA256}

PSKC: Final = "urn:ietf:params:xml:ns:keyprov:pskc"
CLOCKS: Final = {f"{PSKC}:hotp": False, f"{PSKC}:totp": True, f"{PSKC}#totp": True}
"""The algorithms of keys, and whether they go by a clock."""
SUITES: Final = {"": SHA1, "HMAC-SHA1": SHA1, "HMAC-SHA256": SHA256}
AES128_CBC: Final = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
MACS: Final = {
    "http://www.w3.org/2000/09/xmldsig#hmac-sha1": "sha1",
    "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256": "sha256",
}
BLOCK_BYTES: Final = 16
CHUNK_BYTES: Final = 65_536
DEPTH_MAX: Final = 32
TEXT_CHARS_MAX: Final = 4_096
ELEMENTS_MAX: Final = 256
"""Of one package; those of vendors have some twenty."""


@dataclass(frozen=True, slots=True)
class DisplayRow:
    """One display; its fields are checked by nobody yet."""

    number: int
    """From 1, as the file counts its displays."""
    display: Display


class DisplayFile(RowFile):
    """A vendor's seed file; the format is told by how its name ends."""

    def __init__(
        self,
        path: Path,
        *,
        kind: pb.DisplayKind.ValueType = pb.DISPLAY_KIND_CODE_DISPLAY,
        key: bytes | None = None,
    ) -> None:
        super().__init__(path)
        self._kind = kind
        self._key = key
        readers = {".csv": self._csv, ".xml": self._pskc, ".pskc": self._pskc}
        reader = readers.get(path.suffix.lower())
        if reader is None:
            raise FileRefused(f"{path}: the name must end in .csv, .xml or .pskc")
        self._read = reader

    def __iter__(self) -> Iterator[DisplayRow | RowUnreadable]:
        """Each display in order. Raises `FileRefused` where the file is none of its format."""
        return self._read()

    def _csv(self) -> Iterator[DisplayRow | RowUnreadable]:
        lines = self.lines()
        try:
            heading = csv_fields((next(lines, "") or "").removeprefix("\ufeff"))
        except ValueError as error:
            raise FileRefused(f"{self.path}: the heading is {error}") from error
        columns = [name.strip() for name in heading]
        known = set(columns) <= set(COLUMNS) and len(set(columns)) == len(columns)
        if not known or not set(COLUMNS_NEEDED) <= set(columns):
            raise FileRefused(
                f"{self.path}: the columns are {', '.join(COLUMNS)}, of which all but"
                f" serial_number and seed may be left out"
            )
        number = 0
        for line in lines:
            if line is not None and not line.strip():
                continue
            number += 1
            try:
                fields = csv_fields(line)
                if len(fields) != len(columns):
                    raise ValueError(f"{len(fields)} fields where there are {len(columns)}")
                row = dict(zip(columns, fields, strict=True))
                yield DisplayRow(number, self._display_of_csv(row))
            except ValueError as error:
                yield RowUnreadable(number, str(error))

    def _display_of_csv(self, row: dict[str, str]) -> Display:
        kind = KINDS.get(row.get("kind", "").lower())
        algorithm = ALGORITHMS.get(row.get("algorithm", "").lower().replace("-", ""))
        if kind is None:
            raise ValueError("kind must be display or audio")
        if algorithm is None:
            raise ValueError("algorithm must be SHA1 or SHA256")
        return Display(
            row["serial_number"],
            _seed_of_text(row["seed"]),
            kind=kind if row.get("kind") else self._kind,
            algorithm=algorithm,
            period_s=_number("period_s", row.get("period_s", ""), PERIOD_S_DEFAULT),
            counter=_number("counter", row.get("counter", ""), 0),
        )

    def _pskc(self) -> Iterator[DisplayRow | RowUnreadable]:
        packages = _Packages()
        number = 0
        with self.path.open("rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                self.position += len(chunk)
                self._parsed(packages, chunk)
                for package in packages.taken():
                    number += 1
                    try:
                        display = self._display_of_pskc(package, packages.container)
                        yield DisplayRow(number, display)
                    except ValueError as error:
                        yield RowUnreadable(number, str(error))
            self._parsed(packages, b"", final=True)

    def _parsed(self, packages: _Packages, chunk: bytes, *, final: bool = False) -> None:
        try:
            packages.parser.Parse(chunk, final)
        except (expat.ExpatError, _Refused) as error:
            raise FileRefused(f"{self.path} is no PSKC file: {error}") from error

    def _display_of_pskc(self, package: dict[str, str], container: dict[str, str]) -> Display:
        def of(path: str) -> str:
            return package.get(f"KeyPackage/Key/{path}", "").strip()

        clock = CLOCKS.get(of("@Algorithm"))
        algorithm = SUITES.get(of("AlgorithmParameters/Suite"))
        response = "AlgorithmParameters/ResponseFormat"
        if clock is None:
            raise ValueError("the key is neither of HOTP nor of TOTP")
        if algorithm is None:
            raise ValueError("the suite is neither HMAC-SHA1 nor HMAC-SHA256")
        if (of(f"{response}/@Length"), of(f"{response}/@Encoding")) != (
            str(CODE_DIGITS),
            "DECIMAL",
        ):
            raise ValueError(f"the codes are not {CODE_DIGITS} decimal digits")
        period_s = _number("TimeInterval", of("Data/TimeInterval/PlainValue"), PERIOD_S_DEFAULT)
        if clock and period_s == 0:
            raise ValueError("TimeInterval must not be 0")
        serial_number = package.get("KeyPackage/DeviceInfo/SerialNo", "").strip()
        return Display(
            serial_number or of("@Id"),
            self._seed_of_pskc(of, container),
            kind=self._kind,
            algorithm=algorithm,
            period_s=period_s if clock else 0,
            counter=0 if clock else _number("Counter", of("Data/Counter/PlainValue"), 0),
        )

    def _seed_of_pskc(self, of: Any, container: dict[str, str]) -> bytes:
        plain = of("Data/Secret/PlainValue")
        if plain:
            return _base64("the seed", plain)
        encrypted = "Data/Secret/EncryptedValue"
        if of(f"{encrypted}/EncryptionMethod/@Algorithm") != AES128_CBC:
            raise ValueError("the seed is neither plain nor encrypted by AES-128-CBC")
        if self._key is None:
            raise ValueError("the seed is encrypted, and no key was given")
        value = _base64("the seed", of(f"{encrypted}/CipherData/CipherValue"))
        expected = _base64("ValueMAC", of("Data/Secret/ValueMAC"))
        hash_name = MACS.get(container.get("MACMethod/@Algorithm", ""))
        if hash_name is None:
            raise ValueError("the encrypted seed has no authentication code that is known here")
        mac_key = container.get("MACMethod/MACKey/CipherData/CipherValue", "")
        opened = _decrypt(self._key, _base64("MACKey", mac_key))
        if not hmac.compare_digest(hmac.digest(opened, value, hash_name), expected):
            raise ValueError("the authentication code does not fit: a wrong key, or damage")
        return _decrypt(self._key, value)


class _Refused(Exception):
    """What no seed file holds."""


class _Packages:
    """The key packages of a container as they are read, each as texts by path."""

    def __init__(self) -> None:
        self.container: dict[str, str] = {}
        """What stands before the packages and is about all of them."""
        self._path: list[str] = []
        self._package: dict[str, str] = {}
        self._whole: list[dict[str, str]] = []
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._declared
        self.parser.StartElementHandler = self._begun
        self.parser.EndElementHandler = self._ended
        self.parser.CharacterDataHandler = self._said

    def taken(self) -> list[dict[str, str]]:
        """The packages that are whole by now, once."""
        whole, self._whole = self._whole, []
        return whole

    def _declared(self, *_: object) -> None:
        raise _Refused("it declares a document type")

    def _begun(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self._path and name != f"{PSKC} KeyContainer":
            raise _Refused("its root is not the KeyContainer of RFC 6030")
        self._path.append(local)
        if len(self._path) > DEPTH_MAX:
            raise _Refused(f"elements lie more than {DEPTH_MAX} deep")
        for attribute, value in attributes.items():
            self._set(f"@{attribute}", value)

    def _ended(self, _: str) -> None:
        if self._path[1:] == ["KeyPackage"]:
            self._whole.append(self._package)
            self._package = {}
        self._path.pop()

    def _said(self, text: str) -> None:
        if text.strip():
            self._set("", text)

    def _set(self, attribute: str, text: str) -> None:
        inner = self._path[1:]
        within = self._package if inner[:1] == ["KeyPackage"] else self.container
        name = "/".join([*inner, attribute]) if attribute else "/".join(inner)
        within[name] = within.get(name, "") + text
        if len(within[name]) > TEXT_CHARS_MAX or len(within) > ELEMENTS_MAX:
            raise _Refused("an element is longer than any of a seed file")


def _decrypt(key: bytes, value: bytes) -> bytes:
    """AES-128-CBC as in XML Encryption: first block the vector, last byte the padding."""
    if len(value) < 2 * BLOCK_BYTES or len(value) % BLOCK_BYTES:
        raise ValueError("an encrypted value has no whole blocks")
    decryptor = Cipher(algorithms.AES128(key), modes.CBC(value[:BLOCK_BYTES])).decryptor()
    padded = decryptor.update(value[BLOCK_BYTES:]) + decryptor.finalize()
    if not 1 <= padded[-1] <= BLOCK_BYTES:
        raise ValueError("an encrypted value does not open: a wrong key, or damage")
    return padded[: -padded[-1]]


def _base64(what: str, text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"{what} is no base64") from error


def _seed_of_text(text: str) -> bytes:
    """A seed in hexadecimal digits, or in base32 (RFC 4648) as vendors write what is typed."""
    compact = "".join(text.split())
    try:
        return bytes.fromhex(compact)
    except ValueError:
        pass
    try:
        return base64.b32decode(compact.upper() + "=" * (-len(compact) % 8))
    except binascii.Error as error:
        raise ValueError("seed must be hexadecimal or base32") from error


def _number(name: str, text: str, default: int) -> int:
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise ValueError(f"{name} must be a number")
    return int(text)
