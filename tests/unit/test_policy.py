"""Every number of the domain has a bound on both sides, and a name when it is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from godkend._core import normalise_policy
from godkend.errors import Invalid

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
QUOTAS = (
    "login_source",
    "login_front_end",
    "login_overall",
    "activation_source",
    "activation_overall",
    "user_id_client",
    "user_id_overall",
    "temporary_pin_identity",
    "temporary_pin_overall",
    "door_source",
    "door_front_end",
    "door_overall",
    "passport_client",
    "passport_overall",
    "copy_source",
    "copy_overall",
    "refused_call_client",
)

BOUNDS: dict[str, tuple[int, int]] = {
    "pin.iterations": (1, 64),
    "pin.parallelism": (1, 16),
    "login.life_ms": (SECOND, HOUR),
    "login.qr_accepted_ms": (SECOND, MINUTE),
    "login.identifier_logins_max": (1, 100),
    "login.statement_skew_ms": (SECOND, HOUR),
    "login.kept_ms": (0, 30 * DAY),
    "activation.sms_life_ms": (MINUTE, 90 * DAY),
    "activation.paper_life_ms": (MINUTE, 90 * DAY),
    "activation.profile_life_ms": (MINUTE, 90 * DAY),
    "activation.tries_max": (1, 100),
    "activation.life_ms": (10 * SECOND, HOUR),
    "issuing.alone_years_min": (1, 30),
    "issuing.consent_years_min": (1, 30),
    "issuing.parent_years_min": (1, 30),
    "issuing.witness_years_min": (1, 30),
    "issuing.witness_known_ms_min": (0, 3_660 * DAY),
    "issuing.witness_window_ms": (DAY, 3_660 * DAY),
    "issuing.witness_statements_max": (1, 100),
    "issuing.authenticators_advised": (1, 10),
    "delegation.adult_years_min": (1, 30),
    "delegation.days_max": (1, 36_525),
    "delegation.open_max": (1, 100),
    "temporary_pin.life_ms": (MINUTE, DAY),
    "temporary_pin.tries_max": (1, 10),
    "temporary_pin.phone_number_age_ms_min": (0, 90 * DAY),
    "key_card.keys": (10, 500),
    "key_card.order_at": (0, 100),
    "nemid.years_min": (1, 30),
    "display.counter_window": (1, 100),
    "display.step_window": (0, 10),
    "display.resync_window": (100, 1_000),
    "door.strikes": (1, 10),
    "door.locked_ms": (SECOND, DAY),
    "door.locked_ms_max": (SECOND, 30 * DAY),
    "door.strikes_max": (1, 100),
    "door.forgotten_ms": (DAY, 366 * DAY),
    "copying.wait_ms": (MINUTE, 7 * DAY),
    "copying.window_ms": (10 * MINUTE, 30 * DAY),
    "copying.code_life_ms": (10 * SECOND, HOUR),
    "copying.user_id_tries_max": (1, 100),
    "copying.finish_life_ms": (MINUTE, DAY),
    "copying.kept_ms": (0, 30 * DAY),
    "self_service.login_age_ms_max": (MINUTE, HOUR),
    "notification.lease_ms": (SECOND, 10 * MINUTE),
    "notification.retry_ms": (100, HOUR),
    "notification.retry_ms_max": (SECOND, DAY),
    "notification.tries_max": (1, 100),
    "notification.kept_ms": (MINUTE, 365 * DAY),
    "notification.dead_kept_ms": (DAY, 365 * DAY),
    "notification.consumers_max": (1, 1_000),
    "history.shown_ms": (DAY, 3_650 * DAY),
    "history.page_entries_max": (1, 1_000),
    "assertion.life_ms": (SECOND, HOUR),
    "admission.hash_wait_ms_max": (1, MINUTE),
    "admission.loop_late_ms_max": (1, MINUTE),
    "admission.retry_ms": (1, MINUTE),
    "engine.hashers": (0, 1_024),
    "engine.hasher_nice": (0, 19),
    "engine.hash_queue_max": (1, 100_000),
    "engine.lane_queue_max": (1, 1_000_000),
    "engine.batch_max": (1, 10_000),
    "engine.overload_retry_ms": (1, MINUTE),
    "engine.sweep_interval_ms": (100, 60 * MINUTE),
    "engine.watch_interval_ms": (1, 10 * SECOND),
}
DAYS = {
    "nemid.app_first_from": "2022-09-22",
    "nemid.banks_closed_from": "2022-10-31",
    "nemid.cards_closed_from": "2023-05-30",
    "nemid.moving_until": "2023-06-05",
    "nemid.limited_from": "2023-06-30",
    "nemid.closed_from": "2023-10-31",
}
LADDERS = ("lockout", "password_lockout")
BOUND_TOGETHER = {"pin.memory_kib", "pin.memory_kib_max"} | {
    f"{ladder}.{field}" for ladder in LADDERS for field in ("rungs", "strikes_max")
}
"""Numbers that are also held to each other; each has a test of its own below."""


def policy_with(path: str, value: Any) -> str:
    section, field = path.split(".")
    return json.dumps({section: {field: value}})


def field_of(policy: str, path: str) -> Any:
    section, field = path.split(".")
    return json.loads(policy)[section][field]


def refusal(policy: str | dict[str, Any]) -> Invalid:
    with pytest.raises(Invalid) as refused:
        normalise_policy(policy if isinstance(policy, str) else json.dumps(policy))
    return refused.value


@pytest.mark.parametrize("path", BOUNDS)
def test_a_number_is_taken_at_its_bounds_and_refused_by_name_beyond(path: str) -> None:
    least, most = BOUNDS[path]
    for value in (least, most):
        assert field_of(normalise_policy(policy_with(path, value)), path) == value
    for value in (least - 1, most + 1):
        refused = refusal(policy_with(path, value))
        # A negative number does not even have the type.
        assert refused.field.removeprefix("pin.") in (path.removeprefix("pin."), "policy")
        assert (refused.field == "policy") == (value < 0)


def test_every_number_has_its_bounds_tested() -> None:
    whole = json.loads(normalise_policy("{}"))
    quotas = {f"budget.{quota}" for quota in QUOTAS}
    paths = {f"{section}.{field}" for section, fields in whole.items() for field in fields}
    assert paths == BOUNDS.keys() | BOUND_TOGETHER | quotas | DAYS.keys() | {
        "assertion.issuer",
        "passport.documents",
    }


@pytest.mark.parametrize("path", DAYS)
def test_a_day_is_one_of_the_calendar(path: str) -> None:
    assert field_of(normalise_policy("{}"), path) == DAYS[path]
    for day in ("1900-01-01", "2199-12-31"):
        assert field_of(normalise_policy(policy_with(path, day)), path) == day
    for no_day in ("1899-12-31", "2200-01-01", "2023-02-29", "2023-1-1", "", 20230101):
        assert refusal(policy_with(path, no_day)).field == "policy"


def test_the_defaults_are_the_domains() -> None:
    whole = json.loads(normalise_policy("{}"))
    assert whole["lockout"] == {
        "rungs": [{"strikes": 3, "locked_ms": HOUR}, {"strikes": 6, "locked_ms": DAY}],
        "strikes_max": 9,
    }
    assert whole["password_lockout"] == whole["lockout"]
    assert whole["door"] == {
        "strikes": 3,
        "locked_ms": 15 * MINUTE,
        "locked_ms_max": DAY,
        "strikes_max": 99,
        "forgotten_ms": 30 * DAY,
    }
    assert whole["login"]["life_ms"] == 5 * MINUTE
    assert whole["login"]["qr_accepted_ms"] == 5 * SECOND
    assert whole["login"]["identifier_logins_max"] == 3
    assert whole["activation"]["sms_life_ms"] == DAY
    assert whole["activation"]["paper_life_ms"] == 14 * DAY
    assert whole["activation"]["tries_max"] == 5
    assert whole["issuing"] == {
        "alone_years_min": 15,
        "consent_years_min": 13,
        "parent_years_min": 18,
        "witness_years_min": 18,
        "witness_known_ms_min": 10 * DAY,
        "witness_window_ms": 120 * DAY,
        "witness_statements_max": 3,
        "authenticators_advised": 2,
    }
    assert whole["temporary_pin"] == {
        "life_ms": HOUR,
        "tries_max": 3,
        "phone_number_age_ms_min": 5 * DAY,
    }
    assert whole["copying"]["wait_ms"] == HOUR
    assert whole["copying"]["code_life_ms"] == 3 * MINUTE
    assert (whole["pin"]["memory_kib"], whole["pin"]["iterations"]) == (12_288, 3)


def test_a_normalised_policy_is_its_own() -> None:
    whole = normalise_policy("{}")
    assert normalise_policy(whole) == whole


@pytest.mark.parametrize("quota", QUOTAS)
@pytest.mark.parametrize(
    ("part", "least", "most"), [("interval_us", 1, 86_400_000_000), ("burst", 1, 10_000_000)]
)
def test_a_budget_is_taken_at_its_bounds_and_refused_by_name_beyond(
    quota: str, part: str, least: int, most: int
) -> None:
    for value in (least, most):
        normalise_policy(
            json.dumps({"budget": {quota: {"interval_us": 1, "burst": 1, part: value}}})
        )
    for value in (least - 1, most + 1):
        refused = refusal({"budget": {quota: {"interval_us": 1, "burst": 1, part: value}}})
        assert refused.field == f"budget.{quota}"


def test_memory_is_held_to_its_lanes_and_to_the_most_that_a_record_may_ask() -> None:
    most = 1_048_576
    for pin in (
        {"memory_kib": 8},
        {"memory_kib": 32, "parallelism": 4},
        {"memory_kib": 64, "memory_kib_max": 64},
        {"memory_kib": most, "memory_kib_max": most},
        {"memory_kib_max": most},
    ):
        normalise_policy(json.dumps({"pin": pin}))
    for pin in (
        {"memory_kib": 7},
        {"memory_kib": 31, "parallelism": 4},
        {"memory_kib": 65, "memory_kib_max": 64},
        {"memory_kib": most + 1, "memory_kib_max": most},
        {"memory_kib_max": most + 1},
        {"memory_kib": 7, "memory_kib_max": 7},
    ):
        assert "memory_kib" in refusal({"pin": pin}).field


@pytest.mark.parametrize("name", LADDERS)
def test_a_ladder_rises_ends_and_stays_within_what_nist_allows(name: str) -> None:
    def ladder(strikes_max: int, *rungs: tuple[int, int]) -> dict[str, Any]:
        steps = [{"strikes": strikes, "locked_ms": locked_ms} for strikes, locked_ms in rungs]
        return {name: {"strikes_max": strikes_max, "rungs": steps}}

    year = 366 * DAY
    for taken in (ladder(1), ladder(100), ladder(9, (1, 1), (8, year))):
        normalise_policy(json.dumps(taken))
    for strikes_max in (0, 101):
        assert refusal(ladder(strikes_max)).field == f"{name}.strikes_max"
    for rungs in [
        [(0, 1)],
        [(9, 1)],
        [(3, 1), (3, 1)],
        [(6, 1), (3, 1)],
        [(3, 0)],
        [(3, year + 1)],
    ]:
        assert refusal(ladder(9, *rungs)).field == f"{name}.rungs"


def test_an_issuer_has_one_to_256_characters() -> None:
    for issuer in ("x", "æ" * 256):
        normalise_policy(json.dumps({"assertion": {"issuer": issuer}}))
    for issuer in ("", "x" * 257):
        assert refusal({"assertion": {"issuer": issuer}}).field == "assertion.issuer"


@pytest.mark.parametrize(
    "policy",
    [
        {"pins": {}},
        {"login": {"life": 1}},
        {"lockout": {"rungs": [{"strikes": 1, "locked_ms": 1, "unit": "s"}]}},
        {"budget": {"login_source": {"interval_us": 1, "burst": 1, "per": "s"}}},
        {"login": {"life_ms": "300000"}},
        {"login": {"life_ms": 300000.5}},
        {"login": None},
    ],
)
def test_what_is_not_known_is_refused_not_passed_over(policy: dict[str, Any]) -> None:
    assert refusal(policy).field == "policy"


@pytest.mark.parametrize("text", ["", "0", "nonsense", "[]", "{}{}"])
def test_what_is_no_policy_is_refused(text: str) -> None:
    assert refusal(text).field == "policy"
