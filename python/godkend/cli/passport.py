"""`godkend passport`: chips of passports, verified offline or used at a server."""

from __future__ import annotations

import datetime
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from godkend.cli.identity import CHANNELS, REQUEST_ID_BYTES, Desk, HexDigest, desk_options
from godkend.cli.options import Caller, json_option
from godkend.cli.output import Failed, Misused, print_fields, print_json, say, time_text, unwrapped
from godkend.errors import GodkendError, Invalid
from godkend.trust_anchors import TrustAnchorsError, read_trust_anchors
from godkend.v1 import passport_service_pb2 as pb
from godkend.v1 import passport_service_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import Callable

F = TypeVar("F", bound="Callable[..., Any]")

CHIP_CHECKS = {
    "chip-authentication": pb.CHIP_CHECK_CHIP_AUTHENTICATION,
    "active-authentication": pb.CHIP_CHECK_ACTIVE_AUTHENTICATION,
}
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


class PassportDesk(Desk):
    """The calls of the system behind an app that reads chips."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.passports = passport_service_pb2_grpc.PassportServiceStub(caller.channel)


def chip_arguments(command: F) -> F:
    """The two files that are read of a chip."""
    zone = click.argument("data_group_1", type=FILE, metavar="EF.DG1")
    return click.argument("security_object", type=FILE, metavar="EF.SOD")(zone(command))


def check_options(command: F) -> F:
    """What the caller vouches for."""
    for option in (
        click.option("--reference", required=True, help="Where you keep what you saw."),
        click.option("--register-valid", is_flag=True, help="The register knows it as valid."),
        click.option("--face-matched", is_flag=True, help="The face is the one on the chip."),
        click.option(
            "--chip-check",
            type=click.Choice(list(CHIP_CHECKS)),
            help="How the chip showed that it is no copy.",
        ),
    ):
        command = option(command)
    return command


def reading(
    security_object: Path,
    data_group_1: Path,
    chip_check: str | None,
    face_matched: bool,
    register_valid: bool,
    reference: str,
) -> pb.PassportReading:
    """What goes into a request."""
    return pb.PassportReading(
        security_object=security_object.read_bytes(),
        data_group_1=data_group_1.read_bytes(),
        checks=pb.PassportChecks(
            chip_check=CHIP_CHECKS[chip_check] if chip_check else pb.CHIP_CHECK_UNSPECIFIED,
            face_matched=face_matched,
            register_valid=register_valid,
            evidence_reference=reference,
        ),
    )


VOUCHED = "    --chip-check chip-authentication --face-matched --register-valid --reference case-7"


@click.group(
    epilog=unwrapped(
        "Before anything is configured, see whether a chip can be verified:",
        "  godkend passport verify EF.SOD EF.DG1 --trust-anchors csca/",
        "Then, for the server, in its file:",
        "  [passport]",
        '  trust_anchors = "csca/"',
    )
)
def passport() -> None:
    """Verify the chips of passports, and find their bearers."""


@passport.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend passport verify EF.SOD EF.DG1 --trust-anchors csca-denmark.pem",
        "  godkend passport verify EF.SOD EF.DG1 --trust-anchors csca/ --at 2025-06-30 --json",
    ),
)
@chip_arguments
@click.option(
    "--trust-anchors",
    required=True,
    type=click.Path(exists=True, path_type=Path),
    help="Country signing certificates, and lists of what these have revoked (PEM): a file, or a"
    " folder of files that end in .pem.",
)
@click.option(
    "--at",
    type=click.DateTime(["%Y-%m-%d"]),
    default=None,
    help="Verify as on this day (UTC) instead of now.",
)
@json_option
def verify(
    security_object: Path,
    data_group_1: Path,
    trust_anchors: Path,
    at: datetime.datetime | None,
    as_json: bool,
) -> None:
    """Verify a chip offline: no server, no store, nothing kept.

    By ICAO Doc 9303, passive authentication: the document signer's signature, its certificate
    against the trust anchors, and the machine readable zone. Says nothing of the bearer, and of the
    documents that are accepted knows the defaults.
    """
    from godkend import _core

    when = at.replace(tzinfo=datetime.UTC) if at else datetime.datetime.now(datetime.UTC)
    try:
        anchors = read_trust_anchors(trust_anchors)
        found = _core.read_passport(
            security_object.read_bytes(),
            data_group_1.read_bytes(),
            anchors,
            int(when.timestamp() * 1_000),
            "{}",
        )
    except TrustAnchorsError as error:
        raise Misused(f"--trust-anchors {error}") from error
    except Invalid as error:
        raise Misused(f"{error.field} {error.bound}") from error
    except GodkendError as error:
        raise Failed(error.reason) from error
    fields = {
        "issuing_state": found.issuing_state,
        "document_code": found.document_code,
        "expires_on": found.expires_on,
        "signed_by": found.signed_by,
        "made_from": found.made_from,
        "accepted_as": found.accepted_as,
    }
    if as_json:
        print_json(fields)
    else:
        print_fields(fields)


@passport.command(
    epilog=unwrapped(
        "Example:",
        "  godkend passport identify erik EF.SOD EF.DG1 \\",
        VOUCHED,
    ),
)
@click.argument("user_id")
@chip_arguments
@check_options
@desk_options
def identify(
    user_id: str,
    security_object: Path,
    data_group_1: Path,
    chip_check: str | None,
    face_matched: bool,
    register_valid: bool,
    reference: str,
    **where: Any,
) -> None:
    """Record a passport as evidence of who a subscriber is."""
    at = PassportDesk.of("registrar", **where)
    request = pb.VerifyPassportRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=at.find(user_id).identity_id,
        reading=reading(
            security_object, data_group_1, chip_check, face_matched, register_valid, reference
        ),
    )
    at.call(at.passports.VerifyPassport, request)
    click.echo("identified")


@passport.command(
    "user-id",
    epilog=unwrapped(
        "Example:",
        "  godkend passport user-id EF.SOD EF.DG1 \\",
        VOUCHED,
    ),
)
@chip_arguments
@check_options
@desk_options
def user_id(
    security_object: Path,
    data_group_1: Path,
    chip_check: str | None,
    face_matched: bool,
    register_valid: bool,
    reference: str,
    **where: Any,
) -> None:
    """Tell the bearer of a passport their user ID."""
    at = PassportDesk.of("registrar", **where)
    request = pb.RecoverUserIdRequest(
        reading=reading(
            security_object, data_group_1, chip_check, face_matched, register_valid, reference
        )
    )
    response: pb.RecoverUserIdResponse = at.call(at.passports.RecoverUserId, request)
    click.echo(response.user_id)


@passport.command(
    "temporary-pin",
    epilog=unwrapped(
        "Example:",
        "  godkend passport temporary-pin EF.SOD EF.DG1 \\",
        VOUCHED,
    ),
)
@chip_arguments
@check_options
@desk_options
def temporary_pin(
    security_object: Path,
    data_group_1: Path,
    chip_check: str | None,
    face_matched: bool,
    register_valid: bool,
    reference: str,
    **where: Any,
) -> None:
    """Send a temporary PIN by SMS to the bearer of a passport that is on record."""
    at = PassportDesk.of("registrar", **where)
    request = pb.RecoverPinRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        reading=reading(
            security_object, data_group_1, chip_check, face_matched, register_valid, reference
        ),
    )
    response: pb.RecoverPinResponse = at.call(at.passports.RecoverPin, request)
    say(f"Valid until {time_text(response.expires_at_ms)}.")
    click.echo("sent")


@passport.command(
    "activation-code",
    epilog=unwrapped(
        "Example:",
        "  godkend passport activation-code EF.SOD EF.DG1 \\",
        VOUCHED,
    ),
)
@chip_arguments
@check_options
@click.option(
    "--channel",
    type=click.Choice([name for name in CHANNELS if name != "profile"]),
    default="sms",
    show_default=True,
    help="How the code reaches the subscriber: on paper it is valid 14 days, else 24 hours.",
)
@click.option(
    "--attested-key",
    type=HexDigest(),
    default=None,
    help="Vouch for the device key with this fingerprint, as `phone key` prints it.",
)
@desk_options
def activation_code(
    security_object: Path,
    data_group_1: Path,
    chip_check: str | None,
    face_matched: bool,
    register_valid: bool,
    reference: str,
    channel: str,
    attested_key: bytes | None,
    **where: Any,
) -> None:
    """Issue an activation code to the bearer of a passport that is on record."""
    at = PassportDesk.of("registrar", **where)
    request = pb.RecoverAppRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        reading=reading(
            security_object, data_group_1, chip_check, face_matched, register_valid, reference
        ),
        channel=CHANNELS[channel],
        attested_key=attested_key or b"",
    )
    response: pb.RecoverAppResponse = at.call(at.passports.RecoverApp, request)
    say(f"Valid until {time_text(response.expires_at_ms)}.")
    click.echo(response.activation_code)
