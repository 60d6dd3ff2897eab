"""The list of guards is one that `make guards` can work with; breaking them all takes hours."""

from __future__ import annotations

import pytest

from tests.guards import ROOT, Guard, read_guards

GUARDS = read_guards()


def test_each_guard_has_a_name_of_its_own() -> None:
    names = [guard.name for guard in GUARDS]
    assert len(set(names)) == len(names) > 100


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_once_where_the_list_says_and_its_tests_exist(guard: Guard) -> None:
    assert (ROOT / guard.file).read_text("utf-8").count(guard.old) == 1
    assert guard.new != guard.old
    assert guard.tests
    for test in guard.tests:
        if test.startswith("cargo:"):
            continue  # Named as cargo filters them: part of a path.
        path, _, name = test.partition("::")
        function = name.rpartition("::")[2].partition("[")[0]
        assert f"def {function}(" in (ROOT / path).read_text("utf-8") or not name
