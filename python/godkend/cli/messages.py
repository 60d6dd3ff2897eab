"""`godkend messages`, `godkend notify`: what subscribers were told, and what was not delivered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godkend.calls import CALL_TIMEOUT_S, godkend_errors
from godkend.cli.identity import HexId
from godkend.cli.options import (
    DATA_DIR_DEFAULT,
    Caller,
    ca_file_option,
    find_token,
    json_option,
    server_option,
    token_options,
)
from godkend.cli.output import enum_text, print_json, time_text, unwrapped
from godkend.notifications.folder import messages_in
from godkend.v1 import notification_service_pb2 as pb
from godkend.v1 import notification_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MESSAGES_SHOWN = 20


@click.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend messages",
        "  godkend messages --last 1 --folder /var/lib/godkend/messages",
    ),
)
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the server writes messages; default: messages in --data-dir.",
)
@click.option(
    "--data-dir",
    envvar="GODKEND_DATA_DIR",
    show_envvar=True,
    default=DATA_DIR_DEFAULT,
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The data directory of a server on this machine.",
)
@click.option(
    "--last",
    type=click.IntRange(min=1),
    default=MESSAGES_SHOWN,
    show_default=True,
    help="How many of the newest to show.",
)
def messages(folder: Path | None, data_dir: Path, last: int) -> None:
    """Show the messages that a server has written into its folder.

    That is where SMS and e-mail go unless the configuration names who carries them, with the codes
    in them: try out with it, and name a carrier before there are people.
    """
    written = list(messages_in(folder or data_dir / "messages"))[-last:]
    click.echo("\n".join(text for _, text in written), nl=False)


@click.group(
    epilog=unwrapped(
        "Examples:",
        "  godkend notify dead-letters",
        "  godkend notify retry 0f3c5a7e9b1d2f4060718293a4b5c6d7",
    ),
)
def notify() -> None:
    """Messages that could not be delivered: see them, and try again."""


def _caller_options(command: Callable[..., Any]) -> Callable[..., Any]:
    return server_option(ca_file_option(token_options(command)))


def _caller(
    server: str, ca_file: Path | None, token_file: Path | None, data_dir: Path | None
) -> Caller:
    return Caller(server, ca_file, find_token("support", token_file, data_dir))


def _dead_letters(caller: Caller) -> Iterator[pb.DeadLetter]:
    stub = notification_service_pb2_grpc.NotificationServiceStub(caller.channel)
    token = b""
    while True:
        request = pb.ListDeadLettersRequest(page_token=token)
        with godkend_errors():
            page = stub.ListDeadLetters(request, metadata=caller.metadata, timeout=CALL_TIMEOUT_S)
        yield from page.dead_letters
        token = page.next_page_token
        if not token:
            return


@notify.command(
    "dead-letters",
    epilog=unwrapped(
        "Example:",
        "  godkend notify dead-letters --json",
    ),
)
@json_option
@_caller_options
def dead_letters(as_json: bool, **where: Any) -> None:
    """List the messages that were given up, and why the last delivery failed."""
    letters = [
        {
            "message_id": letter.message_id.hex(),
            "dead_at": time_text(letter.dead_at_ms),
            "channel": enum_text(pb.MessageChannel.Name(letter.channel), "MESSAGE_CHANNEL_"),
            "identity_id": letter.identity_id.hex(),
            "event": letter.event_seq,
            "tries": letter.tries,
            "failure": letter.failure,
        }
        for letter in _dead_letters(_caller(**where))
    ]
    if as_json:
        print_json(letters)
        return
    for letter in letters:
        click.echo("  ".join(map(str, letter.values())))


@notify.command(
    epilog=unwrapped(
        "Example:",
        "  godkend notify retry 0f3c5a7e9b1d2f4060718293a4b5c6d7",
    ),
)
@click.argument("message_id", type=HexId())
@_caller_options
def retry(message_id: bytes, **where: Any) -> None:
    """Queue a dead letter anew, to where the subscriber is reached now."""
    caller = _caller(**where)
    stub = notification_service_pb2_grpc.NotificationServiceStub(caller.channel)
    request = pb.RetryMessageRequest(message_id=message_id)
    with godkend_errors():
        stub.RetryMessage(request, metadata=caller.metadata, timeout=CALL_TIMEOUT_S)
    click.echo("queued")
