"""RULES.md names every number of the policy with its default, and only files that are there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from godkend._core import normalise_policy

if TYPE_CHECKING:
    from collections.abc import Iterator

CORE = Path(__file__).resolve().parents[2] / "rust" / "godkend-core"
RULES = (CORE / "RULES.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in RULES.splitlines()
    if line.startswith("| ") and not line.startswith(("| Rule |", "|---"))
]
NUMBER = re.compile(r"`([a-z0-9_]+(?:\.[a-z0-9_]+)+)`(?: (\d{4}-\d\d-\d\d|\d+)\b)?")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
WORDED = {"lockout.rungs", "passport.documents"}
"""Lists, which the row says in words."""


def numbers(policy: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in policy.items():
        if isinstance(value, dict):
            yield from numbers(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


POLICY = dict(numbers(json.loads(normalise_policy("{}"))))
NAMED = [found for row in ROWS for found in NUMBER.findall(row[1])]


def test_every_number_of_the_policy_has_one_place_in_the_table() -> None:
    assert sorted(name for name, _ in NAMED) == sorted(POLICY)


@pytest.mark.parametrize(("name", "shown"), [it for it in NAMED if it[0] not in WORDED])
def test_the_default_that_is_shown_is_the_one_in_force(name: str, shown: str) -> None:
    default = str(POLICY[name])
    is_told = isinstance(POLICY[name], int) or DAY.fullmatch(default)
    assert shown == (default if is_told else "")


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_a_rule_has_a_file_that_is_there(row: list[str]) -> None:
    rule, _, file = row
    assert rule
    assert (CORE / "src" / file.strip("`")).is_file()
