"""Key cards and their holders, at the level of the service, in the summer of 2022."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from godkend import _core
from godkend.v1 import key_card_service_pb2 as pb
from tests.service.displays import PASSWORD, submit_password
from tests.service.world import PORTAL
from tests.support.phones import fresh

if TYPE_CHECKING:
    from tests.service.conftest import OpensWorld
    from tests.service.world import Client, Login, World

SUMMER_MS = 1_659_355_200_000
"""2022-08-01, noon in UTC: NemID is everywhere, and in front."""

ORDERED, SENT = pb.KEY_CARD_STATE_ORDERED, pb.KEY_CARD_STATE_SENT
ACTIVE, USED_UP = pb.KEY_CARD_STATE_ACTIVE, pb.KEY_CARD_STATE_USED_UP
LOST, REPLACED = pb.KEY_CARD_STATE_LOST, pb.KEY_CARD_STATE_REPLACED


@dataclass
class Holder:
    """Somebody with a card and a password."""

    identity_id: bytes
    card_id: bytes
    codes: dict[str, str]
    user_id: str = "anna"

    def wrong_code(self) -> str:
        """Six digits that stand nowhere on the card."""
        codes = set(self.codes.values())
        return next(code for code in map("{:06}".format, range(10**6)) if code not in codes)


async def summer(open_world: OpensWorld, **choices: Any) -> World:
    """A server in 2022."""
    return await open_world(clock=_core.ManualClock(SUMMER_MS), **choices)


def ordering(identity_id: bytes) -> pb.OrderKeyCardRequest:
    """A well-formed request."""
    return pb.OrderKeyCardRequest(request_id=fresh(), identity_id=identity_id)


def printing(card_id: bytes) -> pb.PrintKeyCardRequest:
    """A well-formed request."""
    return pb.PrintKeyCardRequest(request_id=fresh(), card_id=card_id)


def losing(identity_id: bytes, card_id: bytes) -> pb.ReportKeyCardLostRequest:
    """A well-formed request."""
    return pb.ReportKeyCardLostRequest(identity_id=identity_id, card_id=card_id)


def activating(
    identity_id: bytes, card_id: bytes, code: str, password: str = PASSWORD, **fields: Any
) -> pb.ActivateKeyCardRequest:
    """A well-formed request."""
    chosen: dict[str, Any] = {
        "request_id": fresh(),
        "identity_id": identity_id,
        "card_id": card_id,
        "one_time_code": code,
        "password": password,
        **fields,
    }
    return pb.ActivateKeyCardRequest(**chosen)


async def cards(world: World, identity_id: bytes) -> list[pb.KeyCard]:
    """The cards that were ever an identity's."""
    response = await world.send(pb.ListKeyCardsRequest(identity_id=identity_id))
    return list(response.key_cards)


async def card(world: World, identity_id: bytes, card_id: bytes) -> pb.KeyCard:
    """One of them."""
    (found,) = [it for it in await cards(world, identity_id) if it.card_id == card_id]
    return found


async def printed(world: World, card_id: bytes) -> dict[str, str]:
    """The codes of a card by their numbers, as its holder reads them."""
    response = await world.send(printing(card_id))
    return {key.key_number: key.one_time_code for key in response.keys}


async def sent(world: World, identity_id: bytes) -> Holder:
    """A card on its way. The clock moves on, so that cards have an order."""
    world.clock.advance(1)
    card_id: bytes = (await world.send(ordering(identity_id))).card_id
    return Holder(identity_id, card_id, await printed(world, card_id))


async def put_into_use(world: World, holder: Holder, **fields: Any) -> None:
    """Activates a card with the key that is asked for."""
    number = (await card(world, holder.identity_id, holder.card_id)).activation_number
    code = holder.codes[number]
    await world.send(activating(holder.identity_id, holder.card_id, code, **fields))


async def activated(
    world: World, user_id: str = "anna", *, identity_id: bytes = b"", **fields: Any
) -> Holder:
    """The whole way to a card in use."""
    holder = await sent(world, identity_id or await world.register(user_id, **fields))
    holder.user_id = user_id
    await put_into_use(world, holder)
    return holder


async def number_of(world: World, login: Login, user_id: str = "anna", by: Client = PORTAL) -> str:
    """The number that a login asks for."""
    request = pb.GetKeyNumberRequest(login_id=login.login_id, user_id=user_id)
    number: str = (await world.send(request, by)).key_number
    return number


async def submit_key(
    world: World, login: Login, code: str, user_id: str = "anna", by: Client = PORTAL
) -> int:
    """Brings the code of a key into a login."""
    request = pb.SubmitKeyRequest(login_id=login.login_id, user_id=user_id, one_time_code=code)
    state: int = (await world.send(request, by)).state
    return state


async def key_accepted(world: World, holder: Holder, by: Client = PORTAL, **fields: Any) -> Login:
    """A login in which the key that it asked for was accepted. The clock moves on before."""
    world.clock.advance(1)
    login = await world.start(holder.user_id, by=by, **fields)
    number = await number_of(world, login, holder.user_id, by)
    await submit_key(world, login, holder.codes[number], holder.user_id, by)
    return login


async def sign_in(world: World, holder: Holder, by: Client = PORTAL, **fields: Any) -> str:
    """A whole login by key card; the assertion it ends in."""
    login = await key_accepted(world, holder, by, **fields)
    await submit_password(world, login, user_id=holder.user_id, by=by)
    return await world.redeem(login, by)
