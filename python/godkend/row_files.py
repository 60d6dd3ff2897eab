"""What files of rows share, whatever a row is: how far they were read, and bounded lines."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE_BYTES_MAX: Final = 8_192
"""The longest row: no field of any has more than 200 characters, however it is quoted."""
TOO_LONG: Final = f"longer than {LINE_BYTES_MAX} bytes"


class FileRefused(Exception):
    """The file as a whole cannot be read; the message names what is wrong with it."""


@dataclass(frozen=True, slots=True)
class RowUnreadable:
    """A row that is none, and why."""

    number: int
    why: str


class RowFile:
    """A file of rows and how far it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.size = path.stat().st_size
        """What `position` counts up to."""
        self.position = 0
        """How far reading has come: in bytes, or in rows of a Parquet file."""

    def __iter__(self) -> Iterator[Any]:
        """Each row in order, with its `number`. Raises `FileRefused`."""
        raise NotImplementedError

    def lines(self) -> Iterator[str | None]:
        """The lines; None for one that is too long to be a row."""
        with self.path.open("rb") as file:
            while line := file.readline(LINE_BYTES_MAX):
                self.position += len(line)
                rest = line
                while not rest.endswith(b"\n") and (rest := file.readline(LINE_BYTES_MAX)):
                    self.position += len(rest)
                    line = b""
                # A byte that is no UTF-8 spoils its own row only, which is looked at later.
                yield line.decode("utf-8", "surrogateescape") if line else None


def csv_fields(line: str | None) -> list[str]:
    """The fields of a line of CSV (RFC 4180). Raises ValueError saying why there are none."""
    if line is None:
        raise ValueError(TOO_LONG)
    try:
        return next(csv.reader([line.rstrip("\r\n")], strict=True), [])
    except csv.Error as error:
        raise ValueError(f"no CSV: {error}") from error
