"""Capacity: the arithmetic on both sides of its edges, and the command on this machine."""

from __future__ import annotations

import dataclasses
import json

import pytest
from click.testing import CliRunner

from godkend.capacity import (
    COMMANDS_PER_LOGIN,
    SECONDS_PER_MONTH,
    Country,
    HashCost,
    Machine,
    carried,
    cores_needed,
    disk_load,
    raised,
    shares,
)
from godkend.cli import main

HASH = HashCost(memory_kib=12_288, iterations=3, cpu_s=0.008)
MACHINE = Machine(
    cores=2,
    hash_now=HASH,
    hashes_all_cores_per_s=250,
    login_cpu_s={
        "PIN": 0.010,
        "biometrics": 0.002,
        "display": 0.012,
        "password": 0.009,
        "signing": 0.011,
    },
    commands_per_s=10_000,
    bytes_per_identity=300,
)


def country(peak_per_s: float, pin_share: float = 1.0, display: float = 0.0) -> Country:
    """A country whose busiest hour is as busy as told."""
    month = round(peak_per_s * SECONDS_PER_MONTH)
    return Country(1_000, month, 1.0, shares(pin_share, display, password=0.0, signing=0.0))


def test_denmark_is_34_logins_a_second_on_average_and_about_80_in_its_busiest_hour() -> None:
    denmark = Country(4_500_000, 89_000_000, 2.4, shares(1.0, 0.0, 0.0, 0.0))
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


def test_every_way_of_logging_in_counts_with_its_share() -> None:
    assert shares(0.5, 0.2, 0.1, 0.1) == pytest.approx(
        {"PIN": 0.3, "biometrics": 0.3, "display": 0.2, "password": 0.1, "signing": 0.1}
    )
    assert shares(1.0, 0.5, 0.25, 0.25)["PIN"] == 0
    with pytest.raises(ValueError, match="more than 1"):
        shares(1.0, 0.5, 0.26, 0.25)
    # 500 a second by display at 12 ms are 6 s of CPU a second; half of them by PIN at 10 ms 5.5.
    assert cores_needed(MACHINE, country(500, display=1.0), load_max=1.0) == 6
    assert cores_needed(MACHINE, country(490, display=0.5), load_max=1.0) == 6
    assert cores_needed(MACHINE, country(450, display=0.5), load_max=1.0) == 5
    # A dearer hash is paid by displays as by PINs.
    dearer = HashCost(memory_kib=65_536, iterations=3, cpu_s=0.040)
    (then,) = raised(MACHINE, country(100, display=1.0), [dearer], load_max=1.0)
    assert then.cores == 5
    assert carried(MACHINE, "display", load_max=0.6).per_s == pytest.approx(100)


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
    noisy = dataclasses.replace(MACHINE, login_cpu_s={**MACHINE.login_cpu_s, "PIN": 0.007})
    assert noisy.round_the_hash_s("PIN") == 0
    assert MACHINE.round_the_hash_s("PIN") == pytest.approx(0.002)
    assert MACHINE.round_the_hash_s("display") == pytest.approx(0.004)
    assert MACHINE.round_the_hash_s("biometrics") == pytest.approx(0.002)


def test_the_command_measures_and_tells_what_it_measured_apart_from_what_it_derived() -> None:
    arguments = ["capacity", "--seconds", "0.01", "--pin-share", "0.5", "--json"]
    result = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    measured, derived = found["measured"], found["derived"]
    cpu_s = measured["login_cpu_s"]
    assert set(cpu_s) == set(COMMANDS_PER_LOGIN) == set(derived["logins_per_s"])
    assert all(cpu_s[kind] > cpu_s["biometrics"] > 0 for kind in cpu_s if kind != "biometrics")
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
    [
        ("--pin-share", "1.01"),
        ("--display-share", "1.01"),
        ("--load-max", "0"),
        ("--identities", "0"),
        ("--peak-factor", "0.9"),
    ],
)
def test_a_number_out_of_its_bounds_is_refused_by_name_before_anything_is_measured(
    option: str, value: str
) -> None:
    result = CliRunner().invoke(main, ["capacity", option, value])
    assert result.exit_code == 2
    assert option in result.output


def test_shares_of_more_than_everything_are_refused_before_anything_is_measured() -> None:
    arguments = ["capacity", "--display-share", "0.6", "--password-share", "0.5"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert "--display-share" in result.output
    assert "more than 1" in result.output
