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
        "  godkend seed --identities 45000 --displays-percent 50 --data-dir displays",
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
    "--displays-percent",
    type=click.IntRange(0, 100),
    help="Of a hundred subscribers, how many also have a code display and a password; of four"
    " displays three follow a clock (TOTP) and the fourth counts (HOTP).  [default: 10]",
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
    displays_percent: int | None,
    population_path: Path | None,
    data_dir: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Fill a store of its own with synthetic subscribers, for load tests.

    No PIN or password is hashed but a few, which all share: minutes, where hashing would take
    hours. Who has a display can log in with it, and with the password alone at LOW. The store
    is marked as synthetic for good: real identities are refused in it, and it is refused where
    real ones are. Cut off at any moment, the same command goes on where it was. Whoever holds the
    population file can log in as everybody in it.
    """
    config = store_config(config_path, data_dir)
    # Only here: whoever asks for --help needs none of it.
    from godkend.errors import Invalid

    path = population_path or config.data_dir / POPULATION_FILE
    population, is_new = _population(path, identities, displays_percent)
    began_s = time.monotonic()
    try:
        seeding = population.seeding(
            store=config.store, keys=config.keys, policy=config.policy_json()
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
            "with a display": population.displays,
            "written now": identities - found,
            "seconds": round(time.monotonic() - began_s, 1),
            "bytes per identity": round(os.path.getsize(config.store) / identities),
        },
        as_json=as_json,
    )
    if not as_json:
        say("This store is synthetic for good: whoever has the population file is everybody in it.")


def _population(
    path: Path, identities: int, displays_percent: int | None
) -> tuple[Population, bool]:
    """That of a seeding that was cut off, or a new one; and whether it is new."""
    from godkend.population import DISPLAYS_PERCENT_DEFAULT, Population

    try:
        population = Population.load(path)
    except FileNotFoundError:
        percent = DISPLAYS_PERCENT_DEFAULT if displays_percent is None else displays_percent
        population = Population.generate(identities, percent)
        population.save(path)
        return population, True
    except ValueError as error:
        raise Misused(str(error)) from error
    if population.identities != identities:
        raise Misused(f"{path} is of {population.identities} identities, not of {identities}")
    if displays_percent not in {None, population.displays_percent}:
        has = f"{population.displays_percent} displays of a hundred"
        raise Misused(f"{path} is of {has}, not of {displays_percent}")
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
