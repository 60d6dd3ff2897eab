"""The reference C of Argon2, compiled for this machine: the yardstick that a wheel cannot be.

Its source is the source distribution of argon2-cffi-bindings in the version, and with the hash,
that requirements.lock names. It is fetched and built once, below target/.
"""

from __future__ import annotations

import ctypes
import re
import subprocess
import sys
import tarfile
from functools import cache
from typing import TYPE_CHECKING, Final

from bench.machine import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

PACKAGE: Final = "argon2-cffi-bindings"
FLAGS: Final = ("-O3", "-march=native", "-fPIC", "-shared", "-pthread")
SOURCES: Final = ("argon2.c", "core.c", "opt.c", "thread.c", "encoding.c", "blake2/blake2b.c")


class Unavailable(Exception):
    """There is no network, or no compiler; the message says what failed."""


@cache
def reference_c() -> ctypes.CDLL:
    """The library. Raises `Unavailable`."""
    requirement = _requirement()
    version = requirement.split("==")[1].split()[0]
    folder = CHECKOUT / "target" / "reference-c" / version
    library = folder / "libargon2.so"
    if not library.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _build(_source(folder, requirement), library)
    return ctypes.CDLL(str(library))


def argon2id(
    password: bytes, salt: bytes, memory_kib: int, iterations: int, parallelism: int, length: int
) -> bytes:
    """Argon2id, version 0x13, as the reference C computes it. Raises `Unavailable`."""
    out = ctypes.create_string_buffer(length)
    failed = reference_c().argon2id_hash_raw(
        ctypes.c_uint32(iterations),
        ctypes.c_uint32(memory_kib),
        ctypes.c_uint32(parallelism),
        password,
        ctypes.c_size_t(len(password)),
        salt,
        ctypes.c_size_t(len(salt)),
        out,
        ctypes.c_size_t(length),
    )
    if failed:
        raise ValueError(f"the reference C refused: {failed}")
    return out.raw


def _requirement() -> str:
    """The lines of the lock file: a name, a version, and the hashes that are good."""
    lock = (CHECKOUT / "requirements.lock").read_text("utf-8")
    found = re.search(rf"^{PACKAGE}==(?:.*\\\n)+.*--hash=\S+$", lock, re.MULTILINE)
    if found is None:
        raise Unavailable(f"requirements.lock does not name {PACKAGE}")
    return found.group()


def _source(folder: Path, requirement: str) -> Path:
    wanted = folder / "requirement.txt"
    wanted.write_text(requirement + "\n", "utf-8")
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-binary", PACKAGE]
    fetch = [sys.executable, "-m", "pip", "download", *options, "--require-hashes"]
    _run([*fetch, "--dest", str(folder), "--requirement", str(wanted)])
    (packed,) = folder.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.glob("*/extras/libargon2")
    return source


def _build(source: Path, library: Path) -> None:
    files = [str(source / "src" / name) for name in SOURCES]
    draft = library.with_suffix(".new")
    _run(["cc", *FLAGS, f"-I{source / 'include'}", "-o", str(draft), *files])
    draft.rename(library)


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable(f"{command[0]} is missing") from error
    if done.returncode != 0:
        raise Unavailable((done.stderr.strip().splitlines() or ["failed"])[-1])
