"""Trees to measure: this checkout, a copy of it, and an earlier commit in a worktree of its own.

Earlier commits lie in target/base/COMMIT and share one cargo directory, so that the C below them is
compiled once and building one more costs the Rust that differs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.machine import CHECKOUT

BASES = CHECKOUT / "target" / "base"


class BaseMissing(Exception):
    """There is no such commit here, or it does not build."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Sources, and where cargo puts what it builds of them."""

    path: Path
    target: Path
    module_is_built: bool = False

    @classmethod
    def of_checkout(cls) -> Tree:
        """This one; `make setup` has built its extension."""
        return cls(CHECKOUT, CHECKOUT / "target", module_is_built=True)

    @classmethod
    def planted(cls, path: Path) -> Tree:
        """A copy of this one."""
        return cls(path, CHECKOUT / "target" / "planted")

    def example(self, name: str) -> Path:
        return self.target / "release" / "examples" / name

    def build(self) -> None:
        """Builds the example and the extension. Raises `BaseMissing` if cargo will not."""
        self._cargo("--package", "godkend-core", "--example", "instructions")
        if not self.module_is_built:
            self._cargo("--package", "godkend-py")
            module = self.path / "python" / "godkend" / "_core.abi3.so"
            module.unlink(missing_ok=True)  # Whoever has the old one loaded keeps it.
            shutil.copy2(self.target / "release" / "lib_core.so", module)

    def _cargo(self, *what: str) -> None:
        command = ["cargo", "build", "--release", "--locked", "--quiet", *what]
        done = subprocess.run(
            command, cwd=self.path, env=self._env(), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise BaseMissing(f"{self.path} does not build: {done.stderr}")

    def _env(self) -> dict[str, str]:
        """What makes cargo build as maturin does."""
        found = sorted((CHECKOUT / "target" / "maturin").glob("pyo3-config-*.txt"))
        return {
            **os.environ,
            "CARGO_TARGET_DIR": str(self.target),
            "PYO3_BUILD_EXTENSION_MODULE": "1",
            "PYO3_PYTHON": sys.executable,
            **({"PYO3_CONFIG_FILE": str(found[0])} if found else {}),
        }


def base_tree(revision: str) -> Tree:
    """A commit in a worktree of its own, not yet built."""
    commit = git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    path = BASES / commit / "tree"
    if not path.exists():
        git("worktree", "prune")
        git("worktree", "add", "--quiet", "--detach", str(path), commit)
    return Tree(path, BASES / "build")


def base_revision() -> str:
    """What a change is compared with unless told: where it left main, or the commit before it."""
    if git("status", "--porcelain", "--untracked-files=no"):
        return git("rev-parse", "HEAD")
    head = git("rev-parse", "HEAD")
    try:
        base = git("merge-base", "HEAD", "origin/main")
    except BaseMissing:
        base = head
    return base if base != head else git("rev-parse", "HEAD~1")


def newest_change(file: Path) -> str:
    """The last commit that changed a file."""
    found = git("log", "-1", "--format=%H", "--", str(file.relative_to(CHECKOUT)))
    if not found:
        raise BaseMissing(f"no commit has changed {file.name}")
    return found


def git(*words: str) -> str:
    done = subprocess.run(
        ["git", *words], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BaseMissing(f"git {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()
