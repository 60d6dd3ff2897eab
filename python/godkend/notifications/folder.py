"""Messages as files that a person can read: the default, to try it out with.

A message that is delivered again replaces its file, which its id names.
"""

from __future__ import annotations

import datetime
import itertools
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from godkend.notifications.carrier import NotCarried

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from godkend.notifications.writing import Written

ID_DIGITS = 8
PATTERN = "*.txt"
PRUNED_EVERY = 64
"""Messages between two looks for old ones."""


class Folder:
    """Writes messages into a directory that its owner alone can read.

    Those that are so much older than the one at hand are removed, on the thread that carries.
    """

    def __init__(self, path: Path, kept_ms: int) -> None:
        self._path = path
        self._kept_ms = kept_ms
        self._carried = itertools.count()

    def carry(self, message: Written) -> None:
        """Writes the file under another name first, so that nobody reads half of it."""
        at = datetime.datetime.fromtimestamp(message.at_ms / 1_000, datetime.UTC)
        name = f"{message.at_ms}-{message.channel.name.lower()}-{message.message_id[:ID_DIGITS]}"
        text = (
            f"Message: {message.message_id}\n"
            f"Channel: {message.channel.name.lower()}\n"
            f"To: {message.address}\n"
            f"About: {message.kind}, {at.isoformat(timespec='milliseconds')}\n"
            f"Subject: {message.subject}\n"
            f"\n{message.words}\n"
        )
        temporary = self._path / f".{name}"
        try:
            self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.rename(self._path / f"{name}.txt")
        except OSError as error:
            raise NotCarried(error.strerror or "the folder cannot be written") from error
        if next(self._carried) % PRUNED_EVERY == 0:
            with suppress(OSError):  # It is carried; what stays is found another time.
                self._prune(message.at_ms - self._kept_ms)

    def _prune(self, before_ms: int) -> None:
        """Removes the messages about events before a time, and what was left half written."""
        for file in self._path.iterdir():
            at_ms = file.name.removeprefix(".").partition("-")[0]
            if at_ms.isdecimal() and int(at_ms) < before_ms:
                file.unlink(missing_ok=True)


def messages_in(path: Path) -> Iterator[tuple[Path, str]]:
    """The messages in a folder, in the order of their events."""
    for file in sorted(path.glob(PATTERN)):
        yield file, file.read_text("utf-8")
