"""DisplayService: code displays, audio code readers, and the password beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from godkend.errors import Invalid
from godkend.service.call import caller, prove_subscriber, timeout_ms
from godkend.v1 import display_service_pb2 as pb
from godkend.v1.display_service_pb2_grpc import DisplayServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context

    Kind: TypeAlias = pb.DisplayKind.ValueType
    State: TypeAlias = pb.DisplayState.ValueType


class DisplayService(DisplayServiceServicer):
    """Assigns, activates and retires displays, and sets passwords."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def ListDisplays(
        self, request: pb.ListDisplaysRequest, context: Context
    ) -> pb.ListDisplaysResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        view: _core.DisplaysView = await engine.call(
            engine.core.list_displays, timeout_ms(context), request.identity_id
        )
        return pb.ListDisplaysResponse(
            displays=map(_display, view.displays),
            code_door=door_of(view.code_door),
            password_is_set=view.password_is_set,
            password_door=door_of(view.password_door),
        )

    async def AssignDisplay(
        self, request: pb.AssignDisplayRequest, context: Context
    ) -> pb.AssignDisplayResponse:
        engine = self._engine
        display_id: bytes = await engine.call(
            engine.core.assign_display,
            timeout_ms(context),
            caller.get().name,
            request.identity_id,
            request.serial_number,
        )
        return pb.AssignDisplayResponse(display_id=display_id)

    async def ActivateDisplay(
        self, request: pb.ActivateDisplayRequest, context: Context
    ) -> pb.ActivateDisplayResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        display_id: bytes = await engine.call(
            engine.core.activate_display,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            request.serial_number,
            request.one_time_code,
            request.password,
            session.signed_in_at_ms if session else None,
        )
        return pb.ActivateDisplayResponse(display_id=display_id)

    async def ReportDisplayLost(
        self, request: pb.ReportDisplayLostRequest, context: Context
    ) -> pb.ReportDisplayLostResponse:
        engine = self._engine
        prove_subscriber(engine.core, context, request.identity_id)
        await engine.call(
            engine.core.report_display_lost,
            timeout_ms(context),
            caller.get().name,
            request.identity_id,
            request.serial_number,
        )
        return pb.ReportDisplayLostResponse()

    async def SetPassword(
        self, request: pb.SetPasswordRequest, context: Context
    ) -> pb.SetPasswordResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        await engine.call(
            engine.core.set_password,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            request.password,
            session.signed_in_at_ms if session else None,
            _evidence(request.evidence_reference),
        )
        return pb.SetPasswordResponse()


def _evidence(reference: str) -> str | None:
    """What support has to give, and nobody else may."""
    if caller.get().role == "support":
        return reference
    if reference:
        raise Invalid("evidence_reference", "must be empty unless support asks")
    return None


def _display(view: _core.DisplayView) -> pb.Display:
    return pb.Display(
        display_id=view.display_id,
        serial_number=view.serial_number,
        kind=cast("Kind", view.kind),
        state=cast("State", view.state),
        changed_at_ms=view.changed_at_ms,
    )


def door_of(view: _core.DoorView) -> pb.Door:
    """A door as callers see it."""
    return pb.Door(strikes=view.strikes, locked_until_ms=view.locked_until_ms, dead=view.dead)
