"""`godkend delegation`: guardians and proxies, as registrars record them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import click

from godkend.cli.identity import REQUEST_ID_BYTES, Desk, HexId, desk_options
from godkend.cli.options import Caller, json_option
from godkend.cli.output import enum_text, print_fields, print_json, time_text, unwrapped
from godkend.v1 import delegation_service_pb2 as pb
from godkend.v1 import delegation_service_pb2_grpc, statement_pb2

if TYPE_CHECKING:
    pass

KINDS = {
    "guardian": statement_pb2.DELEGATION_KIND_GUARDIAN,
    "proxy": statement_pb2.DELEGATION_KIND_PROXY,
}


class DelegationDesk(Desk):
    """The calls of one registrar about delegations."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.delegations = delegation_service_pb2_grpc.DelegationServiceStub(caller.channel)


@click.group(
    epilog=unwrapped(
        "Erik acts for his mother at the tax authority:",
        "  godkend delegation record erik --for karen --kind proxy --scope tax \\",
        "    --starts-on 2027-01-01 --ends-on 2027-12-31 \\",
        '    --grounds "letter of 2026-12-01" --officer kk0417',
        "  godkend login --service-provider tax --acting allowed   (in one terminal)",
        "  godkend phone open 'THE-APP-LINK'                       (in another)",
        '  godkend phone approve --for "Karen Hansen"',
    )
)
def delegation() -> None:
    """Record that somebody may act for another: guardians and proxies."""


@delegation.command(
    epilog=unwrapped(
        "Example:",
        "  godkend delegation record erik --for karen --kind proxy --scope tax --scope health \\",
        "    --starts-on 2027-01-01 --ends-on 2027-12-31 \\",
        '    --grounds "letter of 2026-12-01" --officer kk0417',
    ),
)
@click.argument("user_id")
@click.option("--for", "principal", required=True, metavar="USER_ID", help="Whom they act for.")
@click.option("--kind", type=click.Choice(list(KINDS)), required=True, help="Why they may.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    metavar="SERVICE_PROVIDER",
    help='Where; can be repeated, or "*" for everywhere.',
)
@click.option("--starts-on", required=True, metavar="YYYY-MM-DD", help="The first day in Denmark.")
@click.option("--ends-on", required=True, metavar="YYYY-MM-DD", help="The last day in Denmark.")
@click.option("--grounds", required=True, help="The document or decision by which they may.")
@click.option("--officer", required=True, metavar="ID", help="Who saw it.")
@desk_options
def record(
    user_id: str,
    principal: str,
    kind: str,
    scopes: tuple[str, ...],
    starts_on: str,
    ends_on: str,
    grounds: str,
    officer: str,
    **where: Any,
) -> None:
    """Record that USER_ID may act for another; prints the delegation's id."""
    desk = DelegationDesk.of("registrar", **where)
    request = pb.RecordDelegationRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        principal_id=desk.find(principal).identity_id,
        agent_id=desk.find(user_id).identity_id,
        kind=KINDS[kind],
        scopes=scopes,
        starts_on=starts_on,
        ends_on=ends_on,
        grounds=grounds,
        officer_id=officer,
    )
    click.echo(desk.call(desk.delegations.RecordDelegation, request).delegation_id.hex())


@delegation.command("list", epilog=unwrapped("Example:", "  godkend delegation list erik --json"))
@click.argument("user_id")
@json_option
@desk_options
def list_(user_id: str, as_json: bool, **where: Any) -> None:
    """Show for whom USER_ID acts, and who acts for them, now or later."""
    desk = DelegationDesk.of("registrar", **where)
    request = pb.ListDelegationsRequest(identity_id=desk.find(user_id).identity_id)
    response = desk.call(desk.delegations.ListDelegations, request)
    found = [delegation_fields(each) for each in response.delegations]
    if as_json:
        print_json(found)
        return
    for number, fields in enumerate(found):
        if number:
            click.echo()
        print_fields(fields)


@delegation.command(
    epilog=unwrapped(
        "Example:",
        "  godkend delegation end erik 00112233445566778899aabbccddeeff",
    ),
)
@click.argument("user_id")
@click.argument("delegation_id", type=HexId())
@desk_options
def end(user_id: str, delegation_id: bytes, **where: Any) -> None:
    """End a delegation of USER_ID, on whichever side, at once."""
    desk = DelegationDesk.of("registrar", **where)
    request = pb.EndDelegationRequest(
        identity_id=desk.find(user_id).identity_id, delegation_id=delegation_id
    )
    desk.call(desk.delegations.EndDelegation, request)
    click.echo("ended")


def delegation_fields(found: pb.Delegation) -> dict[str, object]:
    """One delegation."""
    kind = statement_pb2.DelegationKind.Name(found.kind)
    return {
        "delegation_id": found.delegation_id.hex(),
        "acts": found.agent_name,
        "for": found.principal_name,
        "kind": enum_text(kind, "DELEGATION_KIND_"),
        "scopes": ", ".join(found.scopes),
        "starts_on": found.starts_on,
        "ends_on": found.ends_on,
        "grounds": found.grounds,
        "recorded_by": f"{found.recorded_by}, {found.officer_id}",
        "recorded_at": time_text(found.recorded_at_ms),
    }
