"""`godkend key-card`: NemID's paper cards, and the way over to the app."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godkend.calls import CALL_TIMEOUT_S, bearer, godkend_errors, open_channel
from godkend.cli.display import password_option, read_password
from godkend.cli.identity import Desk, HexId, desk_options
from godkend.cli.login import by_key_card, issuer_option
from godkend.cli.options import (
    DATA_DIR_DEFAULT,
    Caller,
    ca_file_option,
    json_option,
    server_option,
)
from godkend.cli.output import (
    Failed,
    Misused,
    enum_text,
    print_fields,
    print_json,
    say,
    time_text,
    unwrapped,
)
from godkend.clients import load_local_token
from godkend.front_end import FrontEnd
from godkend.v1 import key_card_service_pb2 as pb
from godkend.v1 import key_card_service_pb2_grpc

if TYPE_CHECKING:
    pass

REQUEST_ID_BYTES = 16


class CardDesk(Desk):
    """The calls about key cards of one client."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.cards = key_card_service_pb2_grpc.KeyCardServiceStub(caller.channel)


@click.group(
    "key-card",
    epilog=unwrapped(
        "NemID is over by default; `policy.nemid` says on which days. Where it is not, a walk:",
        "  CARD=$(godkend key-card order erik)",
        "  godkend key-card print $CARD --format pdf --output card.pdf",
        "  godkend key-card show erik                         (says which number is asked for)",
        "  godkend key-card activate $CARD erik --code 492039",
        "  godkend login --service-provider tax --user-id erik --with-key-card",
    ),
)
def key_card() -> None:
    """NemID's key cards: paper with numbered one-time codes."""


@key_card.command(epilog=unwrapped("Example:", "  godkend key-card order erik"))
@click.argument("user_id")
@desk_options
def order(user_id: str, **where: Any) -> None:
    """Order a card for a subscriber, and print its id.

    One that they use already works until this one is activated.
    """
    desk = CardDesk.of("registrar", **where)
    request = pb.OrderKeyCardRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES), identity_id=desk.find(user_id).identity_id
    )
    response: pb.OrderKeyCardResponse = desk.call(desk.cards.OrderKeyCard, request)
    click.echo(response.card_id.hex())


@key_card.command(epilog=unwrapped("Example:", "  godkend key-card ordered --json"))
@json_option
@desk_options
def ordered(as_json: bool, **where: Any) -> None:
    """List the cards that wait to be printed, in the order in which they were ordered."""
    desk = CardDesk.of("registrar", **where)
    found: list[dict[str, object]] = []
    after = b""
    while True:
        request = pb.ListOrderedKeyCardsRequest(after_card_id=after)
        page = desk.call(desk.cards.ListOrderedKeyCards, request).ordered
        if not page:
            break
        found += map(_ordered_fields, page)
        after = page[-1].card_id
    if as_json:
        print_json(found)
        return
    for each in found:
        click.echo("  ".join(map(str, each.values())))


def _ordered_fields(card: pb.OrderedKeyCard) -> dict[str, object]:
    return {
        "card_id": card.card_id.hex(),
        "card_number": card.card_number,
        "identity_id": card.identity_id.hex(),
        "ordered_at": time_text(card.ordered_at_ms),
    }


@key_card.command(
    "print",
    epilog=unwrapped(
        "Examples:",
        "  godkend key-card print a2f1... --format pdf --output card.pdf",
        "  godkend key-card print a2f1... | lp",
    ),
)
@click.argument("card", type=HexId())
@click.option(
    "--format",
    "as_what",
    type=click.Choice(["text", "pdf"]),
    default="text",
    show_default=True,
    help="What to make of it.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file, for its owner alone; without it, on stdout, which is for text.",
)
@desk_options
def print_card(card: bytes, as_what: str, output: Path | None, **where: Any) -> None:
    """Fetch the content of an ordered card, once, to be printed and sent.

    From then on it is on its way. A card whose print was spoilt is reported lost and ordered anew.
    """
    from godkend.key_card_print import as_pdf, as_text

    if as_what == "pdf" and output is None:
        raise Misused("--format pdf needs --output")
    desk = CardDesk.of("registrar", **where)
    request_id = secrets.token_bytes(REQUEST_ID_BYTES)
    request = pb.PrintKeyCardRequest(request_id=request_id, card_id=card)
    if output is None:
        click.echo(as_text(desk.call(desk.cards.PrintKeyCard, request)), nl=False)
        return
    # Made before the one time that the content is given, and removed if it is not.
    try:
        fd = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise Failed(f"{output} exists already") from None
    with os.fdopen(fd, "wb") as file:
        try:
            content = desk.call(desk.cards.PrintKeyCard, request)
        except BaseException:
            output.unlink()
            raise
        file.write(as_pdf(content) if as_what == "pdf" else as_text(content).encode())
    say(f"Its codes are in {output}.")


@key_card.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend key-card activate a2f1... erik --code 492039",
        "  godkend key-card activate a2f1... erik --code 492039 --keep-password",
    )
)
@click.argument("card", type=HexId())
@click.argument("user_id")
@click.option(
    "--code", required=True, help="The 6 digits beside the number that `key-card show` tells."
)
@click.option("--keep-password", is_flag=True, help="The password that is set stays.")
@password_option
@desk_options
def activate(
    card: bytes, user_id: str, code: str, keep_password: bool, password: str | None, **where: Any
) -> None:
    """Put a card into use with a code from it, and set the password beside it.

    Of a card that is in use, a right code opens a door that wrong codes locked.
    """
    desk = CardDesk.of("registrar", **where)
    request = pb.ActivateKeyCardRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=desk.find(user_id).identity_id,
        card_id=card,
        one_time_code=code,
        password="" if keep_password else read_password(password, chosen=True),
    )
    desk.call(desk.cards.ActivateKeyCard, request)
    click.echo("activated")


@key_card.command(epilog=unwrapped("Example:", "  godkend key-card lost a2f1... erik"))
@click.argument("card", type=HexId())
@click.argument("user_id")
@desk_options
def lost(card: bytes, user_id: str, **where: Any) -> None:
    """Take a lost card out of use for good, or off its way."""
    desk = CardDesk.of("support", **where)
    request = pb.ReportKeyCardLostRequest(identity_id=desk.find(user_id).identity_id, card_id=card)
    desk.call(desk.cards.ReportKeyCardLost, request)
    click.echo("lost")


@key_card.command(epilog=unwrapped("Example:", "  godkend key-card show erik --json"))
@click.argument("user_id")
@json_option
@desk_options
def show(user_id: str, as_json: bool, **where: Any) -> None:
    """Show a subscriber's cards, and where their door stands."""
    desk = CardDesk.of("registrar", **where)
    request = pb.ListKeyCardsRequest(identity_id=desk.find(user_id).identity_id)
    found: pb.ListKeyCardsResponse = desk.call(desk.cards.ListKeyCards, request)
    locked_until_ms = found.key_door.locked_until_ms
    door: dict[str, object] = {
        "wrong_codes": found.key_door.strikes,
        "locked_until": time_text(locked_until_ms) if locked_until_ms else None,
    }
    cards = list(map(_fields, found.key_cards))
    if as_json:
        print_json({**door, "key_cards": cards})
        return
    print_fields(door)
    for each in cards:
        click.echo()
        print_fields(each)


def _fields(card: pb.KeyCard) -> dict[str, object]:
    return {
        "card_id": card.card_id.hex(),
        "card_number": card.card_number,
        "state": enum_text(pb.KeyCardState.Name(card.state), "KEY_CARD_STATE_"),
        "since": time_text(card.changed_at_ms),
        "keys_left": card.keys_left,
        "activation_number": card.activation_number or None,
    }


@key_card.command(
    "ways-in", epilog=unwrapped("Example:", "  godkend key-card ways-in --service-provider tax")
)
@click.option("--service-provider", required=True, help="Where, as the front-end's client has it.")
@desk_options
def ways_in(service_provider: str, **where: Any) -> None:
    """List the ways in that there are today, in the order in which a front-end shows them."""
    desk = CardDesk.of("front-end", **where)
    request = pb.ListWaysInRequest(service_provider=service_provider)
    for way in desk.call(desk.cards.ListWaysIn, request).ways_in:
        click.echo(enum_text(pb.WayIn.Name(way), "WAY_IN_"))


@key_card.command(
    epilog=unwrapped("Example:", "  godkend key-card move erik --service-provider profile")
)
@click.argument("user_id")
@click.option("--service-provider", required=True, help="The profile that the subscriber is at.")
@click.option("--code", help="The code of the key, instead of being asked for it.")
@password_option
@issuer_option
@server_option
@ca_file_option
@click.option(
    "--data-dir",
    envvar="GODKEND_DATA_DIR",
    show_envvar=True,
    type=click.Path(file_okay=False, path_type=Path),
    default=DATA_DIR_DEFAULT,
    help="The data directory of a server on this machine, whose local clients play the profile.",
)
def move(
    user_id: str,
    service_provider: str,
    code: str | None,
    password: str | None,
    issuer: str,
    server: str,
    ca_file: Path | None,
    data_dir: Path,
) -> None:
    """Move a subscriber over to the app, as their profile does, and print the activation code.

    Logs them in with their key card first: who is signed in otherwise does not move over.
    """
    desk = Desk(Caller(server, ca_file, load_local_token(data_dir, "registrar")))
    identity_id = desk.find(user_id).identity_id
    with open_channel(server, ca_file=ca_file) as channel:
        token = load_local_token(data_dir, "front-end")
        front_end = FrontEnd(channel, token=token, issuer=issuer, service_provider=service_provider)
        with front_end.start("Log in", source="127.0.0.1", user_id=user_id) as begun:
            by_key_card(begun, user_id, code, password)
            begun.redeem()
        request = pb.MoveFromNemIdRequest(
            request_id=secrets.token_bytes(REQUEST_ID_BYTES), identity_id=identity_id
        )
        token = load_local_token(data_dir, "self-service")
        shown = (*bearer(token), ("subscriber-assertion", begun.assertion))
        stub = key_card_service_pb2_grpc.KeyCardServiceStub(channel)
        with godkend_errors():
            moved = stub.MoveFromNemId(request, metadata=shown, timeout=CALL_TIMEOUT_S)
    say(f"valid until {time_text(moved.expires_at_ms)}")
    click.echo(moved.activation_code)
