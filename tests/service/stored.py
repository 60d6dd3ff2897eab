"""What is in a store, read by a process of its own.

Two copies of SQLite in one process, Python's and the core's, must not open the same file: POSIX
drops all locks of a process on a file when any of its descriptors is closed, so that the one who
closes takes the write-ahead log away from under the other.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

READER = """
import json, sqlite3, sys
for path in sys.stdin:
    store = sqlite3.connect(f"file:{path.strip()}?mode=ro", uri=True)
    print(json.dumps(list(store.iterdump())), flush=True)
    store.close()
"""

OF_THE_NOTIFIER = (
    *('INSERT INTO "lease"', 'INSERT INTO "message"'),
    """INSERT INTO "consumer" VALUES('','notifier'""",
)
"""What a server writes by itself, whatever it is asked."""


class StoreReader:
    """Reads whole stores, one after the other."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def dump(self, store: Path) -> list[str]:
        """Everything in a store that somebody asked for, as SQL."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{store}\n")
        self._process.stdin.flush()
        lines: list[str] = json.loads(self._process.stdout.readline())
        return [line for line in lines if not line.startswith(OF_THE_NOTIFIER)]
