"""Counts the instructions of what is deterministic, and compares them with what was accepted.

    make bench-instructions                    # exit code 1 if a subject costs over 1 % more
    make bench-instructions ARGS="--base HEAD~3"
    make bench-accept                          # stores today's counts: the way to accept a change

A count does not depend on what else the machine does, so the gate can be tight. It does depend on
the compiler, on valgrind, on the C library and on Python: the accepted counts tell with which they
were made. Where these differ, the commit that accepted them is built and counted here instead, once
for each commit. Under valgrind every CPU with AVX2 looks alike: the CPU makes no difference.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench.base_tree import BaseMissing, Tree, base_tree, newest_change
from bench.conversion import EX_TEMPFAIL
from bench.conversion import SUBJECTS as CONVERSIONS
from bench.machine import CHECKOUT, RESULTS, commit

STORED = RESULTS / "instructions.json"
GATE_PERCENT = 1.0
COLLECTED = re.compile(r"Collected : (\d+)")
RUNS_OF_CONVERSION = 3
TRIES_MAX = 10
SUBJECT_TIMEOUT_S = 300
EXIT_REGRESSION, EXIT_CANNOT = 1, 2


class CannotCount(Exception):
    """Something is missing or does not run; nothing was compared."""


@dataclass(frozen=True, slots=True)
class Row:
    """A subject beside its base; counts are instructions for one repetition."""

    subject: str
    base: float | None
    count: float | None

    @property
    def percent(self) -> float | None:
        if self.base is None or self.count is None:
            return None
        return 100 * (self.count / self.base - 1)

    @property
    def verdict(self) -> str:
        if self.count is None:
            return "gone"
        if self.percent is None:
            return "new"
        if self.percent > GATE_PERCENT:
            return "REGRESSION"
        return "better" if self.percent < -GATE_PERCENT else "same"

    @property
    def is_accepted(self) -> bool:
        """A subject that went away unnoticed would be a gate that went away."""
        return self.verdict in ("same", "better")


def toolchain() -> dict[str, str]:
    """What counts depend on besides the source."""
    if shutil.which("valgrind") is None:
        raise CannotCount("valgrind is missing; install it: apt-get install valgrind")
    return {
        "rustc": _output("rustc", "--version"),
        "valgrind": _output("valgrind", "--version"),
        "libc": " ".join(platform.libc_ver()),
        "python": f"{platform.python_version()} {platform.python_compiler()}",
        "machine": platform.machine(),
    }


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def count_all(tree: Tree) -> dict[str, float]:
    """Instructions of every subject for one repetition, in a tree that is built."""
    program = tree.example("instructions")
    library = _collecting_library()
    # The environment lies on the stack and shifts it: always the same one, and the name of the
    # program always as long.
    bare = {"PYTHONHASHSEED": "0", "PYTHONPATH": str(tree.path / "python"), "PATH": os.defpath}

    def of_core(subject: str) -> float:
        toggle = "--toggle-collect=*measured*"
        return _count([toggle, f"./{program.name}", subject], program.parent, bare)

    def of_binding(subject: str) -> float:
        script = [sys.executable, str(CHECKOUT / "bench" / "conversion.py"), subject, str(library)]
        # Memory that other threads of the engine freed is found sooner or later: the least counts.
        return min(_count(script, CHECKOUT, bare) for _ in range(RUNS_OF_CONVERSION))

    core = _output(str(program)).splitlines()
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        counts = [*pool.map(of_binding, CONVERSIONS), *pool.map(of_core, core)]
    return dict(zip([*CONVERSIONS, *core], counts, strict=True))


def _count(command: list[str], directory: Path, env: dict[str, str]) -> float:
    valgrind = ["valgrind", "--tool=callgrind", "--collect-atstart=no"]
    for _ in range(TRIES_MAX):
        done = subprocess.run(
            [*valgrind, "--callgrind-out-file=/dev/null", *command],
            cwd=directory,
            env=env,
            capture_output=True,
            text=True,
            timeout=SUBJECT_TIMEOUT_S,
            check=False,
        )
        if done.returncode != EX_TEMPFAIL:
            break
    collected = COLLECTED.search(done.stderr)
    if done.returncode != 0 or collected is None or int(collected[1]) == 0:
        raise CannotCount(f"{' '.join(command)} was not counted: {done.stdout}{done.stderr}")
    return int(collected[1]) / int(done.stdout.strip())


def _collecting_library() -> Path:
    source = CHECKOUT / "bench" / "collect.c"
    library = CHECKOUT / "target" / "collect.so"
    library.parent.mkdir(exist_ok=True)
    compiler = next((found for name in ("cc", "gcc", "clang") if (found := shutil.which(name))), "")
    done = subprocess.run(
        [compiler, "-O1", "-shared", "-fPIC", "-o", str(library), str(source)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CannotCount(f"{source.name} does not compile: {done.stderr}")
    return library


def base_counts(revision: str | None, tools: dict[str, str]) -> tuple[str, dict[str, float]]:
    """What today's counts are compared with, and what to call it."""
    if revision is None:
        if not STORED.exists():
            raise CannotCount(f"{STORED.name} is missing; store counts with `make bench-accept`")
        stored = json.loads(STORED.read_text("utf-8"))
        if stored["toolchain"] == tools:
            return f"accepted at {stored['commit']['id'][:10]}", stored["counts"]
        differs = ", ".join(name for name in tools if tools[name] != stored["toolchain"].get(name))
        revision = newest_change(STORED)
        print(f"The counts were made with another {differs}; counting {revision[:10]} here.")
    tree = base_tree(revision)
    cached = tree.path.parent / "instructions.json"
    if cached.exists():
        kept = json.loads(cached.read_text("utf-8"))
        if kept["toolchain"] == tools:
            return revision[:10], kept["counts"]
    tree.build()
    counts = count_all(tree)
    cached.write_text(json.dumps({"toolchain": tools, "counts": counts}), "utf-8")
    return revision[:10], counts


def compare(base: dict[str, float], counts: dict[str, float]) -> list[Row]:
    """Every subject of either, in the order of today's."""
    subjects = [*counts, *(subject for subject in base if subject not in counts)]
    return [Row(subject, base.get(subject), counts.get(subject)) for subject in subjects]


def print_table(rows: list[Row], base_name: str) -> None:
    width = max(len(row.subject) for row in rows)
    print(f"{'instructions':<{width}}  {'base':>12}  {'now':>12}  {'change':>8}   ({base_name})")
    for row in rows:
        change = "" if row.percent is None else f"{row.percent:+.2f} %"
        base = "" if row.base is None else f"{row.base:,.1f}"
        count = "" if row.count is None else f"{row.count:,.1f}"
        print(f"{row.subject:<{width}}  {base:>12}  {count:>12}  {change:>8}   {row.verdict}")


def accept(counts: dict[str, float], tools: dict[str, str]) -> None:
    """Makes today's counts the ones to compare with."""
    stored = {"toolchain": tools, "commit": commit(), "counts": counts}
    STORED.write_text(json.dumps(stored, indent=1) + "\n", "utf-8")
    print(
        f"{STORED.relative_to(CHECKOUT)} is written; commit it with the change, and say why there."
    )


def against(revision: str) -> bool:
    """Compares this checkout with a commit, and prints it; whether nothing became dearer."""
    tools, tree = toolchain(), Tree.of_checkout()
    tree.build()
    base_name, base = base_counts(revision, tools)
    rows = compare(base, count_all(tree))
    print()
    print_table(rows, base_name)
    # Beside a base of one's choice, new subjects are nothing to accept.
    return all(row.verdict != "REGRESSION" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--accept", action="store_true", help="store the counts as the new base")
    parser.add_argument("--base", metavar="REV", help="compare with this commit, built here")
    parser.add_argument("--tree", type=Path, help="count this checkout instead of this one")
    arguments = parser.parse_args()
    try:
        tools = toolchain()
        tree = Tree.of_checkout() if arguments.tree is None else Tree.planted(arguments.tree)
        tree.build()
        counts = count_all(tree)
        if arguments.accept:
            accept(counts, tools)
            return 0
        base_name, base = base_counts(arguments.base, tools)
    except (CannotCount, BaseMissing) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return EXIT_CANNOT
    rows = compare(base, counts)
    print_table(rows, base_name)
    refused = [row for row in rows if not row.is_accepted]
    if refused:
        print(
            f"{len(refused)} of {len(rows)} subjects are not as accepted (gate {GATE_PERCENT:g} %)."
            " If they must be so: make bench-accept."
        )
    return EXIT_REGRESSION if refused else 0


if __name__ == "__main__":
    sys.exit(main())
