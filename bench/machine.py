"""Where and of what a result was made: without it a number says nothing."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path
from typing import Final

import psutil  # type: ignore[import-untyped]

CHECKOUT: Final = Path(__file__).parent.parent
RESULTS: Final = CHECKOUT / "bench" / "results"


def machine() -> dict[str, object]:
    """The processor, as it names itself, and what runs on it."""
    return {
        "cpu_model": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    found: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        found.setdefault(name.strip(), value.strip())
    # A virtual machine may hide the model's name, never what the kernel tunes for.
    model = found.get("model name", platform.processor())
    return f"{model} (family {found.get('cpu family')}, model {found.get('model')})"


def commit() -> dict[str, object]:
    """The commit, and whether the checkout differs from it (results and bench aside)."""
    changed = _git(
        "status", "--porcelain", "--", "rust", "python", "Cargo.lock", "requirements.lock"
    )
    return {"id": _git("rev-parse", "HEAD"), "dirty": bool(changed)}


def _git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def filesystem(path: Path) -> str:
    """What a path lies on; a tmpfs syncs nothing and is no place to measure a store."""
    mounts = [
        mount
        for mount in psutil.disk_partitions(all=True)
        if path.resolve().is_relative_to(mount.mountpoint)
    ]
    return str(max(mounts, key=lambda mount: len(mount.mountpoint)).fstype)
