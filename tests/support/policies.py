"""Policies for tests: everything as in production, but hashes that cost next to nothing."""

from __future__ import annotations

import json
from typing import Any

CHEAP_PIN = {"memory_kib": 64, "iterations": 1, "parallelism": 1}
SLOW_PIN = {"memory_kib": 65_536, "iterations": 12, "parallelism": 1}
"""About half a second to check: long enough to do something else in between."""

UNBOUNDED = {"interval_us": 1, "burst": 10_000_000}
BUDGETS_OFF = dict.fromkeys(
    (
        *("login_source", "login_front_end", "login_overall"),
        *("activation_source", "activation_overall"),
        *("copy_source", "copy_overall"),
        *("temporary_pin_identity", "temporary_pin_overall"),
        *("user_id_client", "user_id_overall"),
        *("door_source", "door_front_end", "door_overall"),
        *("passport_client", "passport_overall"),
    ),
    UNBOUNDED,
)
NEMID_OPEN = dict.fromkeys(
    ("banks_closed_from", "cards_closed_from", "moving_until", "limited_from", "closed_from"),
    "2199-12-31",
)
"""As if NemID had not ended when a test looks; its end has tests of its own."""


def policy(**sections: dict[str, Any]) -> str:
    """A policy with these sections; PINs are cheap, all are admitted, unless they say so."""
    chosen: dict[str, Any] = {"pin": CHEAP_PIN, **sections}
    # A test runs on the service's own loop, and a neighbour may stop both for a moment.
    patient = {"loop_late_ms_max": 60_000, "hash_wait_ms_max": 60_000}
    chosen["admission"] = {**patient, **chosen.get("admission", {})}
    chosen["engine"] = {"hashers": 2, "watch_interval_ms": 5, **chosen.get("engine", {})}
    return json.dumps(chosen)
