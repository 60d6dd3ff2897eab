"""KeyCardService: NemID's paper cards, logging in with them, and moving over from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from godkend.errors import Denied
from godkend.service.call import caller, prove_subscriber, timeout_ms
from godkend.service.display import door_of
from godkend.v1 import key_card_service_pb2 as pb
from godkend.v1.key_card_service_pb2_grpc import KeyCardServiceServicer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context
    from godkend.v1.identity_service_pb2 import Language
    from godkend.watch import State as LoginState

    State: TypeAlias = pb.KeyCardState.ValueType
    WayIn: TypeAlias = pb.WayIn.ValueType


class KeyCardService(KeyCardServiceServicer):
    """Orders, prints, activates and retires key cards, and takes their keys in logins."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ListWaysIn(
        self, request: pb.ListWaysInRequest, context: Context
    ) -> pb.ListWaysInResponse:
        client = caller.get()
        if not client.serves(request.service_provider):
            raise Denied("SERVICE_PROVIDER_FORBIDDEN")
        ways = self._engine.core.ways_in(client.service_kind(request.service_provider))
        return pb.ListWaysInResponse(ways_in=cast("Sequence[WayIn]", ways))

    async def GetKeyNumber(
        self, request: pb.GetKeyNumberRequest, context: Context
    ) -> pb.GetKeyNumberResponse:
        engine = self._engine
        number: int = await engine.call(
            engine.core.key_number,
            timeout_ms(context),
            caller.get().name,
            request.login_id,
            request.user_id,
        )
        return pb.GetKeyNumberResponse(key_number=f"{number:04}")

    async def SubmitKey(
        self, request: pb.SubmitKeyRequest, context: Context
    ) -> pb.SubmitKeyResponse:
        engine = self._engine
        login: _core.LoginView = await engine.call(
            engine.core.submit_key,
            timeout_ms(context),
            caller.get().name,
            request.login_id,
            request.user_id,
            request.one_time_code,
        )
        return pb.SubmitKeyResponse(state=cast("LoginState", login.state))

    async def OrderKeyCard(
        self, request: pb.OrderKeyCardRequest, context: Context
    ) -> pb.OrderKeyCardResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        card_id: bytes = await engine.call(
            engine.core.order_key_card,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            session.signed_in_at_ms if session else None,
        )
        return pb.OrderKeyCardResponse(card_id=card_id)

    async def ListKeyCards(
        self, request: pb.ListKeyCardsRequest, context: Context
    ) -> pb.ListKeyCardsResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        view: _core.KeyCardsView = await engine.call(
            engine.core.list_key_cards, timeout_ms(context), request.identity_id
        )
        return pb.ListKeyCardsResponse(
            key_cards=map(_card, view.cards), key_door=door_of(view.key_door)
        )

    async def ListOrderedKeyCards(
        self, request: pb.ListOrderedKeyCardsRequest, context: Context
    ) -> pb.ListOrderedKeyCardsResponse:
        engine = self._engine
        ordered: list[_core.OrderedKeyCard] = await engine.call(
            engine.core.list_ordered_key_cards, timeout_ms(context), request.after_card_id
        )
        return pb.ListOrderedKeyCardsResponse(ordered=map(_ordered, ordered))

    async def PrintKeyCard(
        self, request: pb.PrintKeyCardRequest, context: Context
    ) -> pb.PrintKeyCardResponse:
        engine = self._engine
        content: _core.KeyCardContent = await engine.call(
            engine.core.print_key_card,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.card_id,
        )
        return pb.PrintKeyCardResponse(
            card_number=content.card_number,
            keys=[pb.Key(key_number=it, one_time_code=code) for it, code in content.keys],
            language=cast("Language.ValueType", content.language),
        )

    async def ActivateKeyCard(
        self, request: pb.ActivateKeyCardRequest, context: Context
    ) -> pb.ActivateKeyCardResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        await engine.call(
            engine.core.activate_key_card,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            request.card_id,
            request.one_time_code,
            request.password,
            session.signed_in_at_ms if session else None,
        )
        return pb.ActivateKeyCardResponse()

    async def ReportKeyCardLost(
        self, request: pb.ReportKeyCardLostRequest, context: Context
    ) -> pb.ReportKeyCardLostResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        await engine.call(
            engine.core.report_key_card_lost,
            timeout_ms(context),
            caller.get().name,
            request.identity_id,
            request.card_id,
        )
        return pb.ReportKeyCardLostResponse()

    async def MoveFromNemId(
        self, request: pb.MoveFromNemIdRequest, context: Context
    ) -> pb.MoveFromNemIdResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        if session is None:
            raise Denied("SUBSCRIBER_NOT_PROVED")
        issued: _core.ActivationCodeIssued = await engine.call(
            engine.core.move_from_nemid,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            session,
        )
        return pb.MoveFromNemIdResponse(
            activation_code=issued.activation_code, expires_at_ms=issued.expires_at_ms
        )


def _card(view: _core.KeyCardView) -> pb.KeyCard:
    number = view.activation_number
    return pb.KeyCard(
        card_id=view.card_id,
        card_number=view.card_number,
        state=cast("State", view.state),
        keys_left=view.keys_left,
        activation_number="" if number is None else f"{number:04}",
        changed_at_ms=view.changed_at_ms,
    )


def _ordered(view: _core.OrderedKeyCard) -> pb.OrderedKeyCard:
    return pb.OrderedKeyCard(
        card_id=view.card_id,
        identity_id=view.identity_id,
        card_number=view.card_number,
        ordered_at_ms=view.ordered_at_ms,
    )
