"""What comes to a login page: people who log in, people who do not finish, and attackers.

Names and shares, for every load generator: the open loop's walks are in `behaviours.py`, locust's
in `locustfile.py`.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from typing import Final

PIN, BIOMETRICS, WRONG_PIN = "PIN", "biometrics", "wrong PIN first"
ABANDONED, REJECTED, SPRAY = "abandoned", "rejected", "spraying attacker"
COMPLETES: Final = frozenset({PIN, BIOMETRICS, WRONG_PIN})
"""Those that end in an assertion."""

MIXES: Final[dict[str, dict[str, float]]] = {
    "people": {PIN: 60, BIOMETRICS: 25, WRONG_PIN: 4, ABANDONED: 6, REJECTED: 2, SPRAY: 3},
    "attack": {PIN: 30, BIOMETRICS: 12, WRONG_PIN: 2, ABANDONED: 3, REJECTED: 1, SPRAY: 52},
    "pin": {PIN: 1},
    "biometrics": {BIOMETRICS: 1},
}
"""Shares of behaviours, in any unit."""
CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"


def chooser(mix: Mapping[str, float], rng: random.Random) -> Callable[[], str]:
    """Draws behaviours by their shares."""
    names, shares = list(mix), list(mix.values())
    return lambda: rng.choices(names, shares)[0]


def wrong_pin(pin: str) -> str:
    """Another PIN."""
    return f"{(int(pin) + 1) % 10**6:06}"


def guessed_code() -> str:
    """An activation code that an attacker makes up; one in 10^12 would be somebody's."""
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(8))
