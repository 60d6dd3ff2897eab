"""What godkend must reach: the numbers of the design, in one place, for all tables.

Nothing fails because one is missed. Ratios hold from machine to machine; the three figures that are
times or rates are a hint on a shared machine and are worth believing only on a quiet one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A bound and which side of it is good."""

    bound: float
    at_least: bool
    unit: str = "x"

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}{self.unit}"

    def verdict(self, found: float) -> str:
        met = found >= self.bound if self.at_least else found <= self.bound
        return "met" if met else "short"


HASH_SPEED = Target(1.9, at_least=True)
"""PIN hashes per core, against argon2-cffi's wheel."""
HASH_SPEED_TO_REFERENCE_C = Target(1.0, at_least=True)
"""The same, against the reference C compiled for the machine."""
HASH_SPEED_OF_TWO_THREADS = Target(1.9, at_least=True)
"""Hashes by two threads on two cores, against one."""
PIN_LOGIN_COST = Target(1.12, at_least=False)
"""Server CPU of a login with a PIN, against the one hash in it."""
BIOMETRIC_LOGIN_COST = Target(1.35, at_least=False)
"""Server CPU of a login without a hash, against as many empty grpc.aio calls."""
DURABLE_COMMANDS = Target(25_000, at_least=True, unit="/s")
"""Commands a second through SQLite with 64 waiting."""
COMMAND_P99 = Target(10, at_least=False, unit=" ms")
"""How long 99 of 100 such commands take at most, the log being written back meanwhile."""
SEEN_BY_ANOTHER_WORKER = Target(50, at_least=False, unit=" ms")
"""How soon a login that is watched on one worker shows what happened on another."""
SCALE_THROUGHPUT = Target(0.9, at_least=True)
"""Logins a second among 4.5 million identities, against 45 thousand."""
SCALE_P99 = Target(1.1, at_least=False)
"""Their p99."""
OVERLOAD_COMPLETED = Target(0.9, at_least=True)
"""Logins completed while ten times the peak is offered, against the peak."""
OVERLOAD_P99 = Target(2, at_least=False)
"""The p99 of logins that were admitted meanwhile, against the usual one."""
RECOVERY = Target(2, at_least=False, unit=" s")
"""How long after the flood the last login is refused, or slower than twice the usual p99."""
GROWTH = Target(1, at_least=False, unit=" % an hour")
"""Of the server's memory under steady load."""
START = Target(3, at_least=False, unit=" s")
"""From the start of a server on 4.5 million identities to its first call."""
THROTTLE_DECISION = Target(300, at_least=False, unit=" ns")
CALL_INTO_RUST = Target(2_000, at_least=False, unit=" ns")
