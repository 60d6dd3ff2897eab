"""Every way back can be called by whom it is for, and is told by an event that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from godkend import _core
from godkend.notifications.table import NOTICES, Channel
from godkend.service.access import ANYBODY, PACKAGE, ROLES_BY_METHOD

ROUTES = _core.recovery_routes()
EVENTS = (Path(__file__).parents[2] / "rust/godkend-core/src/event.rs").read_text("utf-8")
ROLES = {
    "support": "support",
    "signed_in": "self-service",
    "passport": "registrar",
    "desk": "registrar",
}


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route[0]} by {route[1]}")
def test_a_way_back_is_a_call_of_those_whom_it_is_for(route: tuple[str, str, str, str]) -> None:
    _, means, call, notifies = route
    roles = ROLES_BY_METHOD[PACKAGE + call]
    if means == "device":
        assert roles is ANYBODY
    else:
        assert roles is not ANYBODY
        assert ROLES[means] in roles
    assert not notifies or re.search(rf'= "{re.escape(notifies)}";', EVENTS)


def test_whoever_takes_a_way_back_is_heard_of_on_all_channels() -> None:
    told = {notifies for *_, notifies in ROUTES if notifies}
    # Cards are also ordered without anybody asking: the one that is printed is told.
    told = told - {"key_card.ordered"} | {"key_card.printed"}
    assert {kind for kind in told if NOTICES[kind] != set(Channel)} == set()


def test_no_way_back_stands_twice() -> None:
    assert len({(lost, means) for lost, means, _, _ in ROUTES}) == len(ROUTES)
