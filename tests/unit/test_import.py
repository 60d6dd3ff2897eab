"""Identities from files: every format, nothing lost with a bad row, and as often as one likes."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from click.testing import CliRunner
from pyarrow import parquet

from godkend.cli import main
from godkend.population import Population
from tests.support.driver import open_driver
from tests.support.outsider import alter
from tests.support.population import seed_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

DONE, NO, USAGE = 0, 1, 2
PEOPLE = [
    {"user_id": "erik", "name": "Erik Hansen", "birth_date": "1984-05-17", "level": "high"},
    {"user_id": "Åse Ø", "name": 'Åse "Ø" Ørsted, dr.', "birth_date": "", "level": ""},
    {"user_id": "anna", "name": "Anna", "birth_date": "2001-02-28", "level": "Low"},
]
LEVELS = [3, 2, 1]


def as_csv(path: Path, people: list[dict[str, str]]) -> None:
    quoted = [['"' + value.replace('"', '""') + '"' for value in each.values()] for each in people]
    lines = [",".join(PEOPLE[0]), *(",".join(each) for each in quoted)]
    # As a spreadsheet writes it.
    path.write_bytes(("\ufeff" + "\r\n".join(lines) + "\r\n\r\n").encode())


def as_jsonl(path: Path, people: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(each) + "\n" for each in people), "utf-8")


def as_parquet(path: Path, people: list[dict[str, str]]) -> None:
    parquet.write_table(pa.Table.from_pylist(people), path)


WRITERS: dict[str, Callable[[Path, list[dict[str, str]]], None]] = {
    "csv": as_csv,
    "jsonl": as_jsonl,
    "parquet": as_parquet,
}


def run(path: Path, *more: str) -> Result:
    directory = path.parent
    config = directory / "godkend.toml"
    config.write_text(f"keys_path = '{directory}/godkend.key'\n")
    where = ("--data-dir", str(directory), "--config", str(config))
    return CliRunner().invoke(main, ["import", str(path), *where, *more])


def refusals(path: Path) -> list[dict[str, Any]]:
    report = path.with_name(path.name + ".refused.jsonl")
    assert stat.S_IMODE(report.stat().st_mode) == 0o600
    return [json.loads(line) for line in report.read_text("utf-8").splitlines()]


def text(directory: Path, name: str, contents: str | bytes) -> Path:
    path = directory / name
    path.write_bytes(contents if isinstance(contents, bytes) else contents.encode())
    return path


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_the_same_identities(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"people.{ending}"
    WRITERS[ending](path, PEOPLE)
    done = run(path, "--json")
    assert done.exit_code == DONE, done.output
    assert json.loads(done.stdout) == {"in the store": 3, "refused": 0, "report": None}
    with open_driver(tmp_path) as driver:
        for person, level in zip(PEOPLE, LEVELS, strict=True):
            found = driver.get_identity(b"", person["user_id"])
            assert (found.user_id, found.name) == (person["user_id"], person["name"])
            assert found.level == level
    (stored,) = alter(tmp_path / "godkend.db", ("SELECT user_id, birth_date FROM identity",))
    assert {user_id: date or "" for user_id, date in stored} == {
        person["user_id"]: person["birth_date"] for person in PEOPLE
    }


@pytest.mark.parametrize("ending", WRITERS)
def test_again_changes_nothing(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"people.{ending}"
    WRITERS[ending](path, PEOPLE[:2])
    assert run(path).exit_code == DONE
    WRITERS[ending](path, PEOPLE)
    assert run(path).exit_code == DONE
    with open_driver(tmp_path) as driver:
        assert [event.kind for event in driver.events()] == ["identity.created"] * 3


def test_a_bad_row_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    rows = [
        "user_id,name,birth_date,level",
        "erik,Erik,1984-05-17,high",
        "ab,Too Short,,",
        "0101901234,A Number,,",
        "ERIK,Same Name,,",
        'open,"never closed,,',
        "few,fields",
        "born,Never,1984-02-30,",
        "high,Up,,highest",
        f"long,{'x' * 9_000},,",
        "anna,Anna,,",
    ]
    path = text(tmp_path, "people.csv", "\n".join(rows))
    done = run(path)
    assert done.exit_code == NO, done.output
    found = refusals(path)
    assert [(each["row"], each.get("field") or each["reason"]) for each in found] == [
        (2, "user_id"),
        (3, "user_id"),
        (4, "USER_ID_TAKEN"),
        (5, "ROW_UNREADABLE"),
        (6, "ROW_UNREADABLE"),
        (7, "birth_date"),
        (8, "ROW_UNREADABLE"),
        (9, "ROW_UNREADABLE"),
    ]
    assert all(each.get("bound") or each["reason"] == "USER_ID_TAKEN" for each in found)
    with open_driver(tmp_path) as driver:
        assert {driver.get_identity(b"", each).name for each in ("erik", "anna")} == {
            "Erik",
            "Anna",
        }


def test_a_quote_left_open_is_no_row(tmp_path: Path) -> None:
    path = text(tmp_path, "people.csv", 'user_id,name\nerik,"Erik\nanna,Anna\n')
    assert run(path).exit_code == NO
    assert [(each["row"], each["reason"]) for each in refusals(path)] == [(1, "ROW_UNREADABLE")]


def test_a_bad_line_of_json_is_reported_and_the_rest_goes_on(tmp_path: Path) -> None:
    lines = [
        b'{"user_id": "erik", "name": "Erik"}',
        b"{",
        b"[]",
        b'{"user_id": "anna", "name": "Anna", "pin": "493817"}',
        b'{"user_id": 7, "name": "Seven"}',
        b'{"name": "Nobody"}',
        b'{"user_id": "bad \xff", "name": "Bytes"}',
        b"[" * 8_000,
        b'{"user_id": "anna", "name": "Anna"}',
    ]
    path = text(tmp_path, "people.jsonl", b"\n".join(lines))
    assert run(path).exit_code == NO
    assert [each["row"] for each in refusals(path)] == [2, 3, 4, 5, 6, 7, 8]


def test_a_row_that_changed_since_is_refused_and_the_identity_stays(tmp_path: Path) -> None:
    assert run(text(tmp_path, "people.csv", "user_id,name\nerik,Erik\n")).exit_code == DONE
    path = text(tmp_path, "people.csv", "user_id,name\nerik,Somebody Else\n")
    assert run(path).exit_code == NO
    assert [each["reason"] for each in refusals(path)] == ["USER_ID_TAKEN"]
    with open_driver(tmp_path) as driver:
        assert driver.get_identity(b"", "erik").name == "Erik"


@pytest.mark.parametrize(
    ("heading", "named"),
    [
        ("user_id,name,pin", "'pin'"),
        ("user_id", "'name'"),
        ("user_id,name,name", "'name'"),
        ("", "'user_id', 'name'"),
        ('user_id,"name', "heading"),
    ],
)
def test_other_columns_are_refused_before_anything_is_done(
    tmp_path: Path, heading: str, named: str
) -> None:
    refused = run(text(tmp_path, "people.csv", f"{heading}\nerik,Erik\n"))
    assert refused.exit_code == USAGE, refused.output
    assert named in refused.output
    with open_driver(tmp_path) as driver:
        assert not driver.events()


@pytest.mark.parametrize("name", ["people.txt", "people", "people.parquet"])
def test_what_is_no_such_file_is_refused(tmp_path: Path, name: str) -> None:
    refused = run(text(tmp_path, name, "user_id,name\n"))
    assert refused.exit_code == USAGE, refused.output
    assert not (tmp_path / "godkend.db").exists()


def test_a_dry_run_tells_the_same_and_leaves_the_store_alone(tmp_path: Path) -> None:
    path = text(tmp_path, "people.csv", "user_id,name\nerik,Erik\nab,Short\nErik,Again\n")
    done = run(path, "--dry-run", "--json")
    assert done.exit_code == NO
    assert json.loads(done.stdout)["would be in the store"] == 1
    assert [each["row"] for each in refusals(path)] == [2, 3]
    assert not (tmp_path / "godkend.db").exists()


def test_real_identities_are_refused_beside_synthetic_ones(tmp_path: Path) -> None:
    seed_all(tmp_path, Population.generate(3))
    refused = run(text(tmp_path, "people.csv", "user_id,name\nerik,Erik\n"))
    assert refused.exit_code == NO
    assert "synthetic" in refused.output


def test_more_rows_than_wait_at_a_time_are_all_there(tmp_path: Path) -> None:
    many = [{"user_id": f"user-{n}", "name": f"N {n}"} for n in range(3_000)]
    path = tmp_path / "people.jsonl"
    as_jsonl(path, many)
    done = run(path, "--json")
    assert json.loads(done.stdout)["in the store"] == 3_000
    with open_driver(tmp_path) as driver:
        assert len(driver.events()) == 3_000
