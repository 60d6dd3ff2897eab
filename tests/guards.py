"""Breaks each guard in turn and sees that a test notices.

    make guards                      # all of them; takes a while, Rust is rebuilt for most
    make guards ARGS="pin replay"    # those whose name holds one of these words
    make guards ARGS=--list

A guard is an entry of `guards.toml`: a file, the text that guards, what it becomes when the guard
is taken out, and the tests that must then fail. Each is broken in a copy of the tree, never in
place. A guard whose test still passes, or whose text is no longer found, is reported and the run
fails.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GUARDS = Path(__file__).with_name("guards.toml")
TARGET = ROOT / "target" / "guards"
TEST_TIMEOUT_S = 600


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard and the test that watches it."""

    name: str
    file: str
    old: str
    new: str
    tests: list[str]

    @property
    def is_rust(self) -> bool:
        return self.file.endswith((".rs", ".sql"))


def read_guards() -> list[Guard]:
    """The entries of `guards.toml`."""
    with GUARDS.open("rb") as file:
        return [Guard(**entry) for entry in tomllib.load(file)["guard"]]


def copy_tree(into: Path) -> None:
    """Every file that git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)


def environment(tree: Path) -> dict[str, str]:
    """What makes cargo build as maturin does but soon again, and Python import from the copy."""
    found = sorted((ROOT / "target" / "maturin").glob("pyo3-config-*.txt"))
    return {
        **os.environ,
        "CARGO_TARGET_DIR": str(TARGET),
        # One file changes each time, and nothing is measured.
        "CARGO_PROFILE_RELEASE_LTO": "off",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16",
        "CARGO_PROFILE_RELEASE_INCREMENTAL": "true",
        "CARGO_PROFILE_RELEASE_DEBUG": "none",
        "PYO3_BUILD_EXTENSION_MODULE": "1",
        "PYO3_PYTHON": sys.executable,
        **({"PYO3_CONFIG_FILE": str(found[0])} if found else {}),
        "PYTHONPATH": str(tree / "python"),
    }


def build(tree: Path) -> str:
    """Builds the extension of the copy; what cargo said if it would not build."""
    command = ["cargo", "build", "--release", "--locked", "--package", "godkend-py", "--quiet"]
    done = subprocess.run(
        command, cwd=tree, env=environment(tree), capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        # A new file: whoever still has the old one loaded keeps it.
        module = tree / "python" / "godkend" / "_core.abi3.so"
        module.unlink(missing_ok=True)
        shutil.copy2(TARGET / "release" / "lib_core.so", module)
        return ""
    return done.stderr


def test_fails(tree: Path, test: str) -> bool:
    """Whether the test fails: a pytest node, or `cargo:` and the name of a Rust test."""
    if test.startswith("cargo:"):
        name = test.removeprefix("cargo:")
        command = ["cargo", "test", "--release", "--locked", "--package", "godkend-core", name]
    else:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    done = subprocess.run(
        command,
        cwd=tree,
        env=environment(tree),
        capture_output=True,
        text=True,
        timeout=TEST_TIMEOUT_S,
        check=False,
    )
    # pytest: 1 is "tests failed", others are "no such test" and the like. cargo: 101.
    return done.returncode in (1, 101)


def break_guard(tree: Path, guard: Guard) -> str:
    """Takes the guard out of the copy and runs its tests; what is wrong, or nothing."""
    path = tree / guard.file
    intact = path.read_text()
    if intact.count(guard.old) != 1:
        return f"its text stands {intact.count(guard.old)} times in {guard.file}, not once"
    path.write_text(intact.replace(guard.old, guard.new))
    try:
        if guard.is_rust and (refused := build(tree)):
            return f"does not build without it:\n{refused}"
        passed = [test for test in guard.tests if not test_fails(tree, test)]
        return f"still passes without it: {', '.join(passed)}" if passed else ""
    finally:
        path.write_text(intact)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("words", nargs="*", help="only guards whose name holds one of these")
    parser.add_argument("--list", action="store_true", help="print the guards and do nothing")
    arguments = parser.parse_args()
    words: list[str] = arguments.words
    chosen = [
        guard for guard in read_guards() if not words or any(word in guard.name for word in words)
    ]
    if arguments.list:
        for guard in chosen:
            print(f"{guard.name}\n    {guard.file}\n    {' '.join(guard.tests)}")
        return 0
    failed = 0
    with tempfile.TemporaryDirectory(prefix="godkend-guards-") as folder:
        tree = Path(folder)
        copy_tree(tree)
        print("building the tree as it is ...", flush=True)
        if refused := build(tree):
            print(refused)
            return 1
        broken_rust = False
        for number, guard in enumerate(chosen, 1):
            if broken_rust and not guard.is_rust:
                build(tree)
            wrong = break_guard(tree, guard)
            broken_rust = guard.is_rust
            failed += bool(wrong)
            print(f"[{number}/{len(chosen)}] {guard.name}: {wrong or 'noticed'}", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
