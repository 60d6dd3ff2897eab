"""`godkend desk`: an appointment, typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.service.world import DAY_MS, a_world
from tests.unit.test_cli import NO, USAGE, Cli

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

APPOINTMENT = (
    *("--officer", "kk0417", "--document", "passport", "--country", "DNK"),
    *("--expires-on", "2031-05-04", "--birth-date", "1974-02-28"),
)


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    """A terminal beside a server."""
    async with a_world(tmp_path, local_clients=True) as world:
        yield Cli(world, tmp_path)


async def test_an_appointment_from_registering_to_the_code(cli: Cli) -> None:
    await cli.does("identity", "create", "erik", "--name", "Erik", "--unproved")
    assert "IDENTITY_NOT_PROVED" in await cli.fails(NO, "identity", "activation-code", "erik")
    questions = ("desk", "identify", "erik", *APPOINTMENT, "--register-questions")
    assert (await cli.does(*questions, typed="212345678\n")).endswith("identified")
    assert len((await cli.does("identity", "activation-code", "erik")).splitlines()[-1]) == 8
    (shown,) = json.loads(await cli.does("desk", "evidence", "erik", "--json"))["evidence"]
    assert (shown["document"], shown["level"]) == ("passport", "substantial")
    assert (shown["officer_id"], shown["witness_id"]) == ("kk0417", None)
    assert "kk0417" in await cli.does("desk", "evidence", "erik")


async def test_a_witness_speaks_and_a_parent_consents(cli: Cli) -> None:
    anna = ("anna", "--name", "Anna", "--birth-date", "1974-02-28")
    await cli.does("identity", "create", *anna)
    freja = ("freja", "--name", "Freja", "--birth-date", "2013-02-28", "--unproved")
    await cli.does("identity", "create", *freja)
    born = ("--birth-date", "2013-02-28", "--number", "1")
    spoken = ("desk", "identify", "freja", *APPOINTMENT, *born, "--witness", "anna")
    assert "WITNESS_TOO_NEW" in await cli.fails(NO, *spoken)
    cli.world.clock.advance(10 * DAY_MS)
    assert await cli.does("desk", "witness", "anna") == "3"
    await cli.does(*spoken)
    assert await cli.does("desk", "witness", "anna") == "2"
    assert "CONSENT_REQUIRED" in await cli.fails(NO, "identity", "activation-code", "freja")
    consents = ("desk", "consent", "freja", "--parent", "anna", "--officer", "kk0417")
    assert await cli.does(*consents) == "consented"
    recorded = json.loads(await cli.does("desk", "evidence", "freja", "--json"))
    assert [len(recorded[what]) for what in ("evidence", "consents")] == [1, 1]
    await cli.does("identity", "activation-code", "freja")


async def test_questions_or_a_witness_and_not_both(cli: Cli) -> None:
    for how in ((), ("--register-questions", "--witness", "anna")):
        await cli.fails(USAGE, "desk", "identify", "erik", *APPOINTMENT, "--number", "1", *how)
