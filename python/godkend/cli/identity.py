"""`godkend identity`: the work of registrars and support."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import click

from godkend.calls import CALL_TIMEOUT_S, godkend_errors
from godkend.cli.options import (
    Caller,
    ca_file_option,
    find_token,
    json_option,
    server_option,
    token_options,
)
from godkend.cli.output import enum_text, print_fields, print_json, say, time_text, unwrapped
from godkend.v1 import identity_service_pb2 as pb
from godkend.v1 import identity_service_pb2_grpc, login_service_pb2

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Self

    from godkend.clients import Role

REQUEST_ID_BYTES = 16
IDENTITY_ID_DIGITS = 32
DIGEST_DIGITS = 64

LEVELS = {
    "low": login_service_pb2.ASSURANCE_LEVEL_LOW,
    "substantial": login_service_pb2.ASSURANCE_LEVEL_SUBSTANTIAL,
    "high": login_service_pb2.ASSURANCE_LEVEL_HIGH,
}
LANGUAGES = {
    "danish": pb.LANGUAGE_DANISH,
    "english": pb.LANGUAGE_ENGLISH,
    "german": pb.LANGUAGE_GERMAN,
}
CHANNELS = {
    "sms": pb.ACTIVATION_CHANNEL_SMS,
    "paper": pb.ACTIVATION_CHANNEL_PAPER,
}


class HexId(click.ParamType[bytes]):
    """16 bytes, written as 32 hexadecimal digits."""

    name = "hex id"
    digits = IDENTITY_ID_DIGITS

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> bytes:
        """Reads the digits."""
        try:
            identifier = bytes.fromhex(value)
        except ValueError:
            identifier = b""
        if len(value) != self.digits or not identifier:
            self.fail(f"{value!r} is not {self.digits} hexadecimal digits", param, ctx)
        return identifier


class HexDigest(HexId):
    """32 bytes, written as 64 hexadecimal digits."""

    name = "hex digest"
    digits = DIGEST_DIGITS


class Desk:
    """The calls of one registrar or support client."""

    def __init__(self, caller: Caller) -> None:
        self._metadata = caller.metadata
        self.stub = identity_service_pb2_grpc.IdentityServiceStub(caller.channel)

    @classmethod
    def of(
        cls,
        role: Role,
        server: str,
        ca_file: Path | None,
        token_file: Path | None,
        data_dir: Path | None,
    ) -> Self:
        """That of a client with this role, where `desk_options` say."""
        return cls(Caller(server, ca_file, find_token(role, token_file, data_dir)))

    def call(self, method: Callable[..., Any], request: object) -> Any:
        """One call, with the token and a deadline."""
        with godkend_errors():
            return method(request, metadata=self._metadata, timeout=CALL_TIMEOUT_S)

    def create(
        self,
        user_id: str,
        name: str,
        birth_date: str = "",
        level: login_service_pb2.AssuranceLevel.ValueType = LEVELS["substantial"],
        *,
        unproved: bool = False,
        organisation_number: str = "",
    ) -> bytes:
        """Registers a subscriber; the identity_id."""
        request = pb.CreateIdentityRequest(
            request_id=secrets.token_bytes(REQUEST_ID_BYTES),
            user_id=user_id,
            name=name,
            birth_date=birth_date,
            level=login_service_pb2.ASSURANCE_LEVEL_UNSPECIFIED if unproved else level,
            unproved=unproved,
            organisation_number=organisation_number,
        )
        response: pb.CreateIdentityResponse = self.call(self.stub.CreateIdentity, request)
        return response.identity_id

    def find(self, user_id: str) -> pb.Identity:
        """The identity of a user ID."""
        request = pb.GetIdentityRequest(user_id=user_id)
        response: pb.GetIdentityResponse = self.call(self.stub.GetIdentity, request)
        return response.identity

    def issue_activation_code(
        self,
        identity_id: bytes,
        channel: pb.ActivationChannel.ValueType = pb.ACTIVATION_CHANNEL_SMS,
        attested_key: bytes = b"",
    ) -> pb.IssueActivationCodeResponse:
        """A one-time code for a phone, vouching for the key of a fingerprint if one is given."""
        request = pb.IssueActivationCodeRequest(
            request_id=secrets.token_bytes(REQUEST_ID_BYTES),
            identity_id=identity_id,
            channel=channel,
            attested_key=attested_key,
        )
        response: pb.IssueActivationCodeResponse = self.call(self.stub.IssueActivationCode, request)
        return response


def desk_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the server is and who calls it."""
    return server_option(ca_file_option(token_options(command)))


@click.group(
    epilog=unwrapped(
        "At a desk:",
        '  godkend identity create erik --name "Erik Hansen" --birth-date 1974-02-28',
        "  godkend identity activation-code erik",
    )
)
def identity() -> None:
    """Register, show, block and unblock subscribers."""


@identity.command(
    epilog=unwrapped(
        "Examples:",
        '  godkend identity create erik --name "Erik Hansen" --birth-date 1974-02-28',
        '  godkend identity create erik --name "Erik Hansen" --unproved',
    ),
)
@click.argument("user_id")
@click.option("--name", required=True, help="The subscriber's name.")
@click.option("--birth-date", default="", metavar="YYYY-MM-DD", help="PINs may not resemble it.")
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="substantial",
    show_default=True,
    help="How well you vouch that the identity was proved.",
)
@click.option(
    "--unproved", is_flag=True, help="Vouch for nothing: `godkend desk identify` comes first."
)
@click.option(
    "--organisation-number",
    default="",
    metavar="CVR",
    help="A business identity: it acts for this organisation, at business services alone.",
)
@desk_options
def create(
    user_id: str,
    name: str,
    birth_date: str,
    level: str,
    unproved: bool,
    organisation_number: str,
    **where: Any,
) -> None:
    """Register a subscriber; prints the identity's id."""
    desk = Desk.of("registrar", **where)
    identity_id = desk.create(
        user_id,
        name,
        birth_date,
        LEVELS[level],
        unproved=unproved,
        organisation_number=organisation_number,
    )
    click.echo(identity_id.hex())


@identity.command(
    epilog=unwrapped(
        "Example:",
        "  godkend identity show erik --json",
    ),
)
@click.argument("user_id")
@json_option
@desk_options
def show(user_id: str, as_json: bool, **where: Any) -> None:
    """Show an identity and its authenticators."""
    found = Desk.of("registrar", **where).find(user_id)
    fields = identity_fields(found)
    authenticators = [authenticator_fields(each) for each in found.authenticators]
    if as_json:
        print_json({**fields, "authenticators": authenticators})
        return
    print_fields(fields)
    for authenticator in authenticators:
        click.echo()
        print_fields(authenticator)


@identity.command(
    epilog=unwrapped(
        "Example:",
        "  godkend identity contact erik --phone-number +4512345678 --language english",
    ),
)
@click.argument("user_id")
@click.option("--phone-number", default="", metavar="+45...", help="Country code first.")
@click.option("--email", default="", metavar="ADDRESS", help="For messages; never holds links.")
@click.option(
    "--language",
    type=click.Choice(list(LANGUAGES)),
    default="danish",
    show_default=True,
    help="What messages are written in.",
)
@desk_options
def contact(user_id: str, phone_number: str, email: str, language: str, **where: Any) -> None:
    """Set how a subscriber is reached. What is not given is removed."""
    desk = Desk.of("registrar", **where)
    details = pb.ContactDetails(
        phone_number=phone_number, email=email, language=LANGUAGES[language]
    )
    request = pb.SetContactDetailsRequest(
        identity_id=desk.find(user_id).identity_id, contact_details=details
    )
    desk.call(desk.stub.SetContactDetails, request)
    click.echo("set")


@identity.command(
    "activation-code",
    epilog=unwrapped(
        "Example:",
        "  godkend identity activation-code erik --channel paper",
    ),
)
@click.argument("user_id")
@click.option(
    "--channel",
    type=click.Choice(list(CHANNELS)),
    default="sms",
    show_default=True,
    help="How the code reaches the subscriber: on paper it is valid 14 days, else 24 hours.",
)
@click.option(
    "--attested-key",
    type=HexDigest(),
    default=None,
    help="Vouch for the device key with this fingerprint, as `phone key` prints it: you verified "
    "the phone's attestation that hardware holds it. With an identity proved at high, the app is "
    "then enrolled at high.",
)
@desk_options
def activation_code(user_id: str, channel: str, attested_key: bytes | None, **where: Any) -> None:
    """Issue a one-time activation code, ending earlier unused ones."""
    desk = Desk.of("registrar", **where)
    issued = desk.issue_activation_code(
        desk.find(user_id).identity_id, CHANNELS[channel], attested_key or b""
    )
    say(f"Valid until {time_text(issued.expires_at_ms)}.")
    click.echo(issued.activation_code)


authenticator_option = click.option(
    "--authenticator-id", type=HexId(), default=None, help="Only this authenticator, as 32 digits."
)


@identity.command(
    epilog=unwrapped(
        "Example:",
        "  godkend identity block erik",
    ),
)
@click.argument("user_id")
@authenticator_option
@desk_options
def block(user_id: str, authenticator_id: bytes | None, **where: Any) -> None:
    """Block an identity, or one of its authenticators."""
    desk = Desk.of("support", **where)
    request = pb.BlockIdentityRequest(
        identity_id=desk.find(user_id).identity_id, authenticator_id=authenticator_id or b""
    )
    desk.call(desk.stub.BlockIdentity, request)
    click.echo("blocked")


@identity.command(
    epilog=unwrapped(
        "Example:",
        "  godkend identity unblock erik",
    ),
)
@click.argument("user_id")
@authenticator_option
@desk_options
def unblock(user_id: str, authenticator_id: bytes | None, **where: Any) -> None:
    """Take a block back. Strikes and locks stay."""
    desk = Desk.of("registrar", **where)
    request = pb.UnblockIdentityRequest(
        identity_id=desk.find(user_id).identity_id, authenticator_id=authenticator_id or b""
    )
    desk.call(desk.stub.UnblockIdentity, request)
    click.echo("unblocked")


def identity_fields(found: pb.Identity) -> dict[str, object]:
    """An identity without its authenticators."""
    return {
        "identity_id": found.identity_id.hex(),
        "user_id": found.user_id,
        "name": found.name,
        "level": level_text(found.level),
        "organisation": found.organisation_number or None,
        "proved_since": time_text(found.proved_since_ms) if found.proved_since_ms else None,
        "blocked": found.blocked,
        "phone_number": found.contact_details.phone_number or None,
        "email": found.contact_details.email or None,
        "language": enum_text(pb.Language.Name(found.contact_details.language), "LANGUAGE_"),
        "authenticators_advised": found.authenticators_advised,
        "created_at": time_text(found.created_at_ms),
    }


def level_text(level: login_service_pb2.AssuranceLevel.ValueType) -> str:
    """A level in words."""
    return enum_text(login_service_pb2.AssuranceLevel.Name(level), "ASSURANCE_LEVEL_")


def authenticator_fields(found: pb.Authenticator) -> dict[str, object]:
    """One phone."""
    state = pb.AuthenticatorState.Name(found.state)
    return {
        "authenticator_id": found.authenticator_id.hex(),
        "device_name": found.device_name,
        "state": enum_text(state, "AUTHENTICATOR_STATE_"),
        "biometrics_on": found.biometrics_on,
        "enrolled_level": level_text(found.enrolled_level),
        "hardware_key": found.hardware_key,
        "notifications_on": found.notifications_on,
        "strikes": found.strikes,
        "locked_until": time_text(found.locked_until_ms) if found.locked_until_ms else None,
        "pin_dead": found.pin_dead,
        "activated_at": time_text(found.activated_at_ms),
    }
