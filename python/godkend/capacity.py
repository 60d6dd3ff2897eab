"""What a machine carries and what a country needs: arithmetic on what was measured.

Everything here is derived; `godkend.cli.measure` is where something is measured. CPU is what logins
cost, so that capacity is counted in cores: a core gives one second of CPU a second. Memory for
hashing follows from the hash's parameters and the number of hash workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

SECONDS_PER_MONTH = 30.4375 * 24 * 3600
"""A twelfth of a year of 365.25 days."""
COMMANDS_PER_LOGIN = {"PIN": 5, "biometrics": 4}
"""Start, open, approve (charged and settled where there is a PIN), redeem."""
HASHERS_PER_CORE = 2
"""Hash workers where the configuration names no number (`engine.hashers`)."""

Kind = Literal["PIN", "biometrics"]
Limit = Literal["CPU", "disk"]


@dataclass(frozen=True, slots=True)
class HashCost:
    """One Argon2id with one lane: its parameters, and the CPU it was measured to take."""

    memory_kib: int
    iterations: int
    cpu_s: float

    @property
    def per_core_s(self) -> float:
        """Hashes a second that one core makes."""
        return 1 / self.cpu_s


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured."""

    cores: int
    hash_now: HashCost
    """With the parameters that new PINs get."""
    hashes_all_cores_per_s: float
    """By the clock, a thread on every core: fewer if memory is the bottleneck, or a neighbour."""
    pin_login_cpu_s: float
    """Server CPU of a whole login over gRPC, its hash included."""
    biometric_login_cpu_s: float
    commands_per_s: float
    """Durable, with 64 waiting, on the disk that was named."""
    bytes_per_identity: float

    def login_cpu_s(self, kind: Kind) -> float:
        """Server CPU of a login of a kind."""
        return self.pin_login_cpu_s if kind == "PIN" else self.biometric_login_cpu_s

    def round_the_hash_s(self) -> float:
        """Server CPU of a PIN login without its hash; noise may have measured the hash dearer."""
        return max(0.0, self.pin_login_cpu_s - self.hash_now.cpu_s)


@dataclass(frozen=True, slots=True)
class Country:
    """Who logs in, and how often."""

    identities: int
    logins_per_month: int
    peak_factor: float
    """The busiest hour, against the average of the month."""
    pin_share: float
    """How many of the logins are approved with a PIN; the others with biometrics. 0 to 1."""

    @property
    def average_per_s(self) -> float:
        """Logins a second, averaged over the month."""
        return self.logins_per_month / SECONDS_PER_MONTH

    @property
    def peak_per_s(self) -> float:
        """Logins a second in the busiest hour."""
        return self.average_per_s * self.peak_factor


@dataclass(frozen=True, slots=True)
class Carried:
    """Logins a second of one kind, and what there is too little of for more."""

    per_s: float
    limit: Limit


@dataclass(frozen=True, slots=True)
class Raised:
    """A choice of hash parameters, and what it takes."""

    cost: HashCost
    cores: int
    """For the country."""
    memory_mib: int
    """Of the arenas of the hash workers on so many cores."""


def carried(machine: Machine, kind: Kind, load_max: float) -> Carried:
    """What the machine carries when its CPU and its disk are loaded to `load_max` (0 to 1)."""
    by_cpu = machine.cores * load_max / machine.login_cpu_s(kind)
    by_disk = machine.commands_per_s * load_max / COMMANDS_PER_LOGIN[kind]
    return Carried(by_cpu, "CPU") if by_cpu <= by_disk else Carried(by_disk, "disk")


def cores_needed(machine: Machine, country: Country, load_max: float) -> int:
    """Cores that carry the country's busiest hour at `load_max` of their CPU; at least 1."""
    pin = country.pin_share * machine.pin_login_cpu_s
    biometric = (1 - country.pin_share) * machine.biometric_login_cpu_s
    return _cores(country.peak_per_s * (pin + biometric), load_max)


def disk_load(machine: Machine, country: Country) -> float:
    """The share of the disk's durable commands that the busiest hour takes; above 1 is too much."""
    pin = country.pin_share * COMMANDS_PER_LOGIN["PIN"]
    biometric = (1 - country.pin_share) * COMMANDS_PER_LOGIN["biometrics"]
    return country.peak_per_s * (pin + biometric) / machine.commands_per_s


def raised(
    machine: Machine, country: Country, costs: Iterable[HashCost], load_max: float
) -> list[Raised]:
    """What each choice of hash parameters takes, everything round the hash staying as it is."""
    return [_raised(machine, country, cost, load_max) for cost in costs]


def _raised(machine: Machine, country: Country, cost: HashCost, load_max: float) -> Raised:
    pin = country.pin_share * (machine.round_the_hash_s() + cost.cpu_s)
    biometric = (1 - country.pin_share) * machine.biometric_login_cpu_s
    cores = _cores(country.peak_per_s * (pin + biometric), load_max)
    memory_mib = math.ceil(cores * HASHERS_PER_CORE * cost.memory_kib / 1024)
    return Raised(cost, cores, memory_mib)


def _cores(cpu_s_per_s: float, load_max: float) -> int:
    # A share of a millionth over is rounding, not a core.
    return max(1, math.ceil(cpu_s_per_s / load_max - 1e-6))
