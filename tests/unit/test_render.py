"""The table in README.md: made of stored results, and of nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bench.machine import RESULTS
from bench.render import BEGINS, ENDS, README, read, table, with_table

if TYPE_CHECKING:
    from pathlib import Path

RESULT_BYTES_MAX = 64 * 1024
MADE: dict[str, Any] = {
    "machine_info": {"cpu_model": "A CPU", "cores": 2, "python": "3.11.7"},
    "commit_info": {"id": "0123456789abcdef", "dirty": False},
}


def figure(**changed: object) -> dict[str, Any]:
    """A benchmark's result as `make bench` stores it."""
    whole: dict[str, object] = {
        "what": "a hash",
        "against": "a yardstick",
        "ours": 10.2432,
        "yardstick": 23066.8,
        "unit": "ms",
        "ratio": 2.0645,
        "ratio_says": "as fast",
        "target": ">= 1.9x",
        "verdict": "met",
    }
    return {"extra_info": {"figure": whole | changed}}


def test_a_figure_with_a_target_is_a_row_and_one_without_is_not() -> None:
    shown = table({"bench.json": MADE | {"benchmarks": [figure(), figure(what="x", target="")]}})
    row = "| a hash | 10.2 ms | a yardstick: 23,067 ms | 2.06x as fast | >= 1.9x | met |"
    assert row in shown.splitlines()
    assert "| x |" not in shown


def test_any_file_may_bring_rows_of_its_own_and_says_where_it_was_made() -> None:
    row = {"what": "45 million", "ours": "97 %", "target": ">= 90 %", "verdict": "met"}
    shown = table({"scale.json": MADE | {"rows": [row]}})
    assert "| 45 million | 97 % |  |  | >= 90 % | met |" in shown
    assert "commit 0123456789; A CPU, 2 cores" in shown


def test_only_what_is_between_the_marks_changes() -> None:
    assert with_table(f"a\n{BEGINS}old\n{ENDS}b\n", "new\n") == f"a\n{BEGINS}new\n{ENDS}b\n"
    with pytest.raises(ValueError, match="marks"):
        with_table("a\n", "new\n")


def test_results_that_are_missing_leave_their_rows_out(tmp_path: Path) -> None:
    assert read(tmp_path) == {}
    (tmp_path / "load.json").write_text(json.dumps(MADE))
    (tmp_path / "other.json").write_text("not read")
    assert read(tmp_path) == {"load.json": MADE}


def test_the_readme_shows_the_stored_results() -> None:
    text = README.read_text("utf-8")
    assert with_table(text, table(read(RESULTS))) == text, "make bench-table"


def test_stored_results_are_slim_enough_to_commit() -> None:
    for path in RESULTS.glob("*.json"):
        assert path.stat().st_size <= RESULT_BYTES_MAX, path
