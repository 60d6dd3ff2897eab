"""Load generators: what is drawn, what is counted, and that they run."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from bench import page
from bench.country import Country
from bench.mixes import (
    ABANDONED,
    BIOMETRICS,
    MIXES,
    OF_HOLDERS,
    PIN,
    WRONG_CODE,
    chooser,
    wrong_pin,
)
from bench.open_loop import DONE, NOT_BEGUN, Run, Walk, by_second, offer, percentiles_ms
from bench.refusals import PASSWORD_CHECKS, PIN_CHECKS, WRONG_CODES, NobodyFree
from bench.shaped_load import discrepancies
from bench.shapes import SHAPES, arrivals_s, most
from bench.soak import growth_per_hour
from bench.trial import Trial, seeded
from godkend.population import Population

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path


@pytest.mark.parametrize("shape", SHAPES)
def test_arrivals_follow_their_shape(shape: str) -> None:
    curve, per_second, seconds = SHAPES[shape], 200.0, 100.0
    due_s = list(arrivals_s(curve, per_second, seconds, random.Random(5)))
    assert due_s == sorted(due_s)
    assert all(0 <= each < seconds for each in due_s)
    for tenth in range(10):
        found = sum(10 * tenth <= each < 10 * tenth + 10 for each in due_s)
        shares = [(tenth + step / 100) / 10 for step in range(100)]
        expected = per_second * 10 * sum(map(curve, shares)) / 100
        # Five standard deviations of a Poisson process.
        assert abs(found - expected) < 5 * expected**0.5 + 1, tenth
    assert most(curve) >= 1


def test_no_rate_is_no_arrivals() -> None:
    assert list(arrivals_s(SHAPES["steady"], 0.0, 10.0, random.Random(1))) == []


@pytest.mark.parametrize("mix", MIXES)
def test_behaviours_are_drawn_by_their_shares(mix: str) -> None:
    choose = chooser(MIXES[mix], random.Random(3))
    drawn, whole = Counter(choose() for _ in range(10_000)), sum(MIXES[mix].values())
    for behaviour, share in MIXES[mix].items():
        assert abs(drawn[behaviour] / 10_000 - share / whole) < 0.03


def test_a_wrong_pin_is_another_pin_of_six_digits() -> None:
    for pin in ("000000", "999999", "123456"):
        assert wrong_pin(pin) != pin
        assert len(wrong_pin(pin)) == 6


def test_latency_counts_from_when_a_login_was_due() -> None:
    walk = Walk(PIN, due_s=1.0, began_s=3.0, ended_s=3.5, outcome=DONE)
    assert walk.latency_ms == 2_500
    assert percentiles_ms([walk] * 99 + [Walk(PIN, 0.0, 0.0, 9.0, DONE)], 50, 99, 100) == {
        "p50": 2_500.0,
        "p99": 2_500.0,
        "p100": 9_000.0,
    }
    assert percentiles_ms([], 50) == {}


def test_nothing_that_was_offered_is_left_out() -> None:
    run = Run(
        [
            Walk(PIN, 0.1, 0.1, 1.2, DONE),
            Walk(PIN, 0.2, 0.2, 0.3, "OVERLOADED", 1.0),
            Walk(BIOMETRICS, 0.3),
            Walk(ABANDONED, 1.1, 1.1, 1.2, DONE),
        ]
    )
    first, second = by_second(run, 2.0)
    assert (first["offered"], first["completed"]) == (3, 0)
    assert (first["refused"], first["not_begun"]) == (1, 1)
    assert (second["offered"], second["completed"]) == (1, 1), "by when it ended"
    assert first["p50"] == 1_100.0


def test_what_ends_after_the_last_second_is_still_counted() -> None:
    rows = by_second(Run([Walk(PIN, 0.9, 0.9, 3.2, DONE)]), 1.0)
    assert [each["offered"] for each in rows] == [1, 0, 0, 0]
    assert [each["completed"] for each in rows] == [0, 0, 0, 1]


class Played:
    """A country whose walks are those of a test."""

    def __init__(self, **walks: Callable[[Counter[str]], Awaitable[None]]) -> None:
        self.walks = walks


async def test_a_guess_that_was_accepted_ends_the_run() -> None:
    async def breaks_in(_did: Counter[str]) -> None:
        raise AssertionError("a guess was accepted")

    async def logs_in(_did: Counter[str]) -> None:
        pass

    country: Any = Played(breaks_in=breaks_in, logs_in=logs_in)
    # Over long before the last one comes.
    names = iter(("breaks_in", "logs_in"))
    with pytest.raises(AssertionError, match="a guess was accepted"):
        await offer(country, iter((0.0, 0.05)), lambda: next(names))


async def test_who_finds_no_subscriber_free_is_counted_as_not_begun() -> None:
    async def finds_nobody(_did: Counter[str]) -> None:
        raise NobodyFree

    country: Any = Played(finds_nobody=finds_nobody)
    run = await offer(country, iter((0.0,)), lambda: "finds_nobody")
    assert run.outcomes() == {"finds_nobody": {NOT_BEGUN: 1}}


def test_a_population_all_of_whom_are_logging_in_has_nobody_free() -> None:
    country = Country(Population.generate(2), [], "token", random.Random(1))
    country.busy.update((0, 1))
    with pytest.raises(NobodyFree):
        country.subscriber()
    country.busy.discard(1)
    assert country.subscriber()[0] == 1


def test_what_the_server_did_not_do_is_found_out() -> None:
    walks = [Walk(kind, 0.0, 0.0, 0.1, DONE) for kind in (PIN, WRONG_CODE) for _ in range(5)]
    run = Run(walks, Counter({PIN_CHECKS: 5, PASSWORD_CHECKS: 5, WRONG_CODES: 5}))
    honest = Counter(
        {
            "godkend_pin_checks_total": 5,
            "godkend_password_checks_total": 5,
            "DISPLAY_CODE_WRONG LoginService/SubmitCode": 5,
            "ok LoginService/RedeemLogin": 10,
            "ok LoginService/SubmitCode": 5,
            "ok LoginService/SubmitPassword": 5,
            "ok DeviceService/ApproveLogin": 5,
            "ok DeviceService/OpenLogin": 5,
        }
    )
    assert discrepancies(run, honest, 0.06, 0.006) == []
    for counter in honest:
        for wrong in (honest[counter] - 1, honest[counter] + 1):
            assert discrepancies(run, Counter({**honest, counter: wrong}), 0.06, 0.006)
    assert discrepancies(run, honest, 0.006, 0.006), "a tenth of the hash that is configured"


def test_a_page_shows_each_line_and_nothing_runs_in_it() -> None:
    made = page.page(
        "<t>", page.plot("P", "ms", [page.Line("a<b", [1.0, None, 3.0]), page.Line("c", [])])
    )
    assert "a&lt;b" in made
    assert made.count("<polyline") == 2, "a gap is a gap"
    assert "<script" not in made
    assert "http" not in made


@pytest.mark.parametrize(
    ("value", "axis"), [(0, 1), (0.03, 0.04), (3, 4), (41, 50), (1_000, 1_000)]
)
def test_axes_end_at_a_round_number(value: float, axis: float) -> None:
    assert page.nice(value) == pytest.approx(axis)


def test_a_quick_load_holds_against_the_servers_counters(tmp_path: Path) -> None:
    result, plots = tmp_path / "load.json", tmp_path / "load.html"
    command = [sys.executable, "-m", "bench.shaped_load", "--quick", "--logins-per-second", "30"]
    where = ["--result", str(result), "--page", str(plots)]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(result.read_text("utf-8"))
    assert found["discrepancies"] == []
    assert found["counters"]["godkend_pin_checks_total"] > 0
    assert sum(each["offered"] for each in found["seconds"]) > 30
    assert "Completed logins, by kind" in plots.read_text("utf-8")


def test_locust_plays_every_behaviour_of_a_population(tmp_path: Path) -> None:
    patient = "[policy.admission]\nhash_wait_ms_max = 60000\nloop_late_ms_max = 60000\n"
    trial = Trial(tmp_path / "data", seeded(tmp_path / "data", 200), settings=patient)
    trial.configure()
    with trial.server() as server:
        command = [
            *(sys.executable, "-m", "locust", "-f", "bench/locustfile.py", "--headless"),
            *("--server", server.address, "--data-dir", str(trial.directory)),
            *("--population", str(trial.directory / "population.json"), "--mix", "attack"),
            *("--logins-per-second", "40", "--shape", "flash-crowd", "--shape-seconds", "3"),
            *("--users", "10", "--spawn-rate", "10", "--run-time", "4s", "--json"),
            # Whom a stranger met at the door is a failure to locust; below is looked at which.
            *("--exit-code-on-error", "0"),
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        counted = server.counters()
    log = (trial.directory / "server.log").read_text("utf-8")
    assert '"event":"synthetic","identities":200' in log, "it says what it holds"
    assert counted["godkend_synthetic_identities"] == 200
    assert done.returncode == 0, done.stderr
    names = {each["name"]: each for each in json.loads(done.stdout)}
    assert names.keys() >= {"login", "PIN", "spraying attacker", "spraying codes"}, done.stdout
    # A door that a stranger has shut is shut for its owner too; their app is not.
    behind_a_door = {"login", "SubmitCode", *OF_HOLDERS}
    failed = {name for name, each in names.items() if each["num_failures"]}
    assert failed <= behind_a_door, done.stdout
    errors = re.findall(r"^\d+ +grpc .*?: *(.*?) *$", done.stderr, re.MULTILINE)
    assert set(errors) == ({"Denied('DISPLAY_CODE_LOCKED')"} if failed else set()), done.stderr
    assert names["PIN"]["num_failures"] == 0
    checks = names["ApproveLogin PIN"]["num_requests"]
    checks += names.get("ApproveLogin wrong PIN", {}).get("num_requests", 0)
    assert counted["godkend_pin_checks_total"] >= checks > 0


def test_a_flood_is_refused_with_a_time_to_come_back_and_those_admitted_finish(
    tmp_path: Path,
) -> None:
    result = tmp_path / "overload.json"
    command = [sys.executable, "-m", "bench.overload", "--quick", "--times", "8"]
    where = ["--result", str(result), "--page", str(tmp_path / "overload.html")]
    done = subprocess.run([*command, *where], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(result.read_text("utf-8"))
    assert found["discrepancies"] == []
    outcomes = found["outcomes_of_the_flood"]["PIN"]
    assert outcomes.keys() == {"done", "OVERLOADED"}, "whoever was admitted finished"
    told = next(row["ours"] for row in found["rows"] if "refused" in row["what"])
    assert f"({outcomes['OVERLOADED']:,} of {outcomes['OVERLOADED']:,} told" in told


def test_growth_is_told_from_noise() -> None:
    rng = random.Random(2)
    samples = [
        {"at_s": 5.0 * n, "grows": 100 + 5.0 * n / 360 + rng.random(), "stays": rng.random()}
        for n in range(720)
    ]
    slope, error = growth_per_hour(samples, "grows")
    assert abs(slope - 10) < 4 * error < 1
    slope, error = growth_per_hour(samples, "stays")
    assert abs(slope) < 4 * error < 1
