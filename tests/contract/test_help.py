"""The command line explains itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from godkend.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator


def every_command(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, with what is typed to get there."""
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from every_command(inner, (*path, name))


COMMANDS = list(every_command(main))


def test_there_are_the_commands_that_there_should_be() -> None:
    assert {" ".join(path) for path, _ in COMMANDS} >= {
        *("", "demo", "serve", "config show", "login", "jwks", "version", "events verify"),
        *("identity create", "identity show", "identity activation-code", "identity block"),
        *("identity unblock", "phone activate", "phone open", "phone approve", "phone reject"),
        *(
            "phone change-pin",
            "phone reset-pin",
            "phone block",
            "phone show",
            "recovery temporary-pin",
            "recovery user-id",
            "recovery routes",
        ),
    }


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("path", [path for path, _ in COMMANDS], ids=" ".join)
def test_help_says_what_a_command_does_and_shows_an_example(
    path: tuple[str, ...], flag: str
) -> None:
    result = CliRunner().invoke(main, [*path, flag])
    assert result.exit_code == 0, result.output
    typed = " ".join(("godkend", *path))
    described, _, examples = result.stdout.partition("Options:")
    assert described.strip().splitlines()[2].strip(), "no description"
    if path == ("config", "show"):  # Its group shows it.
        return
    assert typed in examples, f"no example of {typed}"


@pytest.mark.parametrize(
    ("path", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in COMMANDS]
)
def test_every_example_is_one_that_the_command_line_understands(
    path: tuple[str, ...], command: click.Command
) -> None:
    """The options of each example exist."""
    known = {tuple(words): found for words, found in COMMANDS}
    for line in (command.epilog or "").splitlines():
        words = line.split("(in ")[0].split("|")[0].split()
        if "godkend" not in words:
            continue
        typed = words[words.index("godkend") + 1 :]
        names: list[str] = []
        while typed and (*names, typed[0]) in known:
            names.append(typed.pop(0))
        assert names, line
        target = known[tuple(names)]
        options = {option for parameter in target.params for option in parameter.opts}
        for word in typed:
            if word in {"&&", "||", ">", "2>/dev/null"}:
                break
            if word.startswith("--"):
                assert word in options, f"{' '.join(path)}: {line}"
