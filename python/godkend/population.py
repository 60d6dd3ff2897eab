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
from godkend.display import PERIOD_S_DEFAULT, SHA1, SHA256, Display
from godkend.phone import Phone
from godkend.statements import DeviceKey

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    import grpc

FORMAT: Final = "godkend synthetic population 2"
PINS_DEFAULT: Final = 16
"""PINs that a population shares by default, and as many passwords: each is hashed once."""
DISPLAYS_PERCENT_DEFAULT: Final = 10
IDENTITIES_MAX: Final = 99_999_999
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""NIST SP 800-186, section 3.2.1.3."""


@dataclass(frozen=True, slots=True, repr=False)
class Population:
    """Subscribers `0` to `identities - 1`, each with one phone that also takes biometrics.

    `displays_percent` of a hundred also have a code display and a password; these are numbered from
    0 and spread evenly. Three of four displays follow a clock, the fourth counts its codes.
    """

    secret: bytes
    identities: int
    pins: tuple[str, ...]
    displays_percent: int = 0
    passwords: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Population({self.identities} identities)"

    @classmethod
    def generate(cls, identities: int, displays_percent: int = DISPLAYS_PERCENT_DEFAULT) -> Self:
        """A new one.

        Raises ValueError unless `identities` is 1 to 99,999,999 and `displays_percent` 0 to 100.
        """
        if not 0 <= displays_percent <= 100:
            raise ValueError(f"displays_percent must be 0 to 100, not {displays_percent}")
        if not 1 <= identities <= IDENTITIES_MAX:
            raise ValueError(f"identities must be 1 to {IDENTITIES_MAX}, not {identities}")
        pins: list[str] = []
        while len(pins) < PINS_DEFAULT:
            pin = f"{secrets.randbelow(10**6):06}"
            if pin not in pins and _core.pin_weakness(pin) is None:
                pins.append(pin)
        count = PINS_DEFAULT if displays_percent else 0
        passwords = tuple(secrets.token_hex(8) for _ in range(count))
        secret = secrets.token_bytes(32)
        return cls(secret, identities, tuple(pins), displays_percent, passwords)

    def save(self, path: Path) -> None:
        """Writes a new file, readable by its owner only. Raises FileExistsError."""
        fields = {
            "format": FORMAT,
            "identities": self.identities,
            "secret": self.secret.hex(),
            "pins": self.pins,
            "displays_percent": self.displays_percent,
            "passwords": self.passwords,
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
            passwords = tuple(str(password) for password in fields["passwords"])
            secret, identities = bytes.fromhex(fields["secret"]), int(fields["identities"])
            return cls(secret, identities, pins, int(fields["displays_percent"]), passwords)
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

    @property
    def displays(self) -> int:
        """How many have a display."""
        return self._displays_before(self.identities)

    def holder(self, number: int) -> int:
        """Which subscriber has the display with this number. Raises IndexError."""
        if not 0 <= number < self.displays:
            raise IndexError(f"display {number} of {self.displays}")
        return -(-100 * (number + 1) // self.displays_percent) - 1

    def display_number(self, index: int) -> int | None:
        """The number of the display of subscriber `index`, if they have one."""
        self._check(index)
        number = self._displays_before(index)
        return number if self._displays_before(index + 1) > number else None

    def display(self, index: int) -> Display:
        """The display of subscriber `index`. Raises IndexError if they have none."""
        number = self._number(index)
        return Display(
            f"SYNTHETIC{index:08}",
            self._derived(b"godkend synthetic display seed v1", index),
            algorithm=SHA256 if number % 2 else SHA1,
            period_s=0 if number % 4 == 3 else PERIOD_S_DEFAULT,
        )

    def password(self, index: int) -> str:
        """The password beside that display."""
        return self.passwords[self._number(index) % len(self.passwords)]

    def seeding(self, *, store: str, keys: str, policy: str) -> _core.Seeding:
        """Begins to write it into a store, or goes on."""
        return _core.Seeding(
            store=store,
            keys=keys,
            policy=policy,
            secret=self.secret,
            identities=self.identities,
            pins=list(self.pins),
            displays_percent=self.displays_percent,
            passwords=list(self.passwords),
        )

    def _displays_before(self, index: int) -> int:
        return index * self.displays_percent // 100

    def _number(self, index: int) -> int:
        number = self.display_number(index)
        if number is None:
            raise IndexError(f"subscriber {index} has no display")
        return number

    def _derived(self, label: bytes, index: int, count: bytes = b"") -> bytes:
        message = label + b"\0" + index.to_bytes(8, "big") + count
        return hmac.digest(self.secret, message, "sha256")

    def _check(self, index: int) -> None:
        if not 0 <= index < self.identities:
            raise IndexError(f"subscriber {index} of {self.identities}")
