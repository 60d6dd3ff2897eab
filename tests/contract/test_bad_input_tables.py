"""Every field of every request has a row of malformed values in the tests of its service."""

from __future__ import annotations

from importlib import import_module

import pytest

from tests.service.world import METHODS
from tests.support.bad_input import ANYTHING, Rows

MODULES = (
    "tests.service.test_bad_input",
    "tests.service.test_bad_input_copying",
    "tests.service.test_issuing_input",
    "tests.service.test_recovery",
    "tests.service.test_display_bad_input",
    "tests.service.test_key_card_input",
    "tests.service.test_passport_input",
    "tests.service.test_notification_input",
    "tests.service.test_delegation_bad_input",
)
"""Each has a table `BAD`; a service stands in one of them."""

TABLES: list[dict[str, Rows]] = [import_module(name).BAD for name in MODULES]
BAD = {name: rows for table in TABLES for name, rows in table.items()}


def test_no_request_stands_in_two_tables() -> None:
    assert sum(map(len, TABLES)) == len(BAD)


@pytest.mark.parametrize("name", METHODS)
def test_every_field_of_a_request_has_a_row(name: str) -> None:
    assert set(BAD.get(name, {})) == set(METHODS[name].input_type.fields_by_name)


@pytest.mark.parametrize("name", BAD)
def test_only_fields_of_yes_or_no_may_hold_anything(name: str) -> None:
    for field_name, bad in BAD[name].items():
        declared = METHODS[name].input_type.fields_by_name[field_name]
        assert (bad is ANYTHING) == (declared.type == declared.TYPE_BOOL), field_name
