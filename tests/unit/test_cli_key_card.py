"""A walk with a key card on the command line, from its order to the app."""

from __future__ import annotations

import io
import json
import stat
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader

from godkend import _core
from godkend.phone import unix_time_ms
from tests.service.displays import PASSWORD
from tests.service.world import a_world
from tests.support.policies import NEMID_OPEN
from tests.unit.test_cli import NO, USAGE, Cli
from tests.unit.test_key_card_print import pairs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    """A terminal beside a server where NemID has not ended."""
    clock = _core.ManualClock(unix_time_ms())
    async with a_world(tmp_path, local_clients=True, clock=clock, nemid=NEMID_OPEN) as world:
        yield Cli(world, tmp_path)


async def ordered(cli: Cli) -> str:
    await cli.does("identity", "create", "erik", "--name", "Erik Hansen")
    return await cli.does("key-card", "order", "erik")


async def test_a_walk_from_an_order_to_the_app_and_a_loss(cli: Cli) -> None:
    card = await ordered(cli)
    assert card in await cli.does("key-card", "ordered")
    (waits,) = json.loads(await cli.does("key-card", "ordered", "--json"))
    assert waits["card_id"] == card
    codes = dict(pairs(await cli.does("key-card", "print", card)))
    assert len(codes) == 148
    assert await cli.does("key-card", "ordered") == ""
    shown = json.loads(await cli.does("key-card", "show", "erik", "--json"))
    (it,) = shown["key_cards"]
    code = codes[it["activation_number"]]
    activate = ("key-card", "activate", card, "erik", "--code", code)
    assert await cli.does(*activate, typed=f"{PASSWORD}\n{PASSWORD}\n") == "activated"
    ways = await cli.does("key-card", "ways-in", "--service-provider", "tax")
    assert ways.splitlines() == ["app", "display", "key card"]

    login = ("login", "--service-provider", "tax", "--user-id", "Erik", "--with-key-card")
    result = await cli.run(*login, typed="000000\n")
    assert result.exit_code == NO
    number = result.stderr.partition("Code of key ")[2][:4]
    claims = json.loads(await cli.does(*login, typed=f"{codes[number]}\n{PASSWORD}\n"))
    assert claims["amr"] == ["otp", "pwd", "mfa"]

    move = ("key-card", "move", "erik", "--service-provider", "profile")
    number = (await cli.run(*move, typed="000000\n")).stderr.partition("Code of key ")[2][:4]
    moved = await cli.does(*move, "--code", codes[number], "--password", PASSWORD)
    phone = ("phone", "activate", "--user-id", "erik", "--code", moved, "--pin", "271946")
    assert await cli.does(*phone, "--key-file", cli.key_file)

    assert await cli.does("key-card", "lost", card, "erik") == "lost"
    assert "lost" in await cli.does("key-card", "show", "erik")


async def test_a_card_is_printed_once_into_a_file_that_is_new_and_its_owners_alone(
    cli: Cli,
) -> None:
    card, pdf = await ordered(cli), cli.directory / "card.pdf"
    printing = ("key-card", "print", card, "--format", "pdf")
    await cli.fails(USAGE, *printing)
    there = cli.directory / "there.pdf"
    there.write_text("mine")
    await cli.fails(NO, *printing, "--output", str(there))
    assert there.read_text() == "mine"
    # Neither of them has cost the one time that the content is given.
    await cli.does(*printing, "--output", str(pdf))
    assert stat.S_IMODE(pdf.stat().st_mode) == 0o600
    (page,) = PdfReader(io.BytesIO(pdf.read_bytes())).pages
    text = page.extract_text()
    assert len(pairs(text)) == 148
    assert "erik" not in text.lower()
    again = cli.directory / "again.pdf"
    said = await cli.fails(NO, *printing, "--output", str(again))
    assert "KEY_CARD_PRINTED" in said
    assert not again.exists()


async def test_a_login_by_card_needs_a_user_id_and_no_display(cli: Cli) -> None:
    login = ("login", "--service-provider", "tax", "--with-key-card")
    await cli.fails(USAGE, *login)
    await cli.fails(USAGE, *login, "--user-id", "erik", "--with-display")
