"""What the commands print: results on stdout, everything else on stderr."""

from __future__ import annotations

import datetime
import errno
import json
from typing import TYPE_CHECKING, Any

import click

from godkend.calls import person_text
from godkend.clients import ClientsError
from godkend.errors import Fault, GodkendError, Invalid
from godkend.event_chain import ChainBroken
from godkend.front_end import AssertionInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping

EXIT_NO = 1
EXIT_USAGE = 2
EXIT_FAULT = 3


class Failed(click.ClickException):
    """An expected end of a command: one line on stderr."""

    exit_code = EXIT_NO

    def show(self, file: Any = None) -> None:
        """Prints the line."""
        click.echo(f"godkend: {self.message}", err=True)


class Broken(Failed):
    """Nothing was denied: something is broken or out of reach."""

    exit_code = EXIT_FAULT


class Misused(Failed):
    """Wrong usage, found later than click finds it."""

    exit_code = EXIT_USAGE


class Commands(click.Group):
    """A group whose commands end in one line where an error was to be expected."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order in which they were added, which is the order of use."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        try:
            return super().invoke(ctx)
        except GodkendError as error:
            raise failed(error) from error
        except ClientsError as error:
            raise Broken(str(error)) from error
        except AssertionInvalid as error:
            raise Failed(f"the assertion is not valid: {error}") from error
        except ChainBroken as error:
            raise Failed(f"the history was changed: {error}") from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # Whoever read the output has gone; click knows how.
                raise
            raise Broken(str(error)) from error


FOR_OPERATORS = {
    "CLIENT_UNKNOWN": "The token is none of this server's; see --token-file and --data-dir.",
    "ROLE_FORBIDDEN": "The role of this token may not do that.",
    "SERVICE_PROVIDER_FORBIDDEN": "This front-end may not start logins for that service provider.",
}
"""Reasons of which the manual tells the subscriber nothing, but whoever types commands can act."""


def failed(error: GodkendError) -> Failed:
    """An error of a call in one line: what to tell the person, then the reason."""
    match error:
        case Invalid():
            return Failed(f"{error.field} {error.bound} ({error.reason})")
        case Fault():
            words, detail = person_text(error), " ".join(error.detail.split())
            # Godkend tells callers no more of a fault than the person's words; gRPC does.
            more = "" if detail in words else f": {detail}"
            return Broken(f"{words} ({error.reason}{more})")
        case _:
            words = FOR_OPERATORS.get(error.reason) or person_text(error)
            return Failed(f"{words} ({error.reason})")


def unwrapped(*lines: str) -> str:
    """Lines that click prints in help as they are: examples."""
    return "\n\n".join("\b\n" + block for block in "\n".join(lines).split("\n\n"))


def say(text: str) -> None:
    """Something for the person in front of the terminal, not for the next program."""
    click.echo(text, err=True)


def print_fields(fields: Mapping[str, object], *, as_json: bool = False) -> None:
    """A result, for people or as JSON."""
    if as_json:
        print_json(fields)
        return
    width = max(len(name) for name in fields)
    for name, value in fields.items():
        match value:
            case bool():
                shown: object = "yes" if value else "no"
            case None:
                shown = "-"
            case _:
                shown = value
        click.echo(f"{name:<{width}}  {shown}")


def print_json(value: object) -> None:
    """A result as JSON."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def time_text(unix_ms: int) -> str:
    """A moment, ISO 8601 in UTC."""
    moment = datetime.datetime.fromtimestamp(unix_ms / 1000, datetime.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def enum_text(name: str, prefix: str) -> str:
    """The name of an enum value in words: LOGIN_STATE_APPROVED reads "approved"."""
    return name.removeprefix(prefix).lower().replace("_", " ")
