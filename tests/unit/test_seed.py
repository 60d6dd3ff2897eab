"""A synthetic population: whole, its own, resumable, and never beside real people."""

from __future__ import annotations

import dataclasses
import json
import signal
import stat
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from godkend.cli import main
from godkend.errors import Denied, Invalid
from godkend.event_chain import event_hash
from godkend.population import Population
from godkend.v1.event_service_pb2 import Event
from godkend.v1.statement_pb2 import USER_VERIFICATION_BIOMETRICS
from tests.support.driver import open_driver
from tests.support.outsider import alter
from tests.support.phones import Phone, approve, login, opened, register
from tests.support.policies import CHEAP_PIN
from tests.support.population import seed_all, seeding

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

DONE, NO, USAGE = 0, 1, 2
MANY = 100_000


def words(directory: Path, identities: int) -> list[str]:
    """What is typed, with a configuration whose PINs are cheap and whose keys the tests find."""
    config = directory / "godkend.toml"
    pin = "".join(f"{name} = {value}\n" for name, value in CHEAP_PIN.items())
    config.write_text(f"keys_path = '{directory}/godkend.key'\n[policy.pin]\n{pin}", "utf-8")
    return [
        *("seed", "--identities", str(identities)),
        *("--data-dir", str(directory), "--config", str(config)),
    ]


def run(directory: Path, identities: int) -> Result:
    return CliRunner().invoke(main, words(directory, identities))


def phone_of(population: Population, index: int) -> Phone:
    return Phone(
        population.device_key(index),
        authenticator_id=population.authenticator_id(index),
        pin=population.pin(index),
    )


@pytest.mark.parametrize("index", [0, 1, 16, 49])
def test_everybody_logs_in_with_pin_and_biometrics(tmp_path: Path, index: int) -> None:
    assert run(tmp_path, 50).exit_code == DONE
    population = Population.load(tmp_path / "population.json")
    with open_driver(tmp_path) as driver:
        phone = phone_of(population, index)
        assert login(driver, phone)
        waiting = opened(driver, phone)
        assert waiting.opened
        signed = phone.decides(waiting.opened, how=USER_VERIFICATION_BIOMETRICS)
        driver.approve_login(signed.statement, signed.signature, "")
        found = driver.get_identity(b"", population.user_id(index).upper())
        (only,) = found.authenticators
        assert only.authenticator_id == phone.authenticator_id


def test_another_ones_pin_is_wrong(tmp_path: Path) -> None:
    population = Population.generate(3)
    seed_all(tmp_path, population)
    with open_driver(tmp_path) as driver:
        phone = phone_of(population, 0)
        with pytest.raises(Denied, match="PIN_WRONG"):
            approve(driver, phone, opened(driver, phone), population.pin(1))


def test_a_record_is_sealed_for_its_own_phone(tmp_path: Path) -> None:
    """Equal PINs are hashed once, but no record fits another phone, and none looks like another."""
    population = Population.generate(40)
    seed_all(tmp_path, population)
    (records,) = alter(tmp_path / "godkend.db", ("SELECT pin_record FROM authenticator",))
    assert len({record for (record,) in records}) == len(records) == 40


def test_the_history_tells_of_the_population_once_and_holds(tmp_path: Path) -> None:
    population = Population.generate(20)
    seed_all(tmp_path, population)
    seed_all(tmp_path, population)
    with open_driver(tmp_path) as driver:
        assert driver.core.synthetic_identities() == 20
        (event,) = driver.events()
    assert (event.kind, json.loads(event.detail)) == (
        "population.seeded",
        {"identities": 20, "synthetic": True},
    )
    message = Event(
        seq=event.seq, at_ms=event.at_ms, kind=event.kind, actor=event.actor, detail=event.detail
    )
    assert event_hash(bytes(32), message) == event.hash


def test_no_population_beside_real_identities(tmp_path: Path) -> None:
    with open_driver(tmp_path) as driver:
        register(driver, "erik")
    refused = run(tmp_path, 10)
    assert refused.exit_code == NO
    assert "real identities" in refused.output
    assert not (tmp_path / "population.json").exists()
    with open_driver(tmp_path) as driver:
        assert driver.core.synthetic_identities() == 0
        assert register(driver, "anna")


def test_no_real_identity_beside_a_population(tmp_path: Path) -> None:
    seed_all(tmp_path, Population.generate(5))
    with open_driver(tmp_path) as driver, pytest.raises(Denied, match="SYNTHETIC_STORE"):
        register(driver, "erik")


def test_no_population_beside_another(tmp_path: Path) -> None:
    seed_all(tmp_path, Population.generate(5))
    with pytest.raises(Invalid, match="another synthetic population"):
        seeding(tmp_path, Population.generate(5))


def test_killed_at_any_moment_it_goes_on_where_it_was(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "godkend", *words(tmp_path, MANY)]
    kills, ends_s = 0, time.monotonic() + 120
    for pause_s in (0.4, 0.5, 0.6, 0.7):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as it:
            while not (tmp_path / "godkend.db").exists() and time.monotonic() < ends_s:
                time.sleep(0.01)
            time.sleep(pause_s)
            kills += it.poll() is None
            it.send_signal(signal.SIGKILL)
    assert kills, "it was always faster than the kill"
    assert run(tmp_path, MANY).exit_code == DONE
    population = Population.load(tmp_path / "population.json")
    counts = alter(
        tmp_path / "godkend.db",
        ("SELECT count(*) FROM identity",),
        ("SELECT count(*) FROM authenticator",),
        ("SELECT count(*) FROM display WHERE state = 3",),
        ("SELECT count(*) FROM password",),
    )
    assert counts == [[[MANY]], [[MANY]], [[MANY // 10]], [[MANY // 10]]]
    with open_driver(tmp_path) as driver:
        for index in (0, MANY // 3, MANY - 1):
            assert login(driver, phone_of(population, index))
        assert [event.kind for event in driver.events()].count("population.seeded") == 1


def test_two_at_once_write_one_population(tmp_path: Path) -> None:
    population = Population.generate(30_000)
    one, other = seeding(tmp_path, population), seeding(tmp_path, population)
    assert one.step() == 8_192
    assert other.step() == 8_192, "what the first has written is not written again"
    assert other.step() == 16_384
    while one.step() < one.identities:
        pass
    assert other.step() == 30_000


def test_the_file_of_a_population_is_for_its_owner_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "population.json"
    population = Population.generate(3)
    population.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert Population.load(path) == population
    with pytest.raises(FileExistsError):
        Population.generate(3).save(path)
    assert Population.load(path) == population
    assert [each.name for each in tmp_path.iterdir()] == ["population.json"]
    assert population.secret.hex() not in repr(population)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "godkend synthetic population 2"}'])
def test_what_is_no_population_file_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "population.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="synthetic population"):
        Population.load(path)
    assert run(tmp_path, 5).exit_code == USAGE
    assert path.read_text() == text


def test_another_number_is_refused_and_nothing_is_changed(tmp_path: Path) -> None:
    assert run(tmp_path, 5).exit_code == DONE
    refused = run(tmp_path, 6)
    assert refused.exit_code == USAGE
    assert "5 identities" in refused.output


def test_another_share_of_displays_is_another_population(tmp_path: Path) -> None:
    command = words(tmp_path, 40)
    made = CliRunner().invoke(main, [*command, "--displays-percent", "25", "--json"])
    assert json.loads(made.stdout)["with a display"] == 10
    assert run(tmp_path, 40).exit_code == DONE, "what it is of stands in the file"
    refused = CliRunner().invoke(main, [*command, "--displays-percent", "24"])
    assert refused.exit_code == USAGE
    assert "25 displays of a hundred" in refused.output
    population = Population.load(tmp_path / "population.json")
    with pytest.raises(Invalid, match="another synthetic population"):
        seeding(tmp_path, dataclasses.replace(population, displays_percent=24))


@pytest.mark.parametrize("percent", [0, 1, 10, 33, 100])
def test_displays_are_numbered_and_each_has_one_holder(percent: int) -> None:
    population = Population.generate(1_000, percent)
    indexes = [population.holder(number) for number in range(population.displays)]
    assert len(indexes) == 10 * percent
    numbers = [population.display_number(index) for index in range(1_000)]
    assert [numbers[index] for index in indexes] == list(range(10 * percent))
    assert sum(number is not None for number in numbers) == 10 * percent
    for wrong in (-1, population.displays):
        with pytest.raises(IndexError):
            population.holder(wrong)


def test_whoever_has_no_display_has_none(tmp_path: Path) -> None:
    population = Population.generate(3, displays_percent=0)
    for of in (population.display, population.password):
        with pytest.raises(IndexError, match="no display"):
            of(0)
    seed_all(tmp_path, population)
    (rows,) = alter(tmp_path / "godkend.db", ("SELECT count(*) FROM display",))
    assert rows == [[0]]


@pytest.mark.parametrize("percent", [-1, 101])
def test_a_share_of_displays_out_of_bounds_is_named(tmp_path: Path, percent: int) -> None:
    command = [*words(tmp_path, 5), "--displays-percent", str(percent)]
    assert CliRunner().invoke(main, command).exit_code == USAGE
    with pytest.raises(ValueError, match="displays_percent"):
        Population.generate(5, percent)


@pytest.mark.parametrize("identities", [0, 100_000_000])
def test_bounds_are_named(tmp_path: Path, identities: int) -> None:
    assert run(tmp_path, identities).exit_code == USAGE
    with pytest.raises(ValueError, match="identities"):
        Population.generate(identities)
    population = Population(bytes(32), identities, ("493817",))
    with pytest.raises(Invalid, match="identities"):
        seeding(tmp_path, population)
    assert not (tmp_path / "godkend.db").exists()
    with pytest.raises(IndexError):
        Population.generate(3).user_id(3)
