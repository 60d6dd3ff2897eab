"""`godkend seed`: a synthetic population, to test with as many as a country has."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from godkend.cli.options import json_option
from godkend.cli.output import Failed, Misused, print_fields, say, unwrapped
from godkend.cli.store import store_config, store_options

if TYPE_CHECKING:
    from godkend import _core
    from godkend.population import Population

POPULATION_FILE = "population.json"


@click.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend seed --identities 45000 --data-dir trial",
        "  godkend seed --identities 4500000 --data-dir country",
        "  godkend serve --data-dir country",
    ),
)
@click.option(
    "--identities",
    type=click.IntRange(1, 99_999_999),
    required=True,
    help="How many subscribers; each has one phone.",
)
@click.option(
    "--population",
    "population_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file from which a load generator plays them.  [default: population.json in the"
    " data directory]",
)
@store_options
@json_option
def seed(
    identities: int,
    population_path: Path | None,
    data_dir: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Fill a store of its own with synthetic subscribers, for load tests.

    No PIN is hashed but a few, which all share: minutes, where hashing would take hours. The store
    is marked as synthetic for good: real identities are refused in it, and it is refused where
    real ones are. Cut off at any moment, the same command goes on where it was. Whoever holds the
    population file can log in as everybody in it.
    """
    config = store_config(config_path, data_dir)
    # Only here: whoever asks for --help needs none of it.
    from godkend import _core
    from godkend.errors import Invalid

    path = population_path or config.data_dir / POPULATION_FILE
    population, is_new = _population(path, identities)
    began_s = time.monotonic()
    try:
        seeding = _core.Seeding(
            store=config.store,
            keys=config.keys,
            policy=config.policy_json(),
            secret=population.secret,
            identities=population.identities,
            pins=list(population.pins),
        )
    except Invalid as error:
        if is_new:
            path.unlink()
        raise Failed(f"the store {config.store} {error.bound}") from error
    found = seeding.written
    _write(seeding)
    del seeding  # Closed, so that the write-ahead log is part of the file.
    print_fields(
        {
            "store": config.store,
            "population": str(path),
            "identities": identities,
            "written now": identities - found,
            "seconds": round(time.monotonic() - began_s, 1),
            "bytes per identity": round(os.path.getsize(config.store) / identities),
        },
        as_json=as_json,
    )
    if not as_json:
        say("This store is synthetic for good: whoever has the population file is everybody in it.")


def _population(path: Path, identities: int) -> tuple[Population, bool]:
    """That of a seeding that was cut off, or a new one; and whether it is new."""
    from godkend.population import Population

    try:
        population = Population.load(path)
    except FileNotFoundError:
        population = Population.generate(identities)
        population.save(path)
        return population, True
    except ValueError as error:
        raise Misused(str(error)) from error
    if population.identities != identities:
        raise Misused(f"{path} is of {population.identities} identities, not of {identities}")
    return population, False


def _write(seeding: _core.Seeding) -> None:
    bar = click.progressbar(
        length=seeding.identities, label="Seeding", file=sys.stderr, show_pos=True
    )
    with bar:
        bar.update(seeding.written)
        written = seeding.written
        try:
            while written < seeding.identities:
                now = seeding.step()
                bar.update(now - written)
                written = now
        except KeyboardInterrupt:
            raise Failed(
                f"cut off after {written} of {seeding.identities}; the same command goes on there"
            ) from None
