"""`godkend login`: a simulated front-end."""

from __future__ import annotations

import mimetypes
import queue
import sys
import threading
from pathlib import Path

import click

from godkend.calls import open_channel
from godkend.cli.display import password_option, read_password
from godkend.cli.identity import LEVELS
from godkend.cli.options import ca_file_option, find_token, server_option, token_options
from godkend.cli.output import EXIT_NO, Misused, enum_text, print_json, say, unwrapped
from godkend.cli.qr import MovingQr
from godkend.errors import GodkendError
from godkend.front_end import DECIDED, FrontEnd, Login, document_of
from godkend.v1 import login_service_pb2 as pb
from godkend.v1.statement_pb2 import SigningDocument

ACTING = {
    "no": pb.ACTING_NO,
    "allowed": pb.ACTING_ALLOWED,
    "required": pb.ACTING_REQUIRED,
}
ISSUER_DEFAULT = "https://godkend.example"

issuer_option = click.option(
    "--issuer",
    envvar="GODKEND_ISSUER",
    show_envvar=True,
    default=ISSUER_DEFAULT,
    show_default=True,
    help="Who must have made the assertion.",
)


@click.command(
    epilog=unwrapped(
        "Exit codes: 0 approved; 1 rejected, expired, cancelled or refused; 2 usage; 3 fault.",
        "",
        "Examples:",
        '  godkend login --service-provider tax --text "Log in to Tax"',
        "  godkend login --service-provider tax --user-id erik 2>/dev/null | jq .sub",
        "  godkend login --service-provider tax --user-id erik --with-display",
        "  godkend login --service-provider tax --user-id erik --with-key-card",
        "  godkend login --service-provider bank --document lease.pdf --receipt receipt.json",
    ),
)
@click.option(
    "--service-provider", required=True, help="Who asks, as the front-end's client has it."
)
@click.option("--text", default="Log in", show_default=True, help="What the phone shows and signs.")
@click.option(
    "--user-id", default="", help="What the subscriber typed; without it, a code at once."
)
@click.option(
    "--level",
    type=click.Choice(list(LEVELS)),
    default="substantial",
    show_default=True,
    help="The lowest level of assurance that will do.",
)
@click.option(
    "--source", default="127.0.0.1", show_default=True, help="Where the subscriber comes from."
)
@click.option(
    "--with-display",
    is_flag=True,
    help="Log in with the code of a display and the password, which are asked for.",
)
@click.option(
    "--with-key-card",
    is_flag=True,
    help="Log in with a key of a key card (NemID) and the password, which are asked for.",
)
@click.option("--code", help="The code of display or key, instead of being asked for it.")
@password_option
@click.option(
    "--acting",
    type=click.Choice(list(ACTING)),
    default="no",
    show_default=True,
    help="Whether the subscriber may, or must, act for somebody else.",
)
@click.option(
    "--document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Have this file signed: the phone shows its name and signs its SHA-256.",
)
@click.option("--media-type", help="What the document is; without it, guessed from its name.")
@click.option(
    "--receipt",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the receipt of the signature; see `godkend receipt verify`.",
)
@issuer_option
@server_option
@ca_file_option
@token_options
def login(
    service_provider: str,
    text: str,
    user_id: str,
    level: str,
    source: str,
    with_display: bool,
    with_key_card: bool,
    code: str | None,
    password: str | None,
    acting: str,
    document: Path | None,
    media_type: str | None,
    receipt: Path | None,
    issuer: str,
    server: str,
    ca_file: Path | None,
    token_file: Path | None,
    data_dir: Path | None,
) -> None:
    """Log somebody in, as a login front-end does.

    Draws the moving QR code if stderr is a terminal, and prints the app link; then the states as
    they come; then, on stdout, the claims of the verified assertion as JSON.
    """
    if with_display and with_key_card:
        raise click.UsageError("--with-display and --with-key-card do not go together")
    if (with_display or with_key_card) and not user_id:
        raise Misused(f"--with-{'display' if with_display else 'key-card'} needs --user-id")
    if (document is None) != (receipt is None):
        raise click.UsageError("--document and --receipt go together")
    token = find_token("front-end", token_file, data_dir)
    with open_channel(server, ca_file=ca_file) as channel:
        front_end = FrontEnd(channel, token=token, issuer=issuer, service_provider=service_provider)
        with front_end.start(
            text,
            source=source,
            user_id=user_id,
            level_min=LEVELS[level],
            document=None if document is None else _asked(document, media_type),
            acting=ACTING[acting],
        ) as begun:
            try:
                if with_display:
                    _by_display(begun, user_id, code, password)
                elif with_key_card:
                    by_key_card(begun, user_id, code, password)
                else:
                    say(f"app link: {begun.app_link}")
                state = follow(begun)
            except KeyboardInterrupt:
                begun.cancel()
                raise
            if state != pb.LOGIN_STATE_APPROVED:
                sys.exit(EXIT_NO)
            claims = begun.redeem()
    if receipt is not None:
        receipt.write_text(begun.receipt + "\n", "utf-8")
        say(f"receipt: {receipt}; keep `godkend jwks` beside it")
    print_json(claims)


def _asked(document: Path, media_type: str | None) -> SigningDocument:
    guessed = mimetypes.guess_type(document.name)[0] or "application/octet-stream"
    return document_of(document.read_bytes(), media_type or guessed, document.name)


def _by_display(begun: Login, user_id: str, code: str | None, password: str | None) -> None:
    """The code first: without it, the password is not asked for."""
    begun.submit_code(user_id, code or click.prompt("Code of the display", err=True))
    begun.submit_password(user_id, read_password(password))


def by_key_card(begun: Login, user_id: str, code: str | None, password: str | None) -> None:
    """The same with a key card, which says a number first."""
    number = begun.key_number(user_id)
    begun.submit_key(user_id, code or click.prompt(f"Code of key {number}", err=True))
    begun.submit_password(user_id, read_password(password))


class Following:
    """Follows a login in a thread, so that something else can happen between its states."""

    def __init__(self, begun: Login) -> None:
        self._login = begun
        self._came: queue.Queue[pb.LoginState.ValueType | GodkendError] = queue.Queue()
        threading.Thread(target=self._follow, name="login states", daemon=True).start()

    def _follow(self) -> None:
        try:
            for state in self._login.states():
                self._came.put(state)
        except GodkendError as error:
            self._came.put(error)

    def next_state(self, timeout_s: float | None) -> pb.LoginState.ValueType | None:
        """The next state; None if there was none in time. Raises what the stream raised."""
        try:
            came = self._came.get(timeout=timeout_s)
        except queue.Empty:
            return None
        if isinstance(came, GodkendError):
            raise came
        return came


def follow(begun: Login) -> pb.LoginState.ValueType:
    """Shows the moving code until a phone has it, and every state; the one it was decided in."""
    following = Following(begun)
    screen = MovingQr(sys.stderr) if sys.stderr.isatty() else None
    state = pb.LOGIN_STATE_UNSPECIFIED
    while True:
        timeout_s = None
        if screen is not None and state == pb.LOGIN_STATE_PENDING:
            screen.draw(begun.moving_code.now())
            timeout_s = begun.moving_code.until_next_s()
        came = following.next_state(timeout_s)
        if came is None:
            continue
        if screen is not None:
            screen.erase()
        state = came
        say(state_text(state))
        if state in DECIDED:
            return state


def state_text(state: pb.LoginState.ValueType) -> str:
    """A state in words."""
    return enum_text(pb.LoginState.Name(state), "LOGIN_STATE_")
