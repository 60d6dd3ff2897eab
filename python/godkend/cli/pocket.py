"""What a simulated phone keeps between two commands: its key, and the login it opened last."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from godkend.calls import open_channel
from godkend.cli.options import ca_file_option
from godkend.cli.output import Failed, say, time_text
from godkend.phone import KeyFile, Phone
from godkend.v1 import login_service_pb2
from godkend.v1.device_service_pb2 import OpenLoginResponse
from godkend.v1.statement_pb2 import Principal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

key_file_option = click.option(
    "--key-file",
    default="phone.json",
    show_default=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file in which this phone keeps its key.",
)


def phone_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which phone, and where its server is."""
    server_option = click.option(
        "--server",
        envvar="GODKEND_SERVER",
        show_envvar=True,
        metavar="HOST:PORT",
        help="Another server than the one that activated the phone.",
    )
    return key_file_option(server_option(ca_file_option(command)))


def load_key_file(key_file: Path) -> KeyFile:
    """The key file, or one line that says what is wrong with it."""
    try:
        return KeyFile.load(key_file)
    except FileNotFoundError:
        raise Failed(f"{key_file} does not exist; see `godkend phone activate --help`") from None
    except ValueError as error:
        raise Failed(f"{key_file} is not the key file of a simulated phone") from error


class Pocket:
    """A phone at its server, and its memory."""

    def __init__(self, key_file: Path, phone: Phone) -> None:
        self.phone = phone
        self._memory = key_file.with_name(key_file.name + ".opened")

    @classmethod
    @contextlib.contextmanager
    def out(cls, key_file: Path, server: str | None, ca_file: Path | None) -> Iterator[Pocket]:
        """Takes the phone out of the pocket for a while."""
        keys = load_key_file(key_file)
        with open_channel(server or keys.server, ca_file=ca_file) as channel:
            yield cls(key_file, keys.phone(channel))

    def open_login(self, code: str) -> OpenLoginResponse:
        """Opens the login of a code, and remembers it."""
        opened = self.phone.open_login(code)
        descriptor = os.open(self._memory, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(opened.SerializeToString())
        return opened

    def to_decide(self, code: str | None) -> OpenLoginResponse:
        """The login of a code, or the one opened last, shown before anything is decided."""
        if code is not None:
            opened = self.open_login(code)
        else:
            try:
                opened = OpenLoginResponse.FromString(self._memory.read_bytes())
            except FileNotFoundError:
                raise Failed("no login is open on this phone; give the code") from None
        for name, value in opened_fields(opened).items():
            say(f"{name}: {value}")
        return opened

    def forget(self) -> None:
        """The login is decided."""
        self._memory.unlink(missing_ok=True)


def opened_fields(opened: OpenLoginResponse) -> dict[str, object]:
    """What a phone shows of a login."""
    fields: dict[str, object] = {
        "service_provider": opened.service_provider,
        "text": opened.text,
    }
    if opened.HasField("document"):
        fields |= {
            "signs": opened.document.name,
            "media_type": opened.document.media_type,
            "sha256": opened.document.sha256.hex(),
        }
    if opened.acting in {login_service_pb2.ACTING_ALLOWED, login_service_pb2.ACTING_REQUIRED}:
        fields["acts_for"] = ", ".join(offer.principal.name for offer in opened.offers) or None
    return fields | {
        "login_id": opened.login_id.hex(),
        "expires_at": time_text(opened.expires_at_ms),
    }


def chosen(opened: OpenLoginResponse, name: str) -> Principal:
    """The one person of this name for whom the subscriber may act in this login."""
    named = [each.principal for each in opened.offers if each.principal.name == name]
    if len(named) != 1:
        raise Failed(f"{len(named)} of those you may act for here are called {name}")
    return named[0]
