"""Displays and their holders, at the level of the service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from godkend.display import Display
from godkend.v1 import display_service_pb2 as pb
from godkend.v1 import login_service_pb2 as login_pb
from tests.service.world import PORTAL
from tests.support.phones import fresh

if TYPE_CHECKING:
    from tests.service.world import Client, Login, World

PASSWORD, PASSWORD_OTHER, PASSWORD_WRONG = "blåbærgrød 7", "rabarbergrød 8", "havregrød 99"
STEP_MS = 30_000


@dataclass
class Holder:
    """Somebody with a display and a password."""

    identity_id: bytes
    display: Display
    user_id: str = "anna"
    password: str = PASSWORD

    def code(self, world: World) -> str:
        """What the display shows now."""
        return self.display.code_at(world.now_ms)

    def wrong_code(self, world: World) -> str:
        """Six digits that the display is nowhere near showing."""
        now = world.now_ms // STEP_MS
        shown = {self.display.code(step) for step in range(now - 600, now + 600)}
        return next(code for code in map("{:06}".format, range(10**6)) if code not in shown)


def a_display(serial_number: str = "A1", **fields: Any) -> Display:
    """A display with a seed of its own."""
    return Display(serial_number, fresh(20), **fields)


async def stock(world: World, display: Display) -> bytes:
    """Imports a display, as the command line does."""
    engine = world.server.engine
    display_id: bytes = await engine.call(
        engine.core.import_display,
        0,
        "import",
        display.serial_number,
        display.kind,
        display.algorithm,
        display.period_s,
        display.counter,
        display.seed,
    )
    return display_id


def assigning(identity_id: bytes, serial_number: str) -> pb.AssignDisplayRequest:
    """A well-formed request."""
    return pb.AssignDisplayRequest(identity_id=identity_id, serial_number=serial_number)


def activating(
    identity_id: bytes, serial_number: str, code: str, password: str = PASSWORD, **fields: Any
) -> pb.ActivateDisplayRequest:
    """A well-formed request."""
    chosen: dict[str, Any] = {
        "request_id": fresh(),
        "identity_id": identity_id,
        "serial_number": serial_number,
        "one_time_code": code,
        "password": password,
        **fields,
    }
    return pb.ActivateDisplayRequest(**chosen)


async def activated(
    world: World,
    user_id: str = "anna",
    *,
    identity_id: bytes = b"",
    display: Display | None = None,
    **fields: Any,
) -> Holder:
    """The whole way to a display in use. Its clock has moved on: the code of now is a new one."""
    identity_id = identity_id or await world.register(user_id, **fields)
    display = display or a_display(f"S{fresh(6).hex().upper()}")
    await stock(world, display)
    await world.send(assigning(identity_id, display.serial_number))
    holder = Holder(identity_id, display, user_id)
    await world.send(activating(identity_id, display.serial_number, holder.code(world)))
    world.clock.advance(STEP_MS)
    return holder


async def submit_code(
    world: World, login: Login, code: str, user_id: str = "anna", by: Client = PORTAL
) -> int:
    """Brings a code into a login."""
    request = login_pb.SubmitCodeRequest(
        login_id=login.login_id, user_id=user_id, one_time_code=code
    )
    state: int = (await world.send(request, by)).state
    return state


async def submit_password(
    world: World, login: Login, password: str = PASSWORD, user_id: str = "anna", by: Client = PORTAL
) -> int:
    """Brings a password into a login."""
    request = login_pb.SubmitPasswordRequest(
        login_id=login.login_id, user_id=user_id, password=password
    )
    state: int = (await world.send(request, by)).state
    return state


async def sign_in(world: World, holder: Holder, **fields: Any) -> str:
    """A whole login by display; the assertion it ends in. The clock moves on to the next code."""
    login = await world.start(holder.user_id, **fields)
    await submit_code(world, login, holder.code(world), holder.user_id)
    await submit_password(world, login, holder.password, holder.user_id)
    world.clock.advance(STEP_MS)
    return await world.redeem(login)
