"""The command line: results on stdout, errors in one line on stderr, telling exit codes."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from godkend import _core
from godkend.cli import main
from godkend.clients import load_local_token
from godkend.phone import unix_time_ms
from godkend.v1 import device_service_pb2 as device_pb
from tests.service.world import World, a_world
from tests.support.phones import PIN, PIN_OTHER, PIN_WRONG

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from click.testing import Result

DONE, NO, USAGE, FAULT = 0, 1, 2, 3


class Cli:
    """Commands typed into a terminal that stands in a directory of its own."""

    def __init__(self, world: World, directory: Path) -> None:
        self.world = world
        self.directory = directory
        self.env: dict[str, str | None] = {
            "GODKEND_SERVER": f"127.0.0.1:{world.server.port}",
            "GODKEND_DATA_DIR": str(world.config.data_dir),
        }

    async def run(self, *words: str, typed: str = "", **env: str | None) -> Result:
        """Runs a command in a thread, while the server runs in the loop."""

        def invoke() -> Result:
            return CliRunner(env={**self.env, **env}).invoke(main, words, input=typed)

        result = await asyncio.to_thread(invoke)
        assert result.exception is None or isinstance(result.exception, SystemExit), result
        return result

    async def does(self, *words: str, typed: str = "") -> str:
        """What a command that succeeds prints."""
        result = await self.run(*words, typed=typed)
        assert result.exit_code == DONE, result.output
        return result.stdout.strip()

    async def fails(self, exit_code: int, *words: str, typed: str = "", **env: str | None) -> str:
        """The one line with which a command ends."""
        result = await self.run(*words, typed=typed, **env)
        assert result.exit_code == exit_code, result.output
        assert result.stdout == ""
        lines = result.stderr.strip().splitlines()
        assert lines[-1].startswith("godkend: " if exit_code != USAGE else ("godkend: ", "Error: "))
        if exit_code != USAGE:
            assert len([line for line in lines if line.startswith("godkend: ")]) == 1
        assert "Traceback" not in result.stderr
        return lines[-1]

    @property
    def key_file(self) -> str:
        return str(self.directory / "phone.json")


@pytest.fixture
async def cli(tmp_path: Path) -> AsyncIterator[Cli]:
    """A terminal beside a server with local clients."""
    clock = _core.ManualClock(unix_time_ms())
    async with a_world(tmp_path, local_clients=True, clock=clock) as world:
        yield Cli(world, tmp_path)


async def activated(cli: Cli) -> str:
    """Erik, with a phone in the terminal's directory; the authenticator's id."""
    await cli.does("identity", "create", "erik", "--name", "Erik Hansen")
    code = await cli.does("identity", "activation-code", "erik")
    return await cli.does(
        *("phone", "activate", "--user-id", "erik", "--code", code),
        *("--key-file", cli.key_file, "--pin-stdin"),
        typed=f"{PIN}\n",
    )


async def test_a_walk_from_the_desk_to_a_login_and_its_history(cli: Cli) -> None:
    authenticator_id = await activated(cli)
    shown = json.loads(await cli.does("identity", "show", "ERIK", "--json"))
    assert [each["authenticator_id"] for each in shown["authenticators"]] == [authenticator_id]
    assert stat.S_IMODE((cli.directory / "phone.json").stat().st_mode) == 0o600

    login = await cli.world.start(service_provider="tax")
    await cli.does("phone", "open", login.link, "--key-file", cli.key_file, "--json")
    phone = ("--key-file", cli.key_file)
    wrong = await cli.fails(NO, "phone", "approve", "--pin-stdin", *phone, typed=f"{PIN_WRONG}\n")
    assert "Wrong PIN. 2 tries left. (PIN_WRONG)" in wrong
    assert await cli.does("phone", "approve", "--pin-stdin", *phone, typed=f"{PIN}\n") == "approved"
    assert await cli.world.redeem(login)

    two_pins = f"{PIN}\n{PIN_OTHER}\n"
    assert await cli.does("phone", "change-pin", "--pin-stdin", *phone, typed=two_pins) == "changed"
    other = await cli.world.start(service_provider="tax")
    assert await cli.does("phone", "reject", "--not-me", other.link, *phone) == "rejected"

    lines = (await cli.does("events", "--until-now", "--json")).splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert {"login.approved", "pin.wrong", "pin.changed", "login.rejected"} <= set(kinds)
    verified = await cli.does("events", "verify")
    end = next(line.split()[1] for line in verified.splitlines() if line.startswith("end"))
    assert f"{len(kinds)}:" in end
    assert "whole" in await cli.does("events", "verify", "--anchor", end)
    forged = await cli.fails(NO, "events", "verify", "--anchor", f"{len(kinds)}:{'00' * 32}")
    assert "the history was changed" in forged
    assert json.loads(await cli.does("jwks"))["keys"]


@pytest.mark.parametrize("approved", [True, False])
async def test_a_login_prints_the_verified_claims_and_nothing_else(
    cli: Cli, approved: bool
) -> None:
    phone = await cli.world.activate("erik")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "godkend", "login", "--service-provider", "tax"),
        *("--user-id", "erik", "--text", "Log in to Tax"),
        env={**os.environ, **{name: value for name, value in cli.env.items() if value}},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    link = (await process.stderr.readline()).decode().removeprefix("app link: ").strip()
    signed = phone.opens(link, cli.world.now_ms)
    opened = await cli.world.send(
        device_pb.OpenLoginRequest(statement=signed.statement, signature=signed.signature)
    )
    assert opened.text == "Log in to Tax"
    if approved:
        await cli.world.approve(phone, opened)
    else:
        await cli.world.reject(phone, opened)
    stdout, stderr = await process.communicate()
    assert stderr.decode().splitlines()[-1] == ("approved" if approved else "rejected")
    assert process.returncode == (DONE if approved else NO)
    if approved:
        claims = json.loads(stdout)
        assert (claims["aud"], claims["txn"]) == ("tax", opened.login_id.hex())
    else:
        assert stdout == b""


async def test_block_and_unblock_by_user_id(cli: Cli) -> None:
    authenticator_id = await activated(cli)
    assert await cli.does("identity", "block", "erik") == "blocked"
    assert (
        "blocked                 yes" in (await cli.does("identity", "show", "erik")).splitlines()
    )
    assert await cli.does("identity", "unblock", "erik") == "unblocked"
    only = ("--authenticator-id", authenticator_id)
    assert await cli.does("identity", "block", "erik", *only) == "blocked"
    shown = json.loads(await cli.does("identity", "show", "erik", "--json"))
    assert shown["blocked"] is False
    assert shown["authenticators"][0]["state"] == "blocked"


async def test_errors_are_one_line_that_says_what_to_do_and_the_reason(cli: Cli) -> None:
    await activated(cli)
    phone = ("--key-file", cli.key_file)
    for words, said in (
        (("identity", "show", "nobody"), "(IDENTITY_NOT_FOUND)"),
        (("identity", "create", "ERIK", "--name", "E"), "(USER_ID_TAKEN)"),
        (("identity", "create", "abc", "--name", "E"), "user_id must be 4 to 60 characters"),
        (("phone", "open", "nonsense", *phone), "(CODE_INVALID)"),
        (("phone", "approve", *phone), "no login is open on this phone"),
        (("phone", "show", "--key-file", "nothing.json"), "does not exist"),
        (
            ("phone", "activate", "--user-id", "erik", "--code", "ABCD2345", *phone),
            "is the key of a phone already",
        ),
    ):
        assert said in await cli.fails(NO, *words)


async def test_a_token_that_nobody_knows_and_one_of_another_role_are_told_apart(cli: Cli) -> None:
    unknown = await cli.fails(NO, "identity", "show", "erik", GODKEND_TOKEN="wrong")
    assert "The token is none of this server's" in unknown
    auditor = load_local_token(cli.world.config.data_dir, "auditor")
    forbidden = await cli.fails(NO, "identity", "show", "erik", GODKEND_TOKEN=auditor)
    assert "The role of this token may not do that. (ROLE_FORBIDDEN)" in forbidden
    token = cli.directory / "token"
    token.write_text(load_local_token(cli.world.config.data_dir, "registrar") + "\n")
    created = await cli.run(
        *("identity", "create", "erik", "--name", "E", "--token-file", str(token)),
        GODKEND_TOKEN="wrong",
    )
    assert created.exit_code == DONE


async def test_what_is_out_of_reach_is_a_fault_and_not_a_no(cli: Cli, tmp_path: Path) -> None:
    line = await cli.fails(FAULT, "jwks", GODKEND_SERVER="127.0.0.1:1")
    assert "The service cannot be reached." in line
    nowhere = str(tmp_path / "nowhere")
    line = await cli.fails(FAULT, "identity", "show", "erik", GODKEND_DATA_DIR=nowhere)
    assert "cannot read" in line


async def test_wrong_usage_has_an_exit_code_of_its_own(cli: Cli) -> None:
    for words in (
        ("identity", "create"),
        ("identity", "block", "erik", "--authenticator-id", "xyz"),
        ("nothing",),
        ("login",),
        ("login", "--service-provider", "tax", "--level", "royal"),
        ("events", "verify", "--anchor", "x"),
        ("phone", "activate", "--user-id", "erik"),
        ("serve", "--listen", "nowhere"),
        ("serve", "--listen", "0.0.0.0:0"),
        ("config", "show", "--config", "nothing.toml"),
    ):
        await cli.fails(USAGE, *words)


async def test_what_cannot_start_says_why_in_one_line(cli: Cli, tmp_path: Path) -> None:
    taken = f"127.0.0.1:{cli.world.server.port}"
    for words, said in (
        (("--listen", taken, "--data-dir", str(tmp_path / "other")), "port in use"),
        (("--listen", "127.0.0.1:0", "--data-dir", "/dev/null/x"), "data_dir"),
    ):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "godkend", "serve", "--metrics-listen", "", *words),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        stdout, stderr = await process.communicate()
        assert process.returncode == 1
        assert stdout == b""
        (line,) = stderr.decode().splitlines()
        assert line.startswith("godkend: ")
        assert said in line


def test_the_configuration_in_force_is_shown_with_its_origins(tmp_path: Path) -> None:
    path = tmp_path / "godkend.toml"
    path.write_text("[server]\ncalls_max = 3\n")
    words = ["config", "show", "--config", str(path), "--log-level", "debug"]
    result = CliRunner(env={"GODKEND_METRICS__LISTEN": ""}).invoke(main, words)
    assert result.exit_code == DONE, result.output
    assert f"calls_max = 3  # {path}" in result.stdout
    assert 'level = "debug"  # flag' in result.stdout
    assert 'listen = ""  # environment' in result.stdout
    path.write_text("[server]\ntypo = 3\n[log]\nlevel = 1\n")
    result = CliRunner().invoke(main, words)
    assert result.exit_code == USAGE
    assert result.stderr.splitlines()[0].startswith("godkend: ")
    assert "server.typo: unknown key" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_versions_are_told_to_people_and_programs() -> None:
    told = json.loads(CliRunner().invoke(main, ["version", "--json"]).stdout)
    assert set(told) == {"godkend", "python", "sqlite", "cpu"}
    assert told["sqlite"] == _core.sqlite_version()
    assert told["sqlite"] in CliRunner().invoke(main, ["version"]).stdout


@pytest.mark.parametrize(
    ("flags", "ending"),
    [
        ([], "The assertion was verified; all "),
        (["--tour"], "The identity is back; all "),
        (["--nemid"], "NemID has ended; all "),
    ],
)
def test_the_demo_holds_what_it_says(tmp_path: Path, flags: list[str], ending: str) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "godkend", "demo", *flags],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1].startswith(ending)
    assert result.stderr == ""
    assert list(tmp_path.iterdir()) == []
