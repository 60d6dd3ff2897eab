"""`godkend history`, and what a phone shows of it: the history, messages, a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from godkend.calls import CALL_TIMEOUT_S, godkend_errors
from godkend.cli.identity import HexId
from godkend.cli.options import (
    Caller,
    ca_file_option,
    find_token,
    json_option,
    server_option,
    token_options,
)
from godkend.cli.output import enum_text, print_fields, print_json, time_text, unwrapped
from godkend.cli.pocket import Pocket, phone_options
from godkend.v1 import history_service_pb2 as pb
from godkend.v1 import history_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from godkend.clients import Role

VIEWERS: dict[str, Role] = {"support": "support", "auditor": "auditor"}


@click.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend history 0f3c5a7e9b1d2f4060718293a4b5c6d7",
        "  godkend history 0f3c5a7e9b1d2f4060718293a4b5c6d7 --as auditor --json",
    ),
)
@click.argument("identity_id", type=HexId())
@click.option(
    "--as",
    "viewer",
    type=click.Choice(list(VIEWERS)),
    default="support",
    show_default=True,
    help="Support does not see where somebody logged in.",
)
@json_option
@server_option
@ca_file_option
@token_options
def history(
    identity_id: bytes,
    viewer: str,
    as_json: bool,
    server: str,
    ca_file: Path | None,
    token_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Show what happened to an identity, the newest first."""
    caller = Caller(server, ca_file, find_token(VIEWERS[viewer], token_file, data_dir))
    _print(list(_entries(caller, identity_id)), as_json=as_json)


def _entries(caller: Caller, identity_id: bytes) -> Iterator[pb.Entry]:
    stub = history_service_pb2_grpc.HistoryServiceStub(caller.channel)
    token = b""
    while True:
        request = pb.ListHistoryRequest(identity_id=identity_id, page_size=100, page_token=token)
        with godkend_errors():
            page = stub.ListHistory(request, metadata=caller.metadata, timeout=CALL_TIMEOUT_S)
        yield from page.entries
        token = page.next_page_token
        if not token:
            return


def _print(entries: list[pb.Entry], *, as_json: bool) -> None:
    fields = [
        {
            "seq": entry.seq,
            "at": time_text(entry.at_ms),
            "kind": entry.kind,
            "authenticator_id": entry.authenticator_id.hex(),
            "login_id": entry.login_id.hex(),
            "actor": entry.actor,
            "detail": entry.detail,
            "reported_at": time_text(entry.reported_at_ms) if entry.reported_at_ms else "",
        }
        for entry in entries
    ]
    if as_json:
        print_json(fields)
        return
    for entry in entries:
        reported = "reported as not theirs" if entry.reported_at_ms else ""
        parts = (f"{entry.seq:>6}", time_text(entry.at_ms), f"{entry.kind:<24}", entry.actor)
        click.echo("  ".join(filter(None, (*parts, entry.detail, reported))))


@click.command(
    "history",
    epilog=unwrapped(
        "Example:",
        "  godkend phone history",
    ),
)
@json_option
@phone_options
def phone_history(as_json: bool, **which: Any) -> None:
    """Show the subscriber's own history, the newest first."""
    with Pocket.out(**which) as pocket:
        entries = list(pocket.phone.history().entries)
    _print(entries, as_json=as_json)


@click.command(
    "messages",
    epilog=unwrapped(
        "Example:",
        "  godkend phone messages",
    ),
)
@phone_options
def phone_messages(**which: Any) -> None:
    """Show the messages in the app, the newest first."""
    with Pocket.out(**which) as pocket:
        messages = list(pocket.phone.messages().messages)
    click.echo("\n\n".join(f"{each.subject}\n{each.text}" for each in messages))


@click.command(
    "report",
    epilog=unwrapped(
        "Example, of a login that `godkend phone history` shows:",
        "  godkend phone report 1204",
    ),
)
@click.argument("entry_seq", metavar="NUMBER", type=int)
@phone_options
def phone_report(entry_seq: int, **which: Any) -> None:
    """Say that a login was not yours; prints what to do next."""
    with Pocket.out(**which) as pocket:
        reported = pocket.phone.report(entry_seq)
    print_fields(
        {
            "advice": enum_text(pb.Advice.Name(reported.advice), "ADVICE_"),
            "authenticator_id": reported.authenticator_id.hex(),
            "ended": reported.ended,
        }
    )
