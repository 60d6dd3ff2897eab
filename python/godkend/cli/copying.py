"""`godkend phone copy`: the app on its way to another simulated phone."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godkend.calls import open_channel
from godkend.cli.options import (
    ca_file_option,
    json_option,
    pin_options,
    read_pin,
    server_option,
)
from godkend.cli.output import Failed, enum_text, failed, print_fields, say, time_text, unwrapped
from godkend.cli.pocket import key_file_option, load_key_file, phone_options
from godkend.cli.qr import MovingQr
from godkend.copy_statements import NEWEST
from godkend.copying import NewPhone, OldApp, ScannedFile, Side
from godkend.errors import Invalid
from godkend.phone import DEVICE_NAME_DEFAULT, Phone
from godkend.statements import DeviceKey
from godkend.v1 import copy_service_pb2 as pb
from godkend.v1 import statement_pb2

if TYPE_CHECKING:
    from collections.abc import Iterator

ALGORITHMS = {
    "p256": statement_pb2.KEY_ALGORITHM_ECDSA_P256,
    "ed25519": statement_pb2.KEY_ALGORITHM_ED25519,
}
PIN_CHOICES_MAX = 5


@click.group(
    epilog=unwrapped(
        "On the old phone, then, an hour later, again:",
        "  godkend phone copy start",
        "  godkend phone copy confirm",
        "",
        "On the new one, with the code that the old one shows and the PIN that comes by SMS:",
        "  godkend phone copy scan 'THE-CODE' --user-id erik --key-file new.json",
        "  godkend phone copy finish --key-file new.json",
        "",
        "On either, to see it or to end it:",
        "  godkend phone copy show",
        "  godkend phone copy stop",
    )
)
def copy() -> None:
    """Copy the app to another simulated phone.

    The PIN, an hour's wait, the PIN again; a QR code for the new phone; the user ID, a temporary
    PIN by SMS, and a PIN of its own. Every step is told to the subscriber.
    """


@copy.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone copy start",
        "  godkend phone copy start --json --pin-stdin < pin.txt",
    )
)
@pin_options
@json_option
@phone_options
def start(pin: str | None, pin_stdin: bool, as_json: bool, **which: Any) -> None:
    """Begin a copy on the old phone: the PIN, then the wait.

    The phone may be put away meanwhile. A wrong PIN counts as in a login.
    """
    with _old(**which) as old:
        copy = old.request(read_pin(pin, pin_stdin))
    print_fields(copy_fields(copy), as_json=as_json)


@copy.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone copy confirm",
        "  godkend phone copy confirm --pin-stdin < pin.txt",
    )
)
@pin_options
@phone_options
def confirm(pin: str | None, pin_stdin: bool, **which: Any) -> None:
    """Confirm on the old phone, after the wait, and show the code for the new one.

    Draws it if stderr is a terminal, and prints its text. It is valid for three minutes; if it runs
    out, confirm again.
    """
    with _old(**which) as old:
        copy = old.confirm(old.show().copy_id, read_pin(pin, pin_stdin))
    if sys.stderr.isatty():
        MovingQr(sys.stderr).draw(copy.copy_code)
    say(f"valid until {time_text(copy.expires_at_ms)}")
    click.echo(copy.copy_code)


@copy.command(
    epilog=unwrapped(
        "Example:",
        "  godkend phone copy scan 'THE-CODE' --user-id erik --key-file new.json",
    )
)
@click.argument("code")
@click.option("--user-id", required=True, help="The subscriber's user ID.")
@click.option("--device-name", default=DEVICE_NAME_DEFAULT, show_default=True)
@click.option(
    "--algorithm",
    type=click.Choice(list(ALGORITHMS)),
    default="p256",
    show_default=True,
    help="The algorithm of the device key.",
)
@key_file_option
@server_option
@ca_file_option
def scan(
    code: str,
    user_id: str,
    device_name: str,
    algorithm: str,
    key_file: Path,
    server: str,
    ca_file: Path | None,
) -> None:
    """Scan CODE, which the old phone shows, on the new one.

    Sends a temporary PIN by SMS. The new key waits beside the key file until `finish`.
    """
    if key_file.exists():
        raise Failed(f"{key_file} is the key of a phone already; name another with --key-file")
    key = DeviceKey.generate(ALGORITHMS[algorithm])
    waiting = ScannedFile.beside(key_file)
    with open_channel(server, ca_file=ca_file) as channel:
        new = NewPhone.scan(channel, code, user_id, device_name=device_name, key=key)
    ScannedFile(server, user_id, device_name, key, new.scanned).save(waiting)
    say("A temporary PIN comes by SMS. Go on with `godkend phone copy finish`.")
    click.echo(new.scanned.copy_id.hex())


@copy.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone copy finish --key-file new.json",
        "  printf '604917\\n271946\\n' | godkend phone copy finish --key-file new.json --pin-stdin",
    )
)
@click.option("--temporary-pin", help="From the SMS, for simulations only.")
@pin_options
@click.option("--biometrics", is_flag=True, help="Let biometrics stand in for the PIN.")
@click.option("--quiet", is_flag=True, help="No notifications in this app.")
@phone_options
def finish(
    temporary_pin: str | None,
    pin: str | None,
    pin_stdin: bool,
    biometrics: bool,
    quiet: bool,
    **which: Any,
) -> None:
    """Make the new phone an authenticator: the temporary PIN, and a PIN of its own, twice.

    With --pin-stdin, the first line is the temporary PIN and the second the chosen one. Prints the
    authenticator's id.
    """
    key_file: Path = which["key_file"]
    if key_file.exists():
        raise Failed(f"{key_file} is the key of a phone already")
    waiting = _waiting(key_file)
    with open_channel(which["server"] or waiting.server, ca_file=which["ca_file"]) as channel:
        new = waiting.phone(channel)
        temporary_pin = read_pin(temporary_pin, pin_stdin, "Temporary PIN")
        phone = _choose_pin(new, temporary_pin, pin, pin_stdin, biometrics, not quiet)
    waiting.finished(phone.authenticator_id).save(key_file)
    ScannedFile.beside(key_file).unlink()
    say(f"Copied. The key is in {key_file}.")
    click.echo(phone.authenticator_id.hex())


def _choose_pin(
    new: NewPhone,
    temporary_pin: str,
    pin: str | None,
    pin_stdin: bool,
    biometrics: bool,
    notifications: bool,
) -> Phone:
    """Asks again, if there is somebody to ask, while the chosen PIN is refused."""
    for _ in range(PIN_CHOICES_MAX):
        chosen = read_pin(pin, pin_stdin, "Choose a PIN (6 digits)", chosen=True)
        try:
            return new.finish(
                temporary_pin, chosen, biometrics_on=biometrics, notifications_on=notifications
            )
        except Invalid as error:
            if pin is not None or pin_stdin:
                raise
            failed(error).show()
    raise Failed("no PIN was chosen; try again while the temporary PIN is valid")


@copy.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone copy show",
        "  godkend phone copy show --key-file new.json --json",
    )
)
@json_option
@phone_options
def show(as_json: bool, **which: Any) -> None:
    """Show where the copy is, on either phone."""
    with _either(**which) as (side, copy_id):
        print_fields(copy_fields(side.show(copy_id)), as_json=as_json)


@copy.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone copy stop",
        "  godkend phone copy stop --key-file new.json",
    )
)
@phone_options
def stop(**which: Any) -> None:
    """End the copy, on either phone. Needs no PIN."""
    with _either(**which) as (side, copy_id):
        side.stop(copy_id or side.show().copy_id)
    ScannedFile.beside(which["key_file"]).unlink(missing_ok=True)
    click.echo("stopped")


@contextlib.contextmanager
def _old(key_file: Path, server: str | None, ca_file: Path | None) -> Iterator[OldApp]:
    """The app that is copied."""
    keys = load_key_file(key_file)
    with open_channel(server or keys.server, ca_file=ca_file) as channel:
        yield OldApp(channel, keys.key, keys.authenticator_id)


@contextlib.contextmanager
def _either(
    key_file: Path, server: str | None, ca_file: Path | None
) -> Iterator[tuple[Side, bytes]]:
    """An app, or the phone that has scanned and is yet to finish; and which copy it knows."""
    if key_file.exists() or not ScannedFile.beside(key_file).exists():
        with _old(key_file, server, ca_file) as old:
            yield old, NEWEST
        return
    waiting = _waiting(key_file)
    with open_channel(server or waiting.server, ca_file=ca_file) as channel:
        yield waiting.phone(channel), waiting.scanned.copy_id


def _waiting(key_file: Path) -> ScannedFile:
    """What a phone keeps between `scan` and `finish`."""
    waiting = ScannedFile.beside(key_file)
    try:
        return ScannedFile.load(waiting)
    except FileNotFoundError:
        raise Failed(f"{waiting} does not exist; see `godkend phone copy scan --help`") from None
    except ValueError as error:
        raise Failed(f"{waiting} is not what a scan left") from error


def copy_fields(copy: pb.AppCopy) -> dict[str, object]:
    """What a phone shows of a copy."""
    return {
        "copy_id": copy.copy_id.hex(),
        "state": enum_text(pb.CopyState.Name(copy.state), "COPY_STATE_"),
        "ready_at": time_text(copy.ready_at_ms),
        "expires_at": time_text(copy.expires_at_ms) if copy.expires_at_ms else None,
        "device_name": copy.device_name or None,
    }
