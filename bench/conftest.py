"""Small results, and one table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.machine import commit, machine
from bench.pairs import FIGURE
from bench.render import number

if TYPE_CHECKING:
    import pytest

STATS_KEPT = ("median", "iqr", "min", "rounds")
COLUMNS = ("what", "ours", "against", "yardstick", "ratio", "target", "")


def pytest_benchmark_generate_machine_info() -> dict[str, object]:
    return machine()


def pytest_benchmark_generate_commit_info() -> dict[str, object]:
    return commit()


def pytest_benchmark_update_json(output_json: dict[str, Any]) -> None:
    output_json["benchmarks"] = [
        {
            "name": each["name"],
            "params": each["params"],
            "extra_info": each["extra_info"],
            "stats": {name: each["stats"][name] for name in STATS_KEPT},
        }
        for each in output_json["benchmarks"]
    ]


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    session: Any = getattr(config, "_benchmarksession", None)
    if session is None:
        return
    rows = [
        _row(each.extra_info[FIGURE]) for each in session.benchmarks if FIGURE in each.extra_info
    ]
    if not rows:
        return
    terminalreporter.section(f"benchmarks on {machine()['cpu_model']}")
    widths = [max(map(len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    for row in (COLUMNS, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        terminalreporter.write_line("  ".join(cells).rstrip())


def _row(figure: dict[str, Any]) -> tuple[str, ...]:
    return (
        figure["what"],
        f"{number(figure['ours'])} {figure['unit']}",
        figure["against"],
        f"{number(figure['yardstick'])} {figure['unit']}",
        f"{figure['ratio']:.2f}x {figure['ratio_says']}",
        figure["target"],
        figure["verdict"],
    )
