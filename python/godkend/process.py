"""What every process of a server begins and ends with."""

from __future__ import annotations

import os
import resource
import sys

EXIT_STOPPED = 0
EXIT_NOT_STARTED = 1
EXIT_UNHEALTHY = 1
UMASK = 0o077
"""What a server makes, the store above all, is for nobody else to read."""


def keep_private() -> None:
    """From here on, files are made for their owner alone and a crash writes no memory down."""
    os.umask(UMASK)
    # What a crash would write holds PINs.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def tell_operator(why: str) -> None:
    """One line on stderr, also where SQLite needed two."""
    sys.stderr.write(f"godkend: {' '.join(why.splitlines())}\n")
