"""Which PINs are refused, and their nearest neighbours that are not."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from godkend._core import pin_weakness
from godkend.errors import Invalid

BORN = "1990-12-31"


@pytest.mark.parametrize(
    ("pin", "weakness"),
    [
        ("000000", "repeat"),
        ("111111", "repeat"),
        ("999999", "repeat"),
        ("123456", "run"),
        ("654321", "run"),
        ("567890", "run"),
        ("890123", "run"),
        ("098765", "run"),
        ("121212", "pattern"),
        ("123123", "pattern"),
        ("472274", "pattern"),
        ("477774", "pattern"),
        ("447799", "pattern"),
        ("444777", "pattern"),
        ("159753", "common"),
        ("147258", "common"),
        ("102030", "common"),
    ],
)
def test_a_pin_that_is_guessed_first_is_refused(pin: str, weakness: str) -> None:
    assert pin_weakness(pin) == weakness


@pytest.mark.parametrize(
    "pin",
    ["493817", "111113", "123459", "654327", "121213", "123125", "472275", "447798", "444771"],
)
def test_its_neighbour_is_not(pin: str) -> None:
    assert pin_weakness(pin) is None


@pytest.mark.parametrize(
    "pin",
    [
        *("311290", "123190", "901231", "903112", "319012", "129031"),
        *("199012", "199031", "121990", "311990"),
    ],
)
def test_the_birth_date_is_refused_in_every_order(pin: str) -> None:
    assert pin_weakness(pin, BORN) == "birth_date"
    assert pin_weakness(pin, "1971-03-04") is None
    assert pin_weakness(pin) is None


@pytest.mark.parametrize("pin", ["301290", "311291", "311190"])
def test_the_day_before_is_not(pin: str) -> None:
    assert pin_weakness(pin, BORN) is None


@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567", "12345a", " 23456", "١٢٣٤٥٦", "１２３４５６"]
)
def test_what_is_not_six_digits_is_malformed_not_weak(pin: str) -> None:
    with pytest.raises(Invalid) as refused:
        pin_weakness(pin)
    assert (refused.value.field, refused.value.reason) == ("pin", "FIELD_INVALID")
    assert pin not in str(refused.value) or not pin


@pytest.mark.parametrize("born", ["1990-02-31", "1899-12-31", "2200-01-01", "31-12-1990", "x"])
def test_what_is_no_day_is_refused_by_name(born: str) -> None:
    with pytest.raises(Invalid) as refused:
        pin_weakness("493817", born)
    assert refused.value.field == "birth_date"


@given(st.dates(date(1900, 1, 1), date(2199, 12, 31)))
def test_whatever_the_birth_date_its_digits_are_refused(born: date) -> None:
    day = str(born)
    year, month, day_of_month = day[2:4], day[5:7], day[8:10]
    assert pin_weakness(day_of_month + month + year, day) is not None
    assert pin_weakness(year + month + day_of_month, day) is not None


def test_few_of_a_million_are_refused() -> None:
    refused = sum(pin_weakness(f"{pin:06}") is not None for pin in range(1_000_000))
    assert 2_000 < refused < 10_000
