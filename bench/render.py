"""Writes the table of figures into README.md from the stored results.

    make bench-table              # after `make bench`, `make login-cost` and the like; commit both
    make lint                     # fails when the table is not what the results say

Nothing is typed into the table by hand. A file of results that is missing leaves its rows out.
`FILES` is the list of them, in the order of the rows. From `bench.json` come the figures that have
a target, from `load.json` the ratios that have one. Any file may bring rows of its own: a list
"rows" at the top of its JSON, of objects whose texts are `what`, `ours`, `yardstick`, `ratio`,
`target` and `verdict` ("met", "short" or nothing), beside `machine_info` and `commit_info` as
`bench.machine` makes them.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from bench.machine import CHECKOUT, RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

README = CHECKOUT / "README.md"
BEGINS, ENDS = "<!-- Made by `make bench-table`. -->\n", "<!-- The table ends. -->\n"
FILES = (
    "bench.json",
    "load.json",
    "lane.json",
    "workers.json",
    "scale.json",
    "overload.json",
    "soak.json",
    "footprint.json",
)
COLUMNS = ("What", "godkend", "Yardstick", "Ratio", "Target", "")
COMMIT_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table, as texts."""

    what: str
    ours: str
    yardstick: str
    ratio: str
    target: str
    verdict: str


def number(found: float) -> str:
    """Three digits, or all of those before the point."""
    return f"{found:,.0f}" if found >= 100 else f"{found:.3g}"


def rows(result: dict[str, Any]) -> Iterable[Row]:
    """What one file of results says."""
    for bench in result.get("benchmarks", ()):
        figure = bench["extra_info"].get("figure")
        if figure is not None and figure["target"]:
            yield Row(
                what=figure["what"],
                ours=f"{number(figure['ours'])} {figure['unit']}",
                yardstick=f"{figure['against']}: {number(figure['yardstick'])} {figure['unit']}",
                ratio=f"{figure['ratio']:.2f}x {figure['ratio_says']}",
                target=figure["target"],
                verdict=figure["verdict"],
            )
    for ratio in result.get("ratios", ()):
        if ratio.get("target"):
            yield Row(
                what=f"{ratio['what']}, server CPU",
                ours=f"{number(ratio['ours_us'])} µs",
                yardstick=f"{ratio['against']}: {number(ratio['yardstick_us'])} µs",
                ratio=f"{ratio['cost']:.2f}x the cost",
                target=ratio["target"],
                verdict=ratio["verdict"],
            )
    for row in result.get("rows", ()):
        yield Row(**{name: str(row.get(name, "")) for name in Row.__slots__})


def made(name: str, result: dict[str, Any]) -> str:
    """Where and of what a file of results was made."""
    machine, commit = result["machine_info"], result["commit_info"]
    revision = commit["id"][:COMMIT_DIGITS] or "not noted"
    changed = " with changes" if commit["dirty"] else ""
    return (
        f"- [`{name}`](bench/results/{name}): commit {revision}{changed}; {machine['cpu_model']},"
        f" {machine['cores']} cores; Python {machine['python']}{_parameters(result)}"
    )


def _parameters(result: dict[str, Any]) -> str:
    named = [*(each["extra_info"].get("parameters") for each in result.get("benchmarks", ()))]
    named.append(result.get("parameters", {}).get("pin"))
    for pin in named:
        if isinstance(pin, dict) and {"memory_kib", "iterations", "parallelism"} <= pin.keys():
            return f"; Argon2id m={pin['memory_kib']} t={pin['iterations']} p={pin['parallelism']}"
    return ""


def table(results: dict[str, dict[str, Any]]) -> str:
    """The table of all results, and what they were made on."""
    found = [row for result in results.values() for row in rows(result)]
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(astuple(row) for row in found)]
    text = "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
    return f"{text}\n" + "".join(made(name, each) + "\n" for name, each in results.items())


def read(directory: Path) -> dict[str, dict[str, Any]]:
    """The results that there are, by file name."""
    present = [directory / name for name in FILES if (directory / name).exists()]
    return {path.name: json.loads(path.read_text("utf-8")) for path in present}


def with_table(text: str, made_table: str) -> str:
    """A text with the table between its marks made anew. Raises `ValueError` without marks."""
    before, begins, rest = text.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"the marks {BEGINS.strip()} and {ENDS.strip()} are missing")
    return f"{before}{BEGINS}{made_table}{ENDS}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if stale")
    arguments = parser.parse_args()
    text = README.read_text("utf-8")
    current = with_table(text, table(read(RESULTS)))
    if arguments.check:
        if current != text:
            print("README.md does not show the stored results: make bench-table", file=sys.stderr)
        return int(current != text)
    README.write_text(current, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
