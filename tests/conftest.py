"""How Hypothesis runs, and the engine that most tests ask for.

Profiles: `dev` looks somewhere else each time and prints what reproduces a failure; `ci`
(`--hypothesis-profile=ci`) looks at the same examples each time; `long` looks for minutes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import settings

from godkend import _core
from tests.support.driver import NOW_MS, CoreDriver, open_driver

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

# No deadline: a test that measures time measures the machine.
settings.register_profile("dev", deadline=None, print_blob=True)
settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
settings.register_profile("long", deadline=None, print_blob=True, max_examples=2_000)
settings.load_profile("ci" if "CI" in os.environ else "dev")


class OpensDriver(Protocol):
    """Opens an engine on the test's own store; opened again, it is the same store."""

    def __call__(self, **sections: Any) -> CoreDriver: ...


@pytest.fixture
def clock() -> _core.ManualClock:
    """A clock that moves only when the test says so."""
    return _core.ManualClock(NOW_MS)


@pytest.fixture
def open_engine(tmp_path: Path, clock: _core.ManualClock) -> Iterator[OpensDriver]:
    """Opens engines on one SQLite file and closes them after the test."""
    opened: list[CoreDriver] = []

    def open_one(**sections: Any) -> CoreDriver:
        opened.append(open_driver(tmp_path, clock, **sections))
        return opened[-1]

    yield open_one
    for driver in opened:
        driver.core.close()


@pytest.fixture
def driver(open_engine: OpensDriver) -> CoreDriver:
    """An engine on a new SQLite file, with cheap PINs."""
    return open_engine()
