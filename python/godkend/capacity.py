"""What a machine carries and what a country needs: arithmetic on what was measured.

Everything here is derived; `godkend.cli.measure` is where something is measured. CPU is what logins
cost, so that capacity is counted in cores: a core gives one second of CPU a second. Memory for
hashing follows from the hash's parameters and the number of hash workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SECONDS_PER_MONTH = 30.4375 * 24 * 3600
"""A twelfth of a year of 365.25 days."""
HASHERS_PER_CORE = 2
"""Hash workers where the configuration names no number (`engine.hashers`)."""

Kind = Literal["PIN", "biometrics", "display", "password", "signing"]
Limit = Literal["CPU", "disk"]

COMMANDS_PER_LOGIN: Final[Mapping[Kind, int]] = {
    "PIN": 5,
    "biometrics": 4,
    "display": 5,
    "password": 4,
    "signing": 5,
}
"""Every way of logging in, and its durable commands: start; open, or a code; approve or give a
password (charged and settled where there is a hash); redeem. Signing is with a PIN."""
WITHOUT_HASH: Final[Kind] = "biometrics"


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
    login_cpu_s: Mapping[Kind, float]
    """Server CPU of a whole login over gRPC, its hash included."""
    commands_per_s: float
    """Durable, with 64 waiting, on the disk that was named."""
    bytes_per_identity: float

    def round_the_hash_s(self, kind: Kind) -> float:
        """Server CPU of a login without its hash; noise may have measured the hash dearer."""
        hash_s = 0.0 if kind == WITHOUT_HASH else self.hash_now.cpu_s
        return max(0.0, self.login_cpu_s[kind] - hash_s)


@dataclass(frozen=True, slots=True)
class Country:
    """Who logs in, and how often."""

    identities: int
    logins_per_month: int
    peak_factor: float
    """The busiest hour, against the average of the month."""
    shares: Mapping[Kind, float]
    """How many of the logins are of each kind, 0 to 1; of all kinds together 1."""

    @property
    def average_per_s(self) -> float:
        """Logins a second, averaged over the month."""
        return self.logins_per_month / SECONDS_PER_MONTH

    @property
    def peak_per_s(self) -> float:
        """Logins a second in the busiest hour."""
        return self.average_per_s * self.peak_factor


def shares(pin: float, display: float, password: float, signing: float) -> dict[Kind, float]:
    """The share of each kind: `display`, `password` and `signing` of everything, `pin` of the rest.

    Raises `ValueError` where the three are more than everything.
    """
    app = 1 - display - password - signing
    if app < -1e-9:
        raise ValueError("shares of display, password and signing add up to more than 1")
    app = max(0.0, app)
    return {
        "PIN": app * pin,
        "biometrics": app * (1 - pin),
        "display": display,
        "password": password,
        "signing": signing,
    }


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
    by_cpu = machine.cores * load_max / machine.login_cpu_s[kind]
    by_disk = machine.commands_per_s * load_max / COMMANDS_PER_LOGIN[kind]
    return Carried(by_cpu, "CPU") if by_cpu <= by_disk else Carried(by_disk, "disk")


def cores_needed(machine: Machine, country: Country, load_max: float) -> int:
    """Cores that carry the country's busiest hour at `load_max` of their CPU; at least 1."""
    cpu_s = _average(country, machine.login_cpu_s)
    return _cores(country.peak_per_s * cpu_s, load_max)


def disk_load(machine: Machine, country: Country) -> float:
    """The share of the disk's durable commands that the busiest hour takes; above 1 is too much."""
    commands = _average(country, COMMANDS_PER_LOGIN)
    return country.peak_per_s * commands / machine.commands_per_s


def raised(
    machine: Machine, country: Country, costs: Iterable[HashCost], load_max: float
) -> list[Raised]:
    """What each choice of hash parameters takes, everything round the hash staying as it is."""
    return [_raised(machine, country, cost, load_max) for cost in costs]


def _raised(machine: Machine, country: Country, cost: HashCost, load_max: float) -> Raised:
    cpu_s = {
        kind: machine.round_the_hash_s(kind) + (0.0 if kind == WITHOUT_HASH else cost.cpu_s)
        for kind in country.shares
    }
    cores = _cores(country.peak_per_s * _average(country, cpu_s), load_max)
    memory_mib = math.ceil(cores * HASHERS_PER_CORE * cost.memory_kib / 1024)
    return Raised(cost, cores, memory_mib)


def _average(country: Country, by_kind: Mapping[Kind, float]) -> float:
    return sum(share * by_kind[kind] for kind, share in country.shares.items())


def _cores(cpu_s_per_s: float, load_max: float) -> int:
    # A share of a millionth over is rounding, not a core.
    return max(1, math.ceil(cpu_s_per_s / load_max - 1e-6))
