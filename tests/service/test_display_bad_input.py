"""Malformed fields of displays, codes and passwords, one at a time.

What a table says is told in `tests.support.bad_input`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from godkend.v1 import display_service_pb2 as pb
from godkend.v1 import login_service_pb2 as login_pb
from tests.service.displays import (
    PASSWORD,
    STEP_MS,
    a_display,
    activated,
    activating,
    assigning,
    stock,
    submit_code,
)
from tests.service.stored import StoreReader
from tests.support.bad_input import IDS_OF_16, Otherwise, Rows, answered, refuse_each
from tests.support.phones import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from google.protobuf.message import Message

    from tests.service.conftest import OpensWorld
    from tests.service.world import World

TYPED = ("", "x" * 61, "\u00e6" * 61, "x" * 10_000)
CODES = ("", "12345", "1234567", "12345a", "-12345", "\uff11\uff12\uff13\uff14\uff15\uff16")
PASSWORDS = ("short 7", "x" * 65, "\u00e6" * 65, "x" * 10_000, "nul\0and more", "tab\tand more")
WEAK = tuple(Otherwise(it, "PASSWORD_WEAK") for it in ("password1", "anna-x-anna", "0101901234"))
SERIALS = ("", "-", "x" * 41, "a_1", "\u00e61", "a\0", "x" * 10_000)

BAD: dict[str, Rows] = {
    "SubmitCodeRequest": {"login_id": IDS_OF_16, "user_id": TYPED, "one_time_code": CODES},
    "SubmitPasswordRequest": {
        "login_id": IDS_OF_16,
        "user_id": TYPED,
        "password": ("", *PASSWORDS),
    },
    "ListDisplaysRequest": {"identity_id": IDS_OF_16},
    "AssignDisplayRequest": {"identity_id": IDS_OF_16, "serial_number": SERIALS},
    "ActivateDisplayRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "serial_number": SERIALS,
        "one_time_code": CODES,
        "password": (*PASSWORDS, *WEAK),
    },
    "ReportDisplayLostRequest": {"identity_id": IDS_OF_16, "serial_number": SERIALS},
    "SetPasswordRequest": {
        "request_id": IDS_OF_16,
        "identity_id": IDS_OF_16,
        "password": ("", *PASSWORDS, *WEAK),
        # It is support's to give, and the one that asks here is a desk.
        "evidence_reference": ("case 4711",),
    },
}


async def prepared(world: World, name: str) -> Message:
    """A request that would be granted."""
    if name in {"AssignDisplayRequest", "ActivateDisplayRequest"}:
        identity_id, display = await world.register("anna"), a_display()
        await stock(world, display)
        assign = assigning(identity_id, "A1")
        if name == "AssignDisplayRequest":
            return assign
        await world.send(assign)
        return activating(identity_id, "A1", display.code_at(world.now_ms))
    holder = await activated(world)
    identity_id, serial_number = holder.identity_id, holder.display.serial_number
    match name:
        case "ListDisplaysRequest":
            return pb.ListDisplaysRequest(identity_id=identity_id)
        case "ReportDisplayLostRequest":
            return pb.ReportDisplayLostRequest(identity_id=identity_id, serial_number=serial_number)
        case "SetPasswordRequest":
            return pb.SetPasswordRequest(
                request_id=fresh(), identity_id=identity_id, password=PASSWORD
            )
    login = await world.start("anna")
    if name == "SubmitCodeRequest":
        return login_pb.SubmitCodeRequest(
            login_id=login.login_id, user_id="anna", one_time_code=holder.code(world)
        )
    await submit_code(world, login, holder.code(world))
    world.clock.advance(STEP_MS)
    return login_pb.SubmitPasswordRequest(
        login_id=login.login_id, user_id="anna", password=PASSWORD
    )


@pytest.fixture(scope="module")
def reader() -> Iterator[StoreReader]:
    """Reads stores."""
    with StoreReader() as reader:
        yield reader


@pytest.mark.parametrize(
    ("name", "field_name"),
    [(name, field_name) for name, rows in BAD.items() for field_name in rows],
)
async def test_a_malformed_field_is_refused_by_name_and_nothing_is_stored(
    open_world: OpensWorld, tmp_path: Path, reader: StoreReader, name: str, field_name: str
) -> None:
    world = await open_world(store="")
    honest = await prepared(world, name)
    store = tmp_path / "data" / "godkend.db"
    bad = BAD[name][field_name]
    await refuse_each(world, honest, field_name, bad, lambda: reader.dump(store))


@pytest.mark.parametrize("password", ["æ" * 8, "æ" * 64, "e\u0301" * 64, "\U0001f600" * 64])
async def test_a_password_at_its_bound_is_accepted(open_world: OpensWorld, password: str) -> None:
    world = await open_world()
    identity_id = await world.register("anna")
    request = pb.SetPasswordRequest(request_id=fresh(), identity_id=identity_id, password=password)
    await answered(world, request)
