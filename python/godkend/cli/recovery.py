"""`godkend recovery`: the ways back, as support gives them."""

from __future__ import annotations

import secrets
from typing import Any

import click

from godkend.calls import CALL_TIMEOUT_S, godkend_errors
from godkend.cli.identity import REQUEST_ID_BYTES, Desk, desk_options
from godkend.cli.options import Caller, find_token
from godkend.cli.output import say, time_text, unwrapped
from godkend.v1 import recovery_service_pb2 as pb
from godkend.v1 import recovery_service_pb2_grpc

evidence_option = click.option(
    "--evidence",
    required=True,
    metavar="REFERENCE",
    help="Where you keep how you identified the subscriber, such as the number of the case."
    " Never the number of a document.",
)


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
    caller = _caller(**where)
    request = pb.OrderTemporaryPinRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=Desk(caller).find(user_id).identity_id,
        evidence_reference=evidence,
    )
    stub = recovery_service_pb2_grpc.RecoveryServiceStub(caller.channel)
    with godkend_errors():
        issued = stub.OrderTemporaryPin(request, metadata=caller.metadata, timeout=CALL_TIMEOUT_S)
    say(f"Valid until {time_text(issued.expires_at_ms)}.")
    click.echo("sent")


def _caller(server: str, ca_file: Any, token_file: Any, data_dir: Any) -> Caller:
    return Caller(server, ca_file, find_token("support", token_file, data_dir))
