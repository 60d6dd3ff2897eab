"""`godkend events`: the history, and the proof that nobody changed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from godkend.calls import bearer, godkend_errors, open_channel
from godkend.cli.options import ca_file_option, find_token, server_option, token_options
from godkend.cli.output import print_fields, time_text, unwrapped
from godkend.event_chain import verify_events
from godkend.v1 import event_service_pb2 as pb
from godkend.v1 import event_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import grpc

COMMANDLINE = click.core.ParameterSource.COMMANDLINE
ID_DIGITS_SHOWN = 8


class Anchor(click.ParamType[tuple[int, bytes]]):
    """A number and a hash, as `events verify` printed them."""

    name = "seq:hash"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, bytes]:
        """Reads SEQ:HASH."""
        seq, _, digest = str(value).partition(":")
        try:
            return int(seq), bytes.fromhex(digest)
        except ValueError:
            self.fail(f"{value!r} is not a number, a colon and a hash in hexadecimal", param, ctx)


def read_events(
    channel: grpc.Channel, token: str, *, after_seq: int = 0, until_now: bool = True
) -> Iterator[pb.Event]:
    """The events after a cursor, in order; then those to come, unless `until_now`."""
    stub = event_service_pb2_grpc.EventServiceStub(channel)
    request = pb.StreamEventsRequest(after_seq=after_seq, until_now=until_now)
    with godkend_errors():
        for message in stub.StreamEvents(request, metadata=bearer(token)):
            yield message.event


@click.group(
    invoke_without_command=True,
    epilog=unwrapped(
        "Examples:",
        "  godkend events --until-now",
        "  godkend events --after 1200 --json",
        "  godkend events verify",
    ),
)
@click.option("--after", "after_seq", default=0, show_default=True, help="Begin after this event.")
@click.option("--until-now", is_flag=True, help="Stop at the newest event instead of waiting.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, nothing shortened.")
@server_option
@ca_file_option
@token_options
@click.pass_context
def events(
    context: click.Context,
    after_seq: int,
    until_now: bool,
    as_json: bool,
    server: str,
    ca_file: Path | None,
    token_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Print the history, and go on as it happens."""
    if context.invoked_subcommand is not None:
        if any(context.get_parameter_source(name) is COMMANDLINE for name in context.params):
            raise click.UsageError(f"options go after `{context.invoked_subcommand}`")
        return
    token = find_token("auditor", token_file, data_dir)
    with open_channel(server, ca_file=ca_file) as channel:
        try:
            for event in read_events(channel, token, after_seq=after_seq, until_now=until_now):
                click.echo(json.dumps(event_fields(event)) if as_json else event_line(event))
        except KeyboardInterrupt:
            return  # How somebody who follows the history leaves it.


@events.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend events verify",
        "  godkend events verify --anchor 1200:8b1a...",
    ),
)
@click.option(
    "--anchor",
    type=Anchor(),
    metavar="SEQ:HASH",
    help="An end noted earlier, which the history must still hold.",
)
@server_option
@ca_file_option
@token_options
def verify(
    anchor: tuple[int, bytes] | None,
    server: str,
    ca_file: Path | None,
    token_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Recompute the hash chain from the first event to now.

    Note the end that it prints somewhere the server cannot write: given back as --anchor, it shows
    that nothing was cut off since.
    """
    token = find_token("auditor", token_file, data_dir)
    with open_channel(server, ca_file=ca_file) as channel:
        chain = verify_events(read_events(channel, token), anchor)
    print_fields({"events": chain.seq, "end": f"{chain.seq}:{chain.hash.hex()}", "chain": "whole"})


def event_fields(event: pb.Event) -> dict[str, object]:
    """An event in full."""
    return {
        "seq": event.seq,
        "at": time_text(event.at_ms),
        "kind": event.kind,
        "identity_id": event.identity_id.hex(),
        "authenticator_id": event.authenticator_id.hex(),
        "login_id": event.login_id.hex(),
        "actor": event.actor,
        "detail": event.detail,
        "hash": event.hash.hex(),
    }


def event_line(event: pb.Event) -> str:
    """An event in one line, ids shortened."""
    names = (
        ("identity", event.identity_id),
        ("authenticator", event.authenticator_id),
        ("login", event.login_id),
    )
    about = [f"{name} {value.hex()[:ID_DIGITS_SHOWN]}" for name, value in names if value]
    parts = [
        f"{event.seq:>6}",
        time_text(event.at_ms),
        f"{event.kind:<24}",
        f"{event.actor:<16}",
        *about,
    ]
    return "  ".join([*parts, event.detail] if event.detail else parts)
