"""What the binding takes to hand things to Python: a subject of `make bench-instructions`.

Run under callgrind with `--collect-atstart=no`, a subject, and the library built from `collect.c`.
Callgrind counts the main thread between two toggles; the engine's threads are never counted. Prints
how often the subject was repeated.
"""

from __future__ import annotations

import ctypes
import gc
import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from godkend import _core
from godkend.statements import DeviceKey
from godkend.v1 import statement_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

REPEATED = 64
SETTLE_S, SETTLE_MAX_S = 0.05, 60.0
NOW_US = 1_800_000_000_000_000
POLICY = {"budget": {"login_source": {"interval_us": 1, "burst": 1000}}, "engine": {"hashers": 1}}
EX_TEMPFAIL = 75
"""Outcomes came in two parts; try again."""


def throttle(toggle: Callable[[], None]) -> None:
    check = _core.Throttle(1_000_000, 100, 16).check
    check(b"192.0.2.7", NOW_US)
    check(b"192.0.2.7", NOW_US)
    toggle()
    for _ in range(REPEATED):
        check(b"192.0.2.7", NOW_US)
    toggle()


def signature(toggle: Callable[[], None]) -> None:
    # A key and a message that are always the same: what a verification takes depends on them.
    pem = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB
-----END PRIVATE KEY-----
"""
    key = DeviceKey.from_pem(pem)
    signed = key.sign(b"domain\0", bytes(200))
    arguments = (statement_pb2.KEY_ALGORITHM_ED25519, key.public_key, b"domain\0", bytes(200))
    _core.verify_signature(*arguments, signed)
    toggle()
    for _ in range(4):
        _core.verify_signature(*arguments, signed)
    toggle()


def started(toggle: Callable[[], None]) -> None:
    def read(view: Any) -> object:
        return view.login_id, view.state, view.qr_token, view.qr_secret, view.expires_at_ms

    with tempfile.TemporaryDirectory() as directory:
        engine = _core.Engine(
            store=":memory:", keys=str(Path(directory) / "keys.json"), policy=json.dumps(POLICY)
        )
        digest = hashlib.sha256(bytes(32)).digest()
        gc.disable()
        # The first round warms up: types are made ready, and attributes found, once.
        for collect in (lambda: None, toggle):
            for number in range(REPEATED):
                request_id = number.to_bytes(15, "big") + bytes([collect is toggle])
                engine.start_login(
                    *(number, 0, "front-end", request_id, "tax.example", "Log in to Tax", ""),
                    *(digest, "192.0.2.7", "nonce", 1),
                )
            await_commands(engine, REPEATED * (1 + (collect is toggle)))
            collect()
            drained = engine.drain()
            found = [read(outcome) for _, outcome in drained.completions]
            collect()
            if len(found) != REPEATED:
                sys.exit(EX_TEMPFAIL)
        engine.close()


def await_commands(engine: _core.Engine, count: int) -> None:
    """Until so many commands are done and their outcomes lie ready."""
    ends_s = time.monotonic() + SETTLE_MAX_S
    while engine.stats()["commands"] < count and time.monotonic() < ends_s:
        time.sleep(SETTLE_S)
    time.sleep(SETTLE_S)


SUBJECTS: dict[str, tuple[Callable[[Callable[[], None]], None], int]] = {
    "binding: Throttle.check": (throttle, REPEATED),
    "binding: verify_signature": (signature, 4),
    "binding: LoginStarted to Python": (started, REPEATED),
}


def main() -> None:
    name, library = sys.argv[1:]
    run, repeated = SUBJECTS[name]
    toggle = ctypes.PyDLL(library).toggle
    toggle.restype, toggle.argtypes = None, []
    run(toggle)
    print(repeated)


if __name__ == "__main__":
    main()
