"""A server on a store with a synthetic population, on cores of its own, and who plays its people.

The machine's cores are shared out: half and more to the server, the rest to the generator, so that
neither takes the other's time. With one core they share it, and the report says so.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
import tomllib
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from bench.country import Country
from bench.server_process import ServerProcess
from godkend.clients import load_local_token
from godkend.population import DISPLAYS_PERCENT_DEFAULT, Population

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

GODKEND = (sys.executable, "-m", "godkend")
CONNECTIONS_PER_WORKER = 4
BUDGETS_WIDENED = ("login_front_end", "login_overall", "door_front_end", "door_overall")
"""Everybody is behind one front-end here."""


def shared_out() -> tuple[set[int], set[int]]:
    """The server's cores and the generator's: the same where there is but one."""
    cores = sorted(os.sched_getaffinity(0))
    most = (len(cores) + 1) // 2
    return set(cores[:most]), set(cores[most:]) or set(cores)


@dataclass
class Trial:
    """Where the store is, and what is in force."""

    directory: Path
    population: Population
    workers: int = 1
    settings: str = ""
    """More of the configuration, TOML."""

    @property
    def config_path(self) -> Path:
        return self.directory / "trial.toml"

    def configure(self) -> dict[str, Any]:
        """Writes the server's configuration; all that is then in force."""
        quotas = "".join(
            f"[policy.budget.{name}]\ninterval_us = 1\nburst = 1000000\n"
            for name in BUDGETS_WIDENED
        )
        self.config_path.write_text(
            f'data_dir = "{self.directory}"\n'
            f'[server]\nlisten = "127.0.0.1:0"\nworkers = {self.workers}\n'
            f'[metrics]\nlisten = "127.0.0.1:0"\n{quotas}{self.settings}',
            "utf-8",
        )
        command = [*GODKEND, "config", "show", "--config", str(self.config_path)]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return tomllib.loads(shown)

    @contextmanager
    def server(self, cores: set[int] | None = None) -> Iterator[ServerProcess]:
        """The server, until the block ends. Raises SystemExit if it does not end well."""
        log = self.directory / "server.log"
        serve = [*GODKEND, "serve", "--config", str(self.config_path)]
        with ServerProcess(serve, log, cores) as server:
            yield server
            began_s = time.monotonic()
            if (code := server.stop()) != 0:
                how = f"exit code {code} after {time.monotonic() - began_s:.0f} s"
                raise SystemExit(f"the server did not end well, {how}: {log.read_text('utf-8')}")

    @asynccontextmanager
    async def country(self, server: ServerProcess, rng: random.Random) -> AsyncIterator[Country]:
        """The population at its phones."""
        token = load_local_token(self.directory, "front-end")
        addresses = [server.address] * (CONNECTIONS_PER_WORKER * self.workers)
        memory = self.directory / "population.displays"
        country = Country(self.population, addresses, token, rng, memory)
        try:
            yield country
        finally:
            await country.close()


def seeded(
    directory: Path, identities: int, displays_percent: int = DISPLAYS_PERCENT_DEFAULT
) -> Population:
    """A synthetic population in a new store, with a bar on stderr."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    population = Population.generate(identities, displays_percent)
    population.save(directory / "population.json")
    seeding = population.seeding(
        store=str(directory / "godkend.db"), keys=str(directory / "keys.json"), policy="{}"
    )
    with click.progressbar(length=identities, label="Seeding", file=sys.stderr) as bar:
        written = 0
        while written < identities:
            now = seeding.step()
            bar.update(now - written)
            written = now
    return population


def run_async(main: Any) -> Any:
    """Runs a coroutine on uvloop."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)


def dump(path: Path, result: dict[str, Any]) -> None:
    """Stores a result."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
