"""What comes to a login page: people who log in, people who do not finish, and attackers.

Names, shares and calls, for every load generator: the open loop's walks are in `behaviours.py` and
`attackers.py`, locust's in `locust_walks.py`. Another behaviour is a line in `CALLS`, shares in
`MIXES`, and a walk in each.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable, Mapping
from typing import Final

PIN, BIOMETRICS, WRONG_PIN = "PIN", "biometrics", "wrong PIN first"
DISPLAY, WRONG_CODE, PASSWORD = "display", "wrong code first", "password alone"
SIGNING, ABANDONED, REJECTED = "signing", "abandoned", "rejected"
SPRAY, CODE_SPRAY = "spraying attacker", "spraying codes"

OPEN, APPROVE = "DeviceService/OpenLogin", "DeviceService/ApproveLogin"
REJECT, REDEEM = "DeviceService/RejectLogin", "LoginService/RedeemLogin"
CODE, SECRET = "LoginService/SubmitCode", "LoginService/SubmitPassword"
IN_THE_APP, BY_DISPLAY = (OPEN, APPROVE, REDEEM), (CODE, SECRET, REDEEM)

CALLS: Final[dict[str, tuple[str, ...]]] = {
    PIN: IN_THE_APP,
    BIOMETRICS: IN_THE_APP,
    WRONG_PIN: IN_THE_APP,
    SIGNING: IN_THE_APP,
    DISPLAY: BY_DISPLAY,
    WRONG_CODE: BY_DISPLAY,
    PASSWORD: (SECRET, REDEEM),
    ABANDONED: (),
    REJECTED: (OPEN, REJECT),
    SPRAY: (),
    CODE_SPRAY: (),
}
"""Behaviours, with the calls that went well when one was done; the server counts them too."""
COMPLETES: Final = frozenset(name for name, calls in CALLS.items() if REDEEM in calls)
"""Those that end in an assertion."""
OF_HOLDERS: Final = frozenset({DISPLAY, WRONG_CODE, PASSWORD})
"""Those that only subscribers with a display can do."""

MIXES: Final[dict[str, dict[str, float]]] = {
    "people": {
        **{PIN: 52, BIOMETRICS: 24, WRONG_PIN: 4, SIGNING: 3},
        **{DISPLAY: 4, WRONG_CODE: 0.5, PASSWORD: 1.5},
        **{ABANDONED: 6, REJECTED: 2, SPRAY: 2, CODE_SPRAY: 1},
    },
    "attack": {
        **{PIN: 26, BIOMETRICS: 12, WRONG_PIN: 2, SIGNING: 1},
        **{DISPLAY: 2, WRONG_CODE: 0.2, PASSWORD: 0.8},
        **{ABANDONED: 3, REJECTED: 1, SPRAY: 26, CODE_SPRAY: 26},
    },
    "pin": {PIN: 1},
    "biometrics": {BIOMETRICS: 1},
    "display": {DISPLAY: 1},
    "password": {PASSWORD: 1},
    "signing": {SIGNING: 1},
}
"""Shares of behaviours, in any unit."""
CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
GUESSES: Final = 4
"""Codes that an attacker tries at one user ID: the door locks at the third wrong one."""


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
