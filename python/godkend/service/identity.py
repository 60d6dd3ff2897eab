"""IdentityService: the life of an identity, as registrars and support see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, cast

from godkend.errors import Denied
from godkend.service.call import caller, prove_subscriber, timeout_ms
from godkend.v1 import identity_service_pb2 as pb
from godkend.v1.identity_service_pb2_grpc import IdentityServiceServicer

if TYPE_CHECKING:
    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context
    from godkend.v1 import login_service_pb2

    Language: TypeAlias = pb.Language.ValueType
    Level: TypeAlias = login_service_pb2.AssuranceLevel.ValueType


NOBODY = bytes(16)
"""No identity has this id."""


class IdentityService(IdentityServiceServicer):
    """Registers, shows and blocks identities."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def CreateIdentity(
        self, request: pb.CreateIdentityRequest, context: Context
    ) -> pb.CreateIdentityResponse:
        engine = self._engine
        identity_id: bytes = await engine.call(
            engine.core.create_identity,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.user_id,
            request.name,
            request.birth_date,
            request.level,
            request.unproved,
            request.organisation_number,
        )
        return pb.CreateIdentityResponse(identity_id=identity_id)

    async def GetIdentity(
        self, request: pb.GetIdentityRequest, context: Context
    ) -> pb.GetIdentityResponse:
        engine = self._engine
        try:
            identity: _core.IdentityView = await engine.call(
                engine.core.get_identity, timeout_ms(context), request.identity_id, request.user_id
            )
        except Denied:
            # A self-service site learns of nobody but who is signed in to it, nor that they exist.
            prove_subscriber(engine.core, context, NOBODY)
            raise
        prove_subscriber(engine.core, context, identity.identity_id)
        return pb.GetIdentityResponse(identity=_identity(identity))

    async def SetContactDetails(
        self, request: pb.SetContactDetailsRequest, context: Context
    ) -> pb.SetContactDetailsResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        details = request.contact_details
        await engine.call(
            engine.core.set_contact_details,
            timeout_ms(context),
            caller.get().name,
            request.identity_id,
            details.phone_number,
            details.email,
            details.language,
            session.signed_in_at_ms if session else None,
        )
        return pb.SetContactDetailsResponse()

    async def IssueActivationCode(
        self, request: pb.IssueActivationCodeRequest, context: Context
    ) -> pb.IssueActivationCodeResponse:
        engine = self._engine
        session = prove_subscriber(engine.core, context, request.identity_id)
        issued: _core.ActivationCodeIssued = await engine.call(
            engine.core.issue_activation_code,
            timeout_ms(context),
            caller.get().name,
            request.request_id,
            request.identity_id,
            request.channel,
            request.attested_key,
            session.signed_in_at_ms if session else None,
        )
        return pb.IssueActivationCodeResponse(
            activation_code=issued.activation_code, expires_at_ms=issued.expires_at_ms
        )

    async def BlockIdentity(
        self, request: pb.BlockIdentityRequest, context: Context
    ) -> pb.BlockIdentityResponse:
        prove_subscriber(self._engine.core, context, request.identity_id)
        await self._block(request, context, blocked=True)
        return pb.BlockIdentityResponse()

    async def UnblockIdentity(
        self, request: pb.UnblockIdentityRequest, context: Context
    ) -> pb.UnblockIdentityResponse:
        await self._block(request, context, blocked=False)
        return pb.UnblockIdentityResponse()

    async def _block(
        self,
        request: pb.BlockIdentityRequest | pb.UnblockIdentityRequest,
        context: Context,
        *,
        blocked: bool,
    ) -> None:
        engine = self._engine
        await engine.call(
            engine.core.block_identity,
            timeout_ms(context),
            caller.get().name,
            request.identity_id,
            request.authenticator_id,
            blocked,
        )


def _identity(view: _core.IdentityView) -> pb.Identity:
    return pb.Identity(
        identity_id=view.identity_id,
        user_id=view.user_id,
        name=view.name,
        level=cast("Level", view.level),
        blocked=view.blocked,
        created_at_ms=view.created_at_ms,
        authenticators=map(_authenticator, view.authenticators),
        contact_details=pb.ContactDetails(
            phone_number=view.phone_number,
            email=view.email,
            language=cast("Language", view.language),
        ),
        phone_number_changed_at_ms=view.phone_number_changed_at_ms,
        proved_since_ms=view.proved_since_ms,
        authenticators_advised=view.authenticators_advised,
        organisation_number=view.organisation_number,
    )


def _authenticator(view: _core.AuthenticatorView) -> pb.Authenticator:
    return pb.Authenticator(
        authenticator_id=view.authenticator_id,
        device_name=view.device_name,
        state=pb.AUTHENTICATOR_STATE_BLOCKED if view.blocked else pb.AUTHENTICATOR_STATE_ACTIVE,
        biometrics_on=view.biometrics_on,
        enrolled_level=cast("Level", view.enrolled_level),
        hardware_key=view.hardware_key,
        notifications_on=view.notifications_on,
        strikes=view.strikes,
        locked_until_ms=view.locked_until_ms,
        pin_dead=view.pin_dead,
        activated_at_ms=view.activated_at_ms,
    )
