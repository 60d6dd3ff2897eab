"""`godkend passport`: a chip, verified offline and used at a server, typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.service.world import DAY_MS, a_world
from tests.support.passports import State, Zone
from tests.unit.test_cli import NO, USAGE, Cli

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

DENMARK = State.found()
VOUCHED = (
    *("--chip-check", "chip-authentication", "--face-matched", "--register-valid"),
    *("--reference", "case 7"),
)


@pytest.fixture
def chip(tmp_path: Path) -> tuple[str, str]:
    """The files of a chip."""
    (tmp_path / "csca.pem").write_text(DENMARK.authority.pem)
    issued = DENMARK.issue(Zone())
    (tmp_path / "EF.SOD").write_bytes(issued.security_object)
    (tmp_path / "EF.DG1").write_bytes(issued.data_group_1)
    return str(tmp_path / "EF.SOD"), str(tmp_path / "EF.DG1")


@pytest.fixture
async def cli(tmp_path: Path, chip: tuple[str, str]) -> AsyncIterator[Cli]:
    """A terminal beside a server."""
    anchors = tmp_path / "csca.pem"
    async with a_world(tmp_path, local_clients=True, trust_anchors=anchors) as world:
        yield Cli(world, tmp_path)


async def test_a_chip_is_verified_offline(cli: Cli, tmp_path: Path, chip: tuple[str, str]) -> None:
    verify = ("passport", "verify", *chip, "--trust-anchors", str(tmp_path / "csca.pem"))
    shown = json.loads(await cli.does(*verify, "--json"))
    assert shown == {
        "issuing_state": "DNK",
        "document_code": "P",
        "expires_on": "2033-01-01",
        "signed_by": "DK",
        "made_from": "2024-01-01",
        "accepted_as": "passport",
    }
    assert "JENSEN" not in await cli.does(*verify)
    assert "PASSPORT_SIGNER_UNKNOWN" in await cli.fails(NO, *verify, "--at", "2023-12-31")
    swapped = ("passport", "verify", *reversed(chip), *verify[-2:])
    assert "must be an EF.SOD" in await cli.fails(USAGE, *swapped)
    (tmp_path / "none").mkdir()
    nobody = ("passport", "verify", *chip, "--trust-anchors", str(tmp_path / "none"))
    assert "holds no certificate" in await cli.fails(USAGE, *nobody)


async def test_a_passport_from_proving_to_a_new_phone(cli: Cli, chip: tuple[str, str]) -> None:
    anna = ("anna", "--name", "Anna Jensen", "--birth-date", "1990-05-17", "--unproved")
    await cli.does("identity", "create", *anna)
    identify = ("passport", "identify", "anna", *chip, *VOUCHED)
    assert "PASSPORT_CHECKS_MISSING" in await cli.fails(NO, *identify[:-3], *VOUCHED[-2:])
    assert await cli.does(*identify) == "identified"
    (shown,) = json.loads(await cli.does("desk", "evidence", "anna", "--json"))["evidence"]
    assert (shown["method"], shown["level"], shown["reference"]) == ("chip", "high", "case 7")
    assert await cli.does("passport", "user-id", *chip, *VOUCHED) == "anna"
    pin = ("passport", "temporary-pin", *chip, *VOUCHED)
    assert "PHONE_NUMBER_MISSING" in await cli.fails(NO, *pin)
    await cli.does("identity", "contact", "anna", "--phone-number", "+4512345678")
    cli.world.clock.advance(5 * DAY_MS)
    assert (await cli.does(*pin)).endswith("sent")
    code = await cli.does("passport", "activation-code", *chip, *VOUCHED, "--channel", "paper")
    assert len(code.splitlines()[-1]) == 8
