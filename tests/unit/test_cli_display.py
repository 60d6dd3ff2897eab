"""A walk with a code display on the command line, from a vendor's file to its loss."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from godkend import _core
from godkend.display_files import DisplayFile
from godkend.phone import unix_time_ms
from tests.service.displays import PASSWORD, PASSWORD_WRONG, STEP_MS
from tests.service.world import a_world
from tests.unit.test_cli import NO, USAGE, Cli

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    """A terminal beside a server with a store that an import can reach."""
    clock = _core.ManualClock(unix_time_ms() - 4 * STEP_MS)  # An assertion is not from the future.
    async with a_world(tmp_path, local_clients=True, clock=clock, store="") as world:
        yield Cli(world, tmp_path)


async def test_a_walk_from_a_seed_file_to_a_login_and_a_loss(cli: Cli) -> None:
    seeds = cli.directory / "displays.csv"
    await cli.does("display", "simulate", str(seeds), "--serial-number", "D1")
    assert stat.S_IMODE(seeds.stat().st_mode) == 0o600
    await cli.fails(NO, "display", "simulate", str(seeds))
    data = ("--data-dir", str(cli.world.config.data_dir))
    assert "50" not in await cli.does("display", "import", str(seeds), *data)
    await cli.does("identity", "create", "erik", "--name", "Erik Hansen")
    await cli.does("display", "assign", "d-1", "erik")
    assert len(await cli.does("display", "code", str(seeds), "D1")) == 6
    (row,) = DisplayFile(seeds)
    code = row.display.code_at(cli.world.now_ms)
    activate = ("display", "activate", "D1", "erik", "--code", code)
    assert await cli.does(*activate, typed=f"{PASSWORD}\n{PASSWORD}\n") == "activated"

    cli.world.clock.advance(STEP_MS)
    login = ("login", "--service-provider", "tax", "--user-id", "Erik", "--with-display")
    code = row.display.code_at(cli.world.now_ms)
    claims = json.loads(await cli.does(*login, typed=f"{code}\n{PASSWORD}\n"))
    assert claims["amr"] == ["otp", "pwd", "mfa"]

    cli.world.clock.advance(STEP_MS)
    code = row.display.code_at(cli.world.now_ms)
    wrong = await cli.fails(NO, *login, "--code", code, "--password", PASSWORD_WRONG)
    assert "Wrong password." in wrong
    shown = json.loads(await cli.does("display", "show", "erik", "--json"))
    assert shown["wrong_passwords"] == 1
    assert await cli.does("display", "password", "erik", "--password", PASSWORD) == "set"
    assert await cli.does("display", "lost", "D1", "erik") == "lost"
    assert "lost" in await cli.does("display", "show", "erik")


async def test_a_login_by_display_needs_a_user_id_and_a_file_its_display(cli: Cli) -> None:
    await cli.fails(USAGE, "login", "--service-provider", "tax", "--with-display")
    seeds = cli.directory / "displays.csv"
    await cli.does("display", "simulate", str(seeds))
    await cli.fails(NO, "display", "code", str(seeds), "D2")
    key = cli.directory / "key"
    key.write_text("zz")
    await cli.fails(USAGE, "display", "import", str(seeds), "--key-file", str(key))
