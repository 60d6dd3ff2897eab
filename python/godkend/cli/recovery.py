"""`godkend recovery`: the ways back, as support gives them."""

from __future__ import annotations

import secrets
from typing import Any

import click

from godkend import _core
from godkend.cli.desk import DOCUMENTS
from godkend.cli.display import password_option, read_password
from godkend.cli.identity import REQUEST_ID_BYTES, Desk, desk_options
from godkend.cli.options import Caller, json_option
from godkend.cli.output import print_json, say, time_text, unwrapped
from godkend.v1 import display_service_pb2 as display_pb
from godkend.v1 import display_service_pb2_grpc, recovery_service_pb2_grpc
from godkend.v1 import issuing_service_pb2 as issuing_pb
from godkend.v1 import recovery_service_pb2 as pb

evidence_option = click.option(
    "--evidence",
    required=True,
    metavar="REFERENCE",
    help="Where you keep how you identified the subscriber, such as the number of the case."
    " Never the number of a document.",
)


class RecoveryDesk(Desk):
    """The calls of support for somebody who has lost something."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.recovery = recovery_service_pb2_grpc.RecoveryServiceStub(caller.channel)
        self.displays = display_service_pb2_grpc.DisplayServiceStub(caller.channel)


@click.group(
    epilog=unwrapped(
        "Somebody calls, has forgotten the PIN, and is who they say:",
        '  godkend recovery temporary-pin erik --evidence "case 4711"',
    )
)
def recovery() -> None:
    """Help a subscriber who has lost something."""


@recovery.command(
    "temporary-pin",
    epilog=unwrapped(
        "Example:",
        '  godkend recovery temporary-pin erik --evidence "case 4711"',
    ),
)
@click.argument("user_id")
@evidence_option
@desk_options
def temporary_pin(user_id: str, evidence: str, **where: Any) -> None:
    """Send a temporary PIN by SMS, ending an earlier one. You are not told it.

    With it the subscriber chooses a PIN in the app: `godkend phone reset-pin`.
    """
    desk = RecoveryDesk.of("support", **where)
    request = pb.OrderTemporaryPinRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=desk.find(user_id).identity_id,
        evidence_reference=evidence,
    )
    issued: pb.OrderTemporaryPinResponse = desk.call(desk.recovery.OrderTemporaryPin, request)
    say(f"Valid until {time_text(issued.expires_at_ms)}.")
    click.echo("sent")


@recovery.command(
    "password",
    epilog=unwrapped(
        "Example:",
        '  godkend recovery password erik --evidence "case 4711"',
    ),
)
@click.argument("user_id")
@password_option
@evidence_option
@desk_options
def set_password(user_id: str, password: str | None, evidence: str, **where: Any) -> None:
    """Set a password anew, beside a code display, reader or key card.

    The subscriber hears of it on all channels, and changes it when they are signed in again.
    """
    desk = RecoveryDesk.of("support", **where)
    request = display_pb.SetPasswordRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=desk.find(user_id).identity_id,
        password=read_password(password, chosen=True),
        evidence_reference=evidence,
    )
    desk.call(desk.displays.SetPassword, request)
    click.echo("set")


@recovery.command(
    "user-id",
    epilog=unwrapped(
        "Example:",
        "  godkend recovery user-id --document passport --country DNK \\",
        '    --birth-date 1974-02-28 --evidence "case 4711"',
    ),
)
@click.option(
    "--document", type=click.Choice(list(DOCUMENTS)), required=True, help="What a desk has seen."
)
@click.option("--country", required=True, metavar="DNK", help="Who issued it, in three letters.")
@click.option("--number", prompt="Document number", help="Asked for if not given.")
@click.option("--birth-date", required=True, metavar="YYYY-MM-DD", help="As the document says it.")
@evidence_option
@desk_options
def user_id(
    document: str, country: str, number: str, birth_date: str, evidence: str, **where: Any
) -> None:
    """Find a forgotten user ID by the document that proved the identity."""
    desk = RecoveryDesk.of("support", **where)
    request = pb.FindUserIdRequest(
        document=issuing_pb.Document(
            kind=DOCUMENTS[document], country=country, document_number=number
        ),
        birth_date=birth_date,
        evidence_reference=evidence,
    )
    found: pb.FindUserIdResponse = desk.call(desk.recovery.FindUserId, request)
    click.echo(found.user_id)


@recovery.command(epilog=unwrapped("Example:", "  godkend recovery routes --json"))
@json_option
def routes(as_json: bool) -> None:
    """Show every way back: what was lost, what gives it back, and the event that tells of it."""
    names = ("lost", "means", "call", "notifies")
    rows = [dict(zip(names, route, strict=True)) for route in _core.recovery_routes()]
    if as_json:
        print_json(rows)
        return
    widths = [max(len(row[name]) for row in rows) for name in names]
    for row in rows:
        cells = (row[name].ljust(width) for name, width in zip(names, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
