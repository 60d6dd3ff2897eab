"""`godkend phone`: a simulated phone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from godkend.calls import open_channel
from godkend.cli.copying import copy
from godkend.cli.identity import HexId
from godkend.cli.options import (
    ca_file_option,
    json_option,
    pin_options,
    read_pin,
    server_option,
)
from godkend.cli.output import Failed, enum_text, failed, print_fields, say, unwrapped
from godkend.cli.pocket import (
    Pocket,
    chosen,
    key_file_option,
    load_key_file,
    opened_fields,
    phone_options,
)
from godkend.errors import Invalid
from godkend.phone import DEVICE_NAME_DEFAULT, Activation, KeyFile, Phone
from godkend.statements import DeviceKey
from godkend.v1 import statement_pb2

ALGORITHMS = {
    "p256": statement_pb2.KEY_ALGORITHM_ECDSA_P256,
    "ed25519": statement_pb2.KEY_ALGORITHM_ED25519,
}
PIN_CHOICES_MAX = 5

algorithm_option = click.option(
    "--algorithm",
    type=click.Choice(list(ALGORITHMS)),
    default="p256",
    show_default=True,
    help="The algorithm of the device key.",
)


@click.group(
    epilog=unwrapped(
        "A walk with one phone:",
        "  godkend phone activate --user-id erik --code ABCD-EFGH",
        "  godkend phone approve 'THE-APP-LINK-OR-QR-CODE'",
    )
)
def phone() -> None:
    """A simulated phone: activates, opens, approves, rejects.

    Its key lies in a file, readable by you alone. A real phone keeps it in secure hardware.
    """


@phone.command(
    epilog=unwrapped(
        "Example, of an app enrolled at high:",
        "  godkend phone key key.pem",
        "  godkend identity activation-code erik --attested-key THE-FINGERPRINT",
        "  godkend phone activate --user-id erik --code ABCD-EFGH --key key.pem",
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@algorithm_option
def key(file: Path, algorithm: str) -> None:
    """Make a device key before there is a code; prints its fingerprint.

    The fingerprint is SHA-256 of the public key as SubjectPublicKeyInfo. On a real phone it comes
    with the hardware's attestation, which the registrar verifies before vouching for the key.
    """
    made = DeviceKey.generate(ALGORITHMS[algorithm])
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(made.to_pem())
    click.echo(made.fingerprint().hex())


def _key_of(file: Path | None, algorithm: str) -> DeviceKey:
    if file is None:
        return DeviceKey.generate(ALGORITHMS[algorithm])
    try:
        return DeviceKey.from_pem(file.read_bytes())
    except ValueError as error:
        raise Failed(f"{file} is not a device key") from error


@phone.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone activate --user-id erik --code ABCD-EFGH",
        "  godkend phone activate --user-id erik --code ABCD-EFGH --algorithm ed25519 \\",
        "    --key-file tablet.json --pin-stdin < pin.txt",
    )
)
@click.option("--user-id", required=True, help="The subscriber's user ID.")
@click.option("--code", required=True, help="The activation code: 8 characters.")
@click.option("--device-name", default=DEVICE_NAME_DEFAULT, show_default=True)
@algorithm_option
@click.option(
    "--key",
    "key_pem",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A key made before, by `godkend phone key`.",
)
@click.option("--biometrics", is_flag=True, help="Let biometrics stand in for the PIN.")
@pin_options
@key_file_option
@server_option
@ca_file_option
def activate(
    user_id: str,
    code: str,
    device_name: str,
    algorithm: str,
    key_pem: Path | None,
    biometrics: bool,
    pin: str | None,
    pin_stdin: bool,
    key_file: Path,
    server: str,
    ca_file: Path | None,
) -> None:
    """Make this phone an authenticator, with an activation code from the desk.

    Prints the authenticator's id. An existing key file is never overwritten.
    """
    if key_file.exists():
        raise Failed(f"{key_file} is the key of a phone already; name another with --key-file")
    if not key_file.absolute().parent.is_dir():  # Else the code would be spent for nothing.
        raise Failed(f"{key_file.parent} is not a directory")
    device_key = _key_of(key_pem, algorithm)
    with open_channel(server, ca_file=ca_file) as channel:
        begun = Activation.begin(channel, user_id, code, device_name=device_name, key=device_key)
        authenticator_id = _choose_pin(begun, pin, pin_stdin, biometrics).authenticator_id
    KeyFile(server, user_id, device_name, authenticator_id, device_key).save(key_file)
    say(f"Activated. The key is in {key_file}.")
    click.echo(authenticator_id.hex())


def _choose_pin(
    activation: Activation, pin: str | None, pin_stdin: bool, biometrics: bool
) -> Phone:
    """Asks again, if there is somebody to ask, while the PIN is refused."""
    for _ in range(PIN_CHOICES_MAX):
        chosen = read_pin(pin, pin_stdin, "Choose a PIN (6 digits)", chosen=True)
        try:
            return activation.finish(chosen, biometrics_on=biometrics)
        except Invalid as error:
            if pin is not None or pin_stdin:
                raise
            failed(error).show()
    raise Failed("no PIN was chosen; start again with a new code")


@phone.command(
    "open",
    epilog=unwrapped("Example:", "  godkend phone open 'THE-APP-LINK-OR-QR-CODE'"),
)
@click.argument("code")
@json_option
@phone_options
def open_(code: str, as_json: bool, **which: Any) -> None:
    """Scan CODE, a QR code or an app link, and show who asks for what.

    The login is remembered beside the key file, so that `approve` and `reject` need no code.
    """
    with Pocket.out(**which) as pocket:
        print_fields(opened_fields(pocket.open_login(code)), as_json=as_json)


@phone.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone approve 'THE-APP-LINK-OR-QR-CODE'",
        "  godkend phone open 'THE-APP-LINK-OR-QR-CODE' && godkend phone approve",
        '  godkend phone approve --for "Karen Hansen"',
    )
)
@click.argument("code", required=False)
@click.option(
    "--for",
    "name",
    metavar="NAME",
    help="Act for somebody else: one of those that `phone open` shows under acts_for.",
)
@click.option("--biometrics", is_flag=True, help="Approve by biometrics instead of the PIN.")
@pin_options
@phone_options
def approve(
    code: str | None,
    name: str | None,
    biometrics: bool,
    pin: str | None,
    pin_stdin: bool,
    **which: Any,
) -> None:
    """Approve the login of CODE, or the one opened last."""
    with Pocket.out(**which) as pocket:
        opened = pocket.to_decide(code)
        principal = None if name is None else chosen(opened, name)
        if biometrics:
            pocket.phone.approve_with_biometrics(opened, principal)
        else:
            pocket.phone.approve(opened, read_pin(pin, pin_stdin), principal)
        pocket.forget()
    click.echo("approved")


@phone.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone reject --not-me 'THE-APP-LINK-OR-QR-CODE'",
        "  godkend phone open 'THE-APP-LINK-OR-QR-CODE' && godkend phone reject",
    )
)
@click.argument("code", required=False)
@click.option("--not-me", is_flag=True, help="Say that you did not start this login.")
@phone_options
def reject(code: str | None, not_me: bool, **which: Any) -> None:
    """Reject the login of CODE, or the one opened last. Needs no PIN."""
    with Pocket.out(**which) as pocket:
        pocket.phone.reject(pocket.to_decide(code), not_me=not_me)
        pocket.forget()
    click.echo("rejected")


@phone.command(
    "change-pin",
    epilog=unwrapped(
        "Examples:",
        "  godkend phone change-pin",
        "  printf '271946\\n608315\\n' | godkend phone change-pin --pin-stdin",
    ),
)
@pin_options
@click.option("--pin-new", help="The new PIN, for simulations only.")
@phone_options
def change_pin(pin: str | None, pin_stdin: bool, pin_new: str | None, **which: Any) -> None:
    """Replace the PIN. A wrong old PIN counts as in a login.

    With --pin-stdin, the first line is the old PIN and the second the new one.
    """
    with Pocket.out(**which) as pocket:
        pin_old = read_pin(pin, pin_stdin, "PIN today")
        pin_new = read_pin(pin_new, pin_stdin, "New PIN (6 digits)", chosen=True)
        pocket.phone.change_pin(pin_old, pin_new)
    click.echo("changed")


@phone.command(
    "reset-pin",
    epilog=unwrapped(
        "Examples:",
        "  godkend phone reset-pin",
        "  printf '493817\\n608315\\n' | godkend phone reset-pin --pin-stdin",
    ),
)
@pin_options
@click.option("--pin-new", help="The new PIN, for simulations only.")
@phone_options
def reset_pin(pin: str | None, pin_stdin: bool, pin_new: str | None, **which: Any) -> None:
    """Choose a PIN with a temporary one, in place of a forgotten one.

    The temporary PIN is given as the PIN. Strikes and locks stay. With --pin-stdin, the first line
    is the temporary PIN and the second the new one.
    """
    with Pocket.out(**which) as pocket:
        temporary_pin = read_pin(pin, pin_stdin, "Temporary PIN")
        pin_new = read_pin(pin_new, pin_stdin, "New PIN (6 digits)", chosen=True)
        pocket.phone.reset_pin(temporary_pin, pin_new)
    click.echo("reset")


@phone.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend phone block --all",
        "  godkend phone block --authenticator-id 00112233445566778899aabbccddeeff",
    )
)
@click.option("--all", "everything", is_flag=True, help="Block the whole identity.")
@click.option(
    "--authenticator-id",
    type=HexId(),
    default=None,
    help="Block only this authenticator, as 32 digits; it may be this phone.",
)
@phone_options
def block(everything: bool, authenticator_id: bytes | None, **which: Any) -> None:
    """Block everything, or one authenticator. Needs no PIN; only a desk unblocks."""
    if everything == (authenticator_id is not None):
        raise click.UsageError("say what to block: --all or --authenticator-id")
    with Pocket.out(**which) as pocket:
        pocket.phone.block(authenticator_id or b"")
    click.echo("blocked")


@phone.command(
    epilog=unwrapped("Example:", "  godkend phone show --key-file tablet.json"),
)
@key_file_option
@json_option
def show(key_file: Path, as_json: bool) -> None:
    """Show what this phone is. Its private key stays in the file."""
    keys = load_key_file(key_file)
    algorithm = statement_pb2.KeyAlgorithm.Name(keys.key.algorithm)
    print_fields(
        {
            "authenticator_id": keys.authenticator_id.hex(),
            "user_id": keys.user_id,
            "device_name": keys.device_name,
            "server": keys.server,
            "key_algorithm": enum_text(algorithm, "KEY_ALGORITHM_"),
            "public_key": keys.key.public_key.hex(),
        },
        as_json=as_json,
    )


phone.add_command(copy)
