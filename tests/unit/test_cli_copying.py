"""`godkend phone copy`, on both phones."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from godkend import _core
from godkend.phone import unix_time_ms
from tests.service.world import a_world
from tests.support.copying import read_sms, wrong
from tests.support.phones import PIN, PIN_OTHER
from tests.unit.test_cli import NO, Cli, activated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

WAIT_MS = 60_000
"""Shorter than the phone's clock may be off: it is this machine's, and does not move."""


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    """A terminal beside a server where little has to be waited for."""
    sections = {"copying": {"wait_ms": WAIT_MS}, "temporary_pin": {"phone_number_age_ms_min": 0}}
    clock = _core.ManualClock(unix_time_ms())
    async with a_world(tmp_path, local_clients=True, clock=clock, **sections) as world:
        yield Cli(world, tmp_path)


async def test_a_walk_from_the_old_phone_to_the_new_one(cli: Cli) -> None:
    await activated(cli)
    await cli.does("identity", "contact", "erik", "--phone-number", "+4512345678")
    old = ("--key-file", cli.key_file)
    new_file = cli.directory / "new.json"
    new = ("--key-file", str(new_file))

    started = await cli.does("phone", "copy", "start", "--json", "--pin-stdin", *old, typed=PIN)
    assert json.loads(started)["state"] == "requested"
    early = await cli.fails(NO, "phone", "copy", "confirm", "--pin-stdin", *old, typed=PIN)
    assert "(COPY_NOT_READY)" in early
    cli.world.clock.advance(WAIT_MS)
    code = await cli.does("phone", "copy", "confirm", "--pin-stdin", *old, typed=PIN)

    scan = ("phone", "copy", "scan", code, "--user-id")
    assert "(COPY_CODE_WRONG)" in await cli.fails(NO, *scan, "nobody", *new)
    await cli.does(*scan, "erik", "--device-name", "new", "--algorithm", "ed25519", *new)
    waiting = cli.directory / "new.json.copying"
    assert stat.S_IMODE(waiting.stat().st_mode) == 0o600
    shown = json.loads(await cli.does("phone", "copy", "show", "--json", *old))
    assert (shown["state"], shown["device_name"]) == ("scanned", "new")
    assert "state" in await cli.does("phone", "copy", "show", *new)

    sms = await read_sms(cli.world)
    finish = ("phone", "copy", "finish", "--biometrics", "--pin-stdin", *new)
    typed = f"{wrong(sms)}\n{PIN_OTHER}\n"
    assert "(TEMPORARY_PIN_WRONG)" in await cli.fails(NO, *finish, typed=typed)
    authenticator_id = await cli.does(*finish, typed=f"{sms}\n{PIN_OTHER}\n")
    assert not waiting.exists()
    assert json.loads(await cli.does("phone", "show", "--json", *new))["authenticator_id"] == (
        authenticator_id
    )
    login = await cli.world.start(service_provider="tax")
    approve = ("phone", "approve", login.link, "--pin-stdin", *new)
    assert await cli.does(*approve, typed=PIN_OTHER) == "approved"
    assert "(COPY_DONE)" in await cli.fails(NO, "phone", "copy", "stop", *old)


@pytest.mark.parametrize("side", ["old", "new"])
async def test_either_phone_stops_it(cli: Cli, side: str) -> None:
    await activated(cli)
    await cli.does("identity", "contact", "erik", "--phone-number", "+4512345678")
    files = {"old": cli.key_file, "new": str(cli.directory / "new.json")}
    old = ("--key-file", files["old"])
    await cli.does("phone", "copy", "start", "--pin-stdin", *old, typed=PIN)
    cli.world.clock.advance(WAIT_MS)
    code = await cli.does("phone", "copy", "confirm", "--pin-stdin", *old, typed=PIN)
    await cli.does(
        *("phone", "copy", "scan", code, "--user-id", "erik", "--key-file", files["new"])
    )
    stop = ("phone", "copy", "stop", "--key-file", files[side])
    assert await cli.does(*stop) == "stopped"
    assert "stopped" in await cli.does("phone", "copy", "show", *old)


async def test_what_is_not_there_is_said_in_one_line(cli: Cli) -> None:
    nothing = ("--key-file", str(cli.directory / "nothing.json"))
    for words in (("finish", "--pin-stdin"), ("show",), ("stop",), ("confirm", "--pin", PIN)):
        assert "does not exist" in await cli.fails(NO, "phone", "copy", *words, *nothing)
    broken = cli.directory / "nothing.json.copying"
    broken.write_text("{}")
    assert "is not what a scan left" in await cli.fails(NO, "phone", "copy", "show", *nothing)
    await activated(cli)
    taken = ("--key-file", cli.key_file)
    line = await cli.fails(NO, "phone", "copy", "scan", "x", "--user-id", "erik", *taken)
    assert "is the key of a phone already" in line
