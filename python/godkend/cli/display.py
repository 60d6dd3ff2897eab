"""`godkend display`: code displays from stock to their loss, and simulated ones."""

from __future__ import annotations

import csv
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godkend.cli.identity import Desk, desk_options
from godkend.cli.importing import ACTOR, REPORT_ENDING, import_rows
from godkend.cli.options import Caller, json_option
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
from godkend.cli.store import store_options
from godkend.v1 import display_service_pb2 as pb
from godkend.v1 import display_service_pb2_grpc

if TYPE_CHECKING:
    from godkend.display import Display
    from godkend.display_files import DisplayRow
    from godkend.engine import Engine

REQUEST_ID_BYTES = 16
KEY_DIGITS = 32
SEED_BYTES = 20
PASSWORD_ENV = "GODKEND_DISPLAY_PASSWORD"  # noqa: S105, the name of a variable
KINDS = {
    "display": pb.DISPLAY_KIND_CODE_DISPLAY,
    "audio": pb.DISPLAY_KIND_AUDIO_CODE_READER,
}

password_option = click.option(
    "--password",
    envvar=PASSWORD_ENV,
    show_envvar=True,
    help="The password, for simulations only: others on this machine can read it.",
)


def read_password(password: str | None, *, chosen: bool = False) -> str:
    """The password as given, or asked for without showing it."""
    if password is not None:
        return password
    prompt = "Choose a password (8 characters or more)" if chosen else "Password"
    answer: str = click.prompt(prompt, hide_input=True, confirmation_prompt=chosen, err=True)
    return answer


class DisplayDesk(Desk):
    """The calls about displays of one registrar or support client."""

    def __init__(self, caller: Caller) -> None:
        super().__init__(caller)
        self.displays = display_service_pb2_grpc.DisplayServiceStub(caller.channel)


@click.group(
    epilog=unwrapped(
        "A walk with a simulated display:",
        "  godkend display simulate displays.csv --serial-number D1",
        "  godkend display import displays.csv",
        "  godkend display assign D1 erik",
        '  godkend display activate D1 erik --code "$(godkend display code displays.csv D1)"',
        "  godkend login --service-provider tax --user-id erik --with-display",
    )
)
def display() -> None:
    """Code displays and audio code readers, and the password beside them."""


@display.command(
    "import",
    epilog=unwrapped(
        "Examples:",
        "  godkend display import displays.csv --data-dir godkend-data --dry-run",
        "  godkend display import order-4711.xml --key-file transport.key --kind audio",
        "",
        "A CSV begins with a heading; seeds are hexadecimal or base32, period_s is 0 for a display",
        "that counts its codes:",
        "  serial_number,seed,kind,algorithm,period_s,counter",
        "  D1,3132333435363738393031323334353637383930,display,SHA1,30,",
    ),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--kind",
    type=click.Choice(list(KINDS)),
    default="display",
    show_default=True,
    help="What they are, where the file does not say.",
)
@click.option(
    "--key-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Holds the pre-shared key of encrypted seeds, as 32 hexadecimal digits.",
)
@click.option(
    "--refusals",
    "refusals_path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write what was refused, a JSON object a line.  [default: FILE.refused.jsonl]",
)
@click.option("--dry-run", is_flag=True, help="Check the file; the store is not looked at.")
@store_options
@json_option
def import_displays(
    file: Path,
    kind: str,
    key_file: Path | None,
    refusals_path: Path | None,
    dry_run: bool,
    data_dir: Path | None,
    config_path: Path | None,
    as_json: bool,
) -> None:
    """Take displays into stock from a vendor's seed file: PSKC (RFC 6030) or CSV.

    Seeds are sealed in the store; they never come over the wire, and the file is best destroyed
    afterwards. A display that is refused is reported and the rest goes on. Cut off at any moment,
    run it again: a display that is in already is recognised and changes nothing. A server may run
    on the same store meanwhile. Exit code 1 if anything was refused.
    """
    from godkend.display_files import DisplayFile

    key = _read_key(key_file) if key_file else None
    import_rows(
        lambda: DisplayFile(file, kind=KINDS[kind], key=key),
        _take_into_stock,
        report_path=refusals_path or file.with_name(file.name + REPORT_ENDING),
        dry_run=dry_run,
        data_dir=data_dir,
        config_path=config_path,
        as_json=as_json,
    )


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if 2 * len(key) != KEY_DIGITS:
        raise Misused(f"{path} must hold {KEY_DIGITS} hexadecimal digits")
    return key


async def _take_into_stock(engine: Engine, row: DisplayRow) -> dict[str, str] | None:
    """Imports a display, or says why not. Raises `Fault`: then nothing is known of it."""
    from godkend.engine import TIMEOUT_MS_NONE
    from godkend.errors import Denied, Invalid

    it = row.display
    fields = (it.serial_number, it.kind, it.algorithm, it.period_s, it.counter, it.seed)
    try:
        await engine.call(engine.core.import_display, TIMEOUT_MS_NONE, ACTOR, *fields)
    except Invalid as error:
        refusal = {"reason": error.reason, "field": error.field, "bound": error.bound}
        return {"serial_number": it.serial_number, **refusal}
    except Denied as error:
        return {"serial_number": it.serial_number, "reason": error.reason}
    return None


@display.command(epilog=unwrapped("Example:", "  godkend display assign D1 erik"))
@click.argument("serial_number")
@click.argument("user_id")
@desk_options
def assign(serial_number: str, user_id: str, **where: Any) -> None:
    """Send a display from stock to a subscriber.

    One that they use already works until this one is activated.
    """
    desk = DisplayDesk.of("registrar", **where)
    request = pb.AssignDisplayRequest(
        identity_id=desk.find(user_id).identity_id, serial_number=serial_number
    )
    response: pb.AssignDisplayResponse = desk.call(desk.displays.AssignDisplay, request)
    click.echo(response.display_id.hex())


@display.command(
    epilog=unwrapped(
        "Examples:",
        "  godkend display activate D1 erik --code 492039",
        "  godkend display activate D1 erik --code 492039 --keep-password",
    )
)
@click.argument("serial_number")
@click.argument("user_id")
@click.option("--code", required=True, help="The 6 digits that the display shows now.")
@click.option("--keep-password", is_flag=True, help="The password that is set stays.")
@password_option
@desk_options
def activate(
    serial_number: str,
    user_id: str,
    code: str,
    keep_password: bool,
    password: str | None,
    **where: Any,
) -> None:
    """Put a display into use with a code from it, and set the password beside it.

    Of a display that is in use, a right code opens a door that wrong codes locked.
    """
    desk = DisplayDesk.of("registrar", **where)
    request = pb.ActivateDisplayRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=desk.find(user_id).identity_id,
        serial_number=serial_number,
        one_time_code=code,
        password="" if keep_password else read_password(password, chosen=True),
    )
    desk.call(desk.displays.ActivateDisplay, request)
    click.echo("activated")


@display.command(epilog=unwrapped("Example:", "  godkend display lost D1 erik"))
@click.argument("serial_number")
@click.argument("user_id")
@desk_options
def lost(serial_number: str, user_id: str, **where: Any) -> None:
    """Take a lost display out of use, for good."""
    desk = DisplayDesk.of("support", **where)
    request = pb.ReportDisplayLostRequest(
        identity_id=desk.find(user_id).identity_id, serial_number=serial_number
    )
    desk.call(desk.displays.ReportDisplayLost, request)
    click.echo("lost")


@display.command("password", epilog=unwrapped("Example:", "  godkend display password erik"))
@click.argument("user_id")
@password_option
@desk_options
def set_password(user_id: str, password: str | None, **where: Any) -> None:
    """Set a new password, which the subscriber chooses at a desk."""
    desk = DisplayDesk.of("registrar", **where)
    request = pb.SetPasswordRequest(
        request_id=secrets.token_bytes(REQUEST_ID_BYTES),
        identity_id=desk.find(user_id).identity_id,
        password=read_password(password, chosen=True),
    )
    desk.call(desk.displays.SetPassword, request)
    click.echo("set")


@display.command(epilog=unwrapped("Example:", "  godkend display show erik --json"))
@click.argument("user_id")
@json_option
@desk_options
def show(user_id: str, as_json: bool, **where: Any) -> None:
    """Show a subscriber's displays, and where their doors stand."""
    desk = DisplayDesk.of("registrar", **where)
    request = pb.ListDisplaysRequest(identity_id=desk.find(user_id).identity_id)
    found: pb.ListDisplaysResponse = desk.call(desk.displays.ListDisplays, request)
    doors = {
        "wrong_codes": found.code_door.strikes,
        "codes_locked_until": _time(found.code_door.locked_until_ms),
        "password_is_set": found.password_is_set,
        "wrong_passwords": found.password_door.strikes,
        "password_locked_until": _time(found.password_door.locked_until_ms),
        "password_dead": found.password_door.dead,
    }
    displays = [_fields(each) for each in found.displays]
    if as_json:
        print_json({**doors, "displays": displays})
        return
    print_fields(doors)
    for each in displays:
        click.echo()
        print_fields(each)


def _time(unix_ms: int) -> str | None:
    return time_text(unix_ms) if unix_ms else None


def _fields(found: pb.Display) -> dict[str, object]:
    return {
        "serial_number": found.serial_number,
        "kind": enum_text(pb.DisplayKind.Name(found.kind), "DISPLAY_KIND_"),
        "state": enum_text(pb.DisplayState.Name(found.state), "DISPLAY_STATE_"),
        "since": time_text(found.changed_at_ms),
        "display_id": found.display_id.hex(),
    }


@display.command(
    epilog=unwrapped(
        "Example:", "  godkend display simulate displays.csv --serial-number D1 --kind audio"
    )
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--serial-number", default="D1", show_default=True)
@click.option("--kind", type=click.Choice(list(KINDS)), default="display", show_default=True)
def simulate(file: Path, serial_number: str, kind: str) -> None:
    """Make a seed file with one display that `godkend display code` plays.

    A vendor ships such files with real displays.
    """
    try:
        with file.open("x", newline="", encoding="utf-8") as out:
            file.chmod(0o600)
            rows = csv.writer(out)
            rows.writerow(("serial_number", "seed", "kind"))
            rows.writerow((serial_number, secrets.token_bytes(SEED_BYTES).hex(), kind))
    except FileExistsError:
        raise Failed(f"{file} exists already; it may hold the seeds of displays") from None
    say(f"Its seed is in {file}.")


@display.command(
    epilog=unwrapped("Example:", "  godkend display code displays.csv D1"),
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("serial_number")
@click.option("--counter", type=click.IntRange(0), help="Of a display that counts its codes.")
def code(file: Path, serial_number: str, counter: int | None) -> None:
    """Print the code that a display of a seed file shows now, as its holder reads it off."""
    it = _of_file(file, serial_number)
    if counter is not None:
        click.echo(it.code(counter))
    else:
        click.echo(it.code_at(time.time_ns() // 1_000_000))


def _of_file(file: Path, serial_number: str) -> Display:
    from godkend.display_files import DisplayFile, DisplayRow
    from godkend.row_files import FileRefused

    try:
        for row in DisplayFile(file):
            if isinstance(row, DisplayRow) and row.display.serial_number == serial_number:
                return row.display
    except FileRefused as error:
        raise Misused(str(error)) from error
    raise Failed(f"{file} has no display {serial_number} that can be read")
