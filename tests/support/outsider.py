"""Somebody else at the store: another process, as an operator or a burglar would be.

Never this one: POSIX locks belong to a process, so that Python's own SQLite would neither wait for
the engine's nor leave its locks alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ALTER = """
import json, sqlite3, sys
path, statements = json.loads(sys.argv[1])
with sqlite3.connect(path) as store:
    rows = [store.execute(sql, [bytes.fromhex(one) for one in blobs]).fetchall()
            for sql, *blobs in statements]
store.close()
json.dump([[[one.hex() if isinstance(one, bytes) else one for one in row] for row in found]
           for found in rows], sys.stdout)
"""

HOLD = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
store.execute("ROLLBACK")
"""


def alter(store: Path, *statements: tuple[Any, ...]) -> Any:
    """Runs SQL on the store, in one transaction; blobs go in as bytes and come out as hex."""
    plain = [
        [one.hex() if isinstance(one, bytes) else one for one in statement]
        for statement in statements
    ]
    run = subprocess.run(
        [sys.executable, "-c", ALTER, json.dumps([str(store), plain])],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(run.stdout)


@contextmanager
def write_lock(store: Path) -> Iterator[None]:
    """Holds the store's write lock, as another worker in the middle of a long commit would."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin
        assert holder.stdout
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.stdin.close()
            assert holder.wait() == 0
