"""A synthetic population: subscribers who are nobody, for tests of a size that no country lends.

    population = Population.load(Path("godkend-data/population.json"))
    phone = population.phone(channel, 42)
    phone.approve(phone.open_login(code), population.pin(42))

`godkend seed` writes one into a store of its own. Everything about subscriber `index` follows from
one secret, as `rust/godkend-core/src/population.rs` says, so that a load generator plays any of
millions of phones without a file of their keys. Whoever has the file can log in as all of them.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec

from godkend import _core
from godkend.phone import Phone
from godkend.statements import DeviceKey

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    import grpc

FORMAT: Final = "godkend synthetic population 1"
PINS_DEFAULT: Final = 16
"""PINs that a population shares by default: each is hashed once."""
IDENTITIES_MAX: Final = 99_999_999
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""NIST SP 800-186, section 3.2.1.3."""


@dataclass(frozen=True, slots=True, repr=False)
class Population:
    """Subscribers `0` to `identities - 1`, each with one phone that also takes biometrics."""

    secret: bytes
    identities: int
    pins: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Population({self.identities} identities)"

    @classmethod
    def generate(cls, identities: int) -> Self:
        """A new one. Raises ValueError unless `identities` is 1 to 99,999,999."""
        if not 1 <= identities <= IDENTITIES_MAX:
            raise ValueError(f"identities must be 1 to {IDENTITIES_MAX}, not {identities}")
        pins: list[str] = []
        while len(pins) < PINS_DEFAULT:
            pin = f"{secrets.randbelow(10**6):06}"
            if pin not in pins and _core.pin_weakness(pin) is None:
                pins.append(pin)
        return cls(secrets.token_bytes(32), identities, tuple(pins))

    def save(self, path: Path) -> None:
        """Writes a new file, readable by its owner only. Raises FileExistsError."""
        fields = {
            "format": FORMAT,
            "identities": self.identities,
            "secret": self.secret.hex(),
            "pins": self.pins,
        }
        # Under its name only when it is whole: a seeding that is cut off goes on with it.
        draft = path.with_name(path.name + ".new")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(fields, indent=2) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        finally:
            draft.unlink()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads a file. Raises OSError, or ValueError if `save` did not make it."""
        wrong = f"{path} is not the file of a synthetic population"
        try:
            fields = json.loads(path.read_text("utf-8"))
            if fields["format"] != FORMAT:
                raise ValueError(wrong)
            pins = tuple(str(pin) for pin in fields["pins"])
            return cls(bytes.fromhex(fields["secret"]), int(fields["identities"]), pins)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(wrong) from error

    def user_id(self, index: int) -> str:
        """What subscriber `index` types."""
        self._check(index)
        return f"synthetic-{index:08}"

    def pin(self, index: int) -> str:
        """The PIN of that subscriber."""
        self._check(index)
        return self.pins[index % len(self.pins)]

    def authenticator_id(self, index: int) -> bytes:
        """The name in the store of that subscriber's phone, 16 bytes."""
        self._check(index)
        place = (index << 64) // self.identities
        rest = self._derived(b"godkend synthetic authenticator v1", index)
        return place.to_bytes(8, "big") + rest[8:16]

    def device_key(self, index: int) -> DeviceKey:
        """The key of that phone."""
        self._check(index)
        for count in range(256):
            derived = self._derived(b"godkend synthetic device key v1", index, bytes((count,)))
            scalar = int.from_bytes(derived, "big")
            if 0 < scalar < P256_ORDER:
                return DeviceKey(ec.derive_private_key(scalar, ec.SECP256R1()))
        raise AssertionError("256 times out of range")

    def phone(self, channel: grpc.Channel, index: int) -> Phone:
        """The phone of that subscriber."""
        return Phone(channel, self.device_key(index), self.authenticator_id(index))

    def _derived(self, label: bytes, index: int, count: bytes = b"") -> bytes:
        message = label + b"\0" + index.to_bytes(8, "big") + count
        return hmac.digest(self.secret, message, "sha256")

    def _check(self, index: int) -> None:
        if not 0 <= index < self.identities:
            raise IndexError(f"subscriber {index} of {self.identities}")
