"""Capacity: the arithmetic on both sides of its edges, and the command on this machine."""

from __future__ import annotations

import dataclasses
import json

import pytest
from click.testing import CliRunner

from godkend.capacity import (
    SECONDS_PER_MONTH,
    Country,
    HashCost,
    Machine,
    carried,
    cores_needed,
    disk_load,
    raised,
)
from godkend.cli import main

HASH = HashCost(memory_kib=12_288, iterations=3, cpu_s=0.008)
MACHINE = Machine(
    cores=2,
    hash_now=HASH,
    hashes_all_cores_per_s=250,
    pin_login_cpu_s=0.010,
    biometric_login_cpu_s=0.002,
    commands_per_s=10_000,
    bytes_per_identity=300,
)


def country(peak_per_s: float, pin_share: float = 1.0) -> Country:
    """A country whose busiest hour is as busy as told."""
    month = round(peak_per_s * SECONDS_PER_MONTH)
    return Country(1_000, month, peak_factor=1.0, pin_share=pin_share)


def test_denmark_is_34_logins_a_second_on_average_and_about_80_in_its_busiest_hour() -> None:
    denmark = Country(4_500_000, 89_000_000, peak_factor=2.4, pin_share=1.0)
    assert round(denmark.average_per_s) == 34
    assert 80 <= denmark.peak_per_s <= 82


@pytest.mark.parametrize(
    ("peak_per_s", "cores"),
    # A core at half load carries 50 logins of 10 ms.
    [(1, 1), (50, 1), (50.1, 2), (100, 2), (100.1, 3), (1_000, 20)],
)
def test_a_core_more_is_needed_where_the_last_one_is_full(peak_per_s: float, cores: int) -> None:
    assert cores_needed(MACHINE, country(peak_per_s), load_max=0.5) == cores


def test_logins_with_biometrics_need_no_hash_and_so_fewer_cores() -> None:
    # 500 a second: 250 of 10 ms and 250 of 2 ms are 3 s of CPU a second.
    assert cores_needed(MACHINE, country(500, pin_share=1.0), load_max=1.0) == 5
    assert cores_needed(MACHINE, country(500, pin_share=0.5), load_max=1.0) == 3
    assert cores_needed(MACHINE, country(500, pin_share=0.0), load_max=1.0) == 1


def test_a_machine_carries_what_its_scarcer_part_does_and_names_it() -> None:
    found = carried(MACHINE, "PIN", load_max=0.5)
    assert (found.limit, found.per_s) == ("CPU", pytest.approx(100))
    # 5 commands a login: below 1,000 durable commands a second the disk is scarcer than the cores.
    for commands_per_s, limit in [(1_001, "CPU"), (999, "disk")]:
        machine = dataclasses.replace(MACHINE, commands_per_s=commands_per_s)
        assert carried(machine, "PIN", load_max=0.5).limit == limit
    slow = carried(dataclasses.replace(MACHINE, commands_per_s=100), "biometrics", load_max=0.5)
    assert (slow.limit, slow.per_s) == ("disk", pytest.approx(12.5))


def test_the_disk_is_full_where_the_busiest_hour_takes_all_of_its_commands() -> None:
    assert disk_load(MACHINE, country(2_000)) == pytest.approx(1.0, rel=1e-4)
    assert disk_load(MACHINE, country(2_500, pin_share=0.0)) == pytest.approx(1.0, rel=1e-4)


def test_a_dearer_hash_takes_cores_and_memory_and_leaves_the_rest_of_a_login_as_it_is() -> None:
    # 2 ms round the hash: 100 logins a second are 1 s of CPU now, and 4.2 s with a hash of 40 ms.
    dearer = HashCost(memory_kib=65_536, iterations=3, cpu_s=0.040)
    now, then = raised(MACHINE, country(100), [HASH, dearer], load_max=1.0)
    assert (now.cores, then.cores) == (1, 5)
    assert now.memory_mib == 24
    assert then.memory_mib == 2 * 5 * 64


def test_a_login_that_measured_cheaper_than_its_hash_does_not_make_what_is_round_it_negative() -> (
    None
):
    noisy = dataclasses.replace(MACHINE, pin_login_cpu_s=0.007)
    assert noisy.round_the_hash_s() == 0
    assert MACHINE.round_the_hash_s() == pytest.approx(0.002)


def test_the_command_measures_and_tells_what_it_measured_apart_from_what_it_derived() -> None:
    arguments = ["capacity", "--seconds", "0.01", "--pin-share", "0.5", "--json"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    measured, derived = found["measured"], found["derived"]
    assert measured["pin_login_cpu_s"] > measured["biometric_login_cpu_s"] > 0
    assert measured["hash_now"]["memory_kib"] == 12_288
    assert measured["commands_per_s"] > 0
    assert found["country"]["identities"] == 4_500_000
    assert derived["cores_needed"] >= 1
    choices = derived["hash_parameters"]
    assert [each["cost"]["memory_kib"] for each in choices][:2] == [12_288, 19_456]
    assert choices[-1]["cost"]["cpu_s"] > choices[0]["cost"]["cpu_s"]
    # The bar is for the person, not for the next program.
    assert "Measuring" in result.stderr


@pytest.mark.parametrize(
    ("option", "value"),
    [("--pin-share", "1.01"), ("--load-max", "0"), ("--identities", "0"), ("--peak-factor", "0.9")],
)
def test_a_number_out_of_its_bounds_is_refused_by_name_before_anything_is_measured(
    option: str, value: str
) -> None:
    result = CliRunner().invoke(main, ["capacity", option, value])
    assert result.exit_code == 2
    assert option in result.output
