"""What clients saw, written down outside the server, each line on the disk before they go on.

A line is written before a call is sent and after its answer has come. What has been sent and not
been answered may have happened or not; what has been answered must have.
"""

from __future__ import annotations

import json
import os
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

Line = dict[str, Any]


class Ledger:
    """An append-only file of JSON lines, written by many threads and read back by one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab")
        self._read_to = 0
        self._lines = 0
        self._grown = threading.Condition()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def write(self, **line: Any) -> None:
        """Appends a line and returns once it is on the disk. Bytes are written as hex."""
        with self._grown:
            self._file.write(json.dumps(line, default=bytes.hex).encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
            self._lines += 1
            self._grown.notify_all()

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return self._lines

    def wait_for(self, lines: int, timeout_s: float, *, unless: threading.Event) -> None:
        """Returns once there are so many lines, or `unless` is set and `wake` called."""
        with self._grown:
            assert self._grown.wait_for(
                lambda: self._lines >= lines or unless.is_set(), timeout_s
            ), f"{self._lines} lines in the ledger, waited for {lines}"

    def wake(self) -> None:
        """Lets whoever waits look again."""
        with self._grown:
            self._grown.notify_all()

    def unread(self) -> Iterator[Line]:
        """The lines that were not read yet, from the file."""
        with self._path.open("rb") as file:
            file.seek(self._read_to)
            for line in file:
                yield json.loads(line)
            self._read_to = file.tell()
