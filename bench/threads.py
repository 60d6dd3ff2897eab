"""Which thread of a process took how much CPU, as the kernel's scheduler counts it, in ns."""

from __future__ import annotations

import os
from collections import Counter
from contextlib import suppress
from pathlib import Path


def cpu_ns_by_thread(pid: int | None = None) -> Counter[str]:
    """CPU by thread name, those of one name together. Threads that have ended are left out."""
    total: Counter[str] = Counter()
    for task in Path(f"/proc/{pid or os.getpid()}/task").iterdir():
        with suppress(OSError):  # The thread has just ended.
            name = (task / "comm").read_text("utf-8").strip()
            total[name] += int((task / "schedstat").read_text("ascii").split()[0])
    return total
