"""Options that several commands share, and what they stand for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from godkend.calls import SERVER_DEFAULT, bearer, open_channel
from godkend.clients import load_local_token

if TYPE_CHECKING:
    from collections.abc import Callable

    import grpc

    from godkend.clients import Role

F = TypeVar("F", bound="Callable[..., Any]")

DATA_DIR_DEFAULT = Path("godkend-data")
"""As in `godkend.config`, which a mere caller does not load."""

TOKEN_ENV = "GODKEND_TOKEN"  # noqa: S105, the name of a variable
PIN_ENV = "GODKEND_PHONE_PIN"

server_option = click.option(
    "--server",
    envvar="GODKEND_SERVER",
    default=SERVER_DEFAULT,
    show_default=True,
    show_envvar=True,
    metavar="HOST:PORT",
    help="Where godkend listens. TLS, but plaintext to this machine without --ca-file.",
)

ca_file_option = click.option(
    "--ca-file",
    envvar="GODKEND_CA_FILE",
    show_envvar=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Certificates (PEM) to trust, instead of the public ones.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")


def token_options(command: F) -> F:
    """How a command finds its client's token."""
    for option in (
        click.option(
            "--data-dir",
            envvar="GODKEND_DATA_DIR",
            show_envvar=True,
            type=click.Path(file_okay=False, path_type=Path),
            help="The data directory of a server on this machine, for its local clients.",
        ),
        click.option(
            "--token-file",
            type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
            help="A file that holds the token ('-': stdin). Default: GODKEND_TOKEN, then the"
            " local client of --data-dir.",
        ),
    ):
        command = option(command)
    return command


def find_token(role: Role, token_file: Path | None, data_dir: Path | None) -> str:
    """The token to call with: from a file, the environment, or the local clients of a server."""
    if token_file is not None:
        with click.open_file(str(token_file)) as file:
            text: str = file.read()
        return text.strip()
    from_environment = os.environ.get(TOKEN_ENV)
    if from_environment:
        return from_environment
    return load_local_token(data_dir or DATA_DIR_DEFAULT, role)


class Caller:
    """A channel and the metadata of a client."""

    def __init__(self, server: str, ca_file: Path | None, token: str) -> None:
        self.channel: grpc.Channel = open_channel(server, ca_file=ca_file)
        self.metadata = bearer(token)


def pin_options(command: F) -> F:
    """How a simulated phone gets its PIN."""
    for option in (
        click.option(
            "--pin",
            envvar=PIN_ENV,
            show_envvar=True,
            help="The PIN, for simulations only: others on this machine can read it.",
        ),
        click.option("--pin-stdin", is_flag=True, help="Read the PIN from stdin."),
    ):
        command = option(command)
    return command


def read_pin(pin: str | None, pin_stdin: bool, prompt: str = "PIN", *, chosen: bool = False) -> str:
    """The PIN as given, or asked for without showing it; asked twice when it is being chosen."""
    if pin_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if pin is not None:
        return pin
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the PIN on; use --pin-stdin")
    answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=chosen, err=True)
    return answer
