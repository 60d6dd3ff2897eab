"""`godkend recovery`: support on the telephone, typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.service.world import DAY_MS, a_world
from tests.unit.test_cli import NO, USAGE, Cli
from tests.unit.test_cli_desk import APPOINTMENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CASE = ("--evidence", "case 4711")
PASSWORD = "violet harbour 19"


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    """A terminal beside a server."""
    async with a_world(tmp_path, local_clients=True) as world:
        yield Cli(world, tmp_path)


async def test_support_gives_back_what_was_forgotten_and_says_where_its_evidence_is(
    cli: Cli,
) -> None:
    await cli.does("identity", "create", "erik", "--name", "Erik", "--unproved")
    seen = ("desk", "identify", "erik", *APPOINTMENT, "--register-questions")
    await cli.does(*seen, "--number", "212345678")
    await cli.does("identity", "contact", "erik", "--phone-number", "+4512345678")

    await cli.fails(USAGE, "recovery", "password", "erik", "--password", PASSWORD)
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    assert await cli.does("recovery", "password", "erik", *CASE, typed=typed) == "set"
    event = (await cli.world.events())[-1]
    assert json.loads(event.detail) == {"evidence_reference": "case 4711", "means": "support"}

    pin = ("recovery", "temporary-pin", "erik", *CASE)
    await cli.fails(NO, *pin)  # The phone number is too new.
    cli.world.clock.advance(5 * DAY_MS)
    assert (await cli.does(*pin)).endswith("sent")

    by_document = ("--document", "passport", "--country", "DNK", "--birth-date", "1974-02-28")
    find = ("recovery", "user-id", *by_document, "--number", "212345678", *CASE)
    assert await cli.does(*find) == "erik"


async def test_every_way_back_is_shown(cli: Cli) -> None:
    routes = json.loads(await cli.does("recovery", "routes", "--json"))
    ways = {(route["lost"], route["means"]) for route in routes}
    assert {("password", "support"), ("pin", "support"), ("user_id", "support")} <= ways
    assert "DisplayService/SetPassword" in await cli.does("recovery", "routes")
