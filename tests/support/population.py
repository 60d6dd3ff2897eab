"""Synthetic populations, written where `open_driver` finds them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.policies import CHEAP_PIN

if TYPE_CHECKING:
    from pathlib import Path

    from godkend import _core
    from godkend.population import Population


def seeding(directory: Path, population: Population) -> _core.Seeding:
    return population.seeding(
        store=str(directory / "godkend.db"),
        keys=str(directory / "godkend.key"),
        policy=json.dumps({"pin": CHEAP_PIN}),
    )


def seed_all(directory: Path, population: Population) -> None:
    made = seeding(directory, population)
    while made.step() < made.identities:
        pass
