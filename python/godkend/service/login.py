"""LoginService: logins, as a login front-end sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from godkend.errors import Denied
from godkend.service.call import caller, timeout_ms
from godkend.v1 import login_service_pb2 as pb
from godkend.v1.login_service_pb2_grpc import LoginServiceServicer

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from godkend import _core
    from godkend.engine import Engine
    from godkend.service.call import Context
    from godkend.service.stream import OpenStreams
    from godkend.watch import State


class LoginService(LoginServiceServicer):
    """Starts, follows and redeems logins for the calling front-end."""

    def __init__(self, engine: Engine, watches: OpenStreams) -> None:
        self._engine = engine
        self._watches = watches

    async def StartLogin(
        self, request: pb.StartLoginRequest, context: Context
    ) -> AsyncGenerator[pb.StartLoginResponse, None]:
        client = caller.get()
        if not client.serves(request.service_provider):
            raise Denied("SERVICE_PROVIDER_FORBIDDEN")
        engine = self._engine
        # The request names the login before it is made, so no change of it can be missed.
        login_id = engine.core.login_id(client.name, request.request_id)
        with self._watches.opened(), engine.watching(client.name, login_id) as watch:
            login: _core.LoginStarted = await engine.call(
                engine.core.start_login,
                timeout_ms(context),
                client.name,
                request.request_id,
                request.service_provider,
                request.text,
                request.user_id,
                request.verifier_digest,
                request.source,
                request.nonce,
                request.level_min,
                _document(request),
                request.acting,
                client.offers_business(request.service_provider),
                client.service_kind(request.service_provider),
            )
            watch.expires_in(login.expires_in_ms)
            state = cast("State", login.state)
            yield pb.StartLoginResponse(
                state=state,
                login_id=login_id,
                started=pb.LoginStarted(
                    qr_token=login.qr_token,
                    qr_secret=login.qr_secret,
                    app_link=login.app_link,
                    elapsed_ms=login.elapsed_ms,
                    expires_at_ms=login.expires_at_ms,
                ),
            )
            while state := await watch.after(state):
                yield pb.StartLoginResponse(state=state, login_id=login_id)

    async def WatchLogin(
        self, request: pb.WatchLoginRequest, context: Context
    ) -> AsyncGenerator[pb.WatchLoginResponse, None]:
        watching = self._engine.watching(caller.get().name, request.login_id)
        with self._watches.opened(), watching as watch:
            state: State = pb.LOGIN_STATE_UNSPECIFIED
            while state := await watch.after(state):
                yield pb.WatchLoginResponse(state=state)

    async def GetLogin(self, request: pb.GetLoginRequest, context: Context) -> pb.GetLoginResponse:
        engine = self._engine
        login: _core.LoginView = await engine.call(
            engine.core.get_login, timeout_ms(context), caller.get().name, request.login_id
        )
        return pb.GetLoginResponse(
            state=cast("State", login.state), expires_at_ms=login.expires_at_ms
        )

    async def SubmitCode(
        self, request: pb.SubmitCodeRequest, context: Context
    ) -> pb.SubmitCodeResponse:
        engine = self._engine
        login: _core.LoginView = await engine.call(
            engine.core.submit_code,
            timeout_ms(context),
            caller.get().name,
            request.login_id,
            request.user_id,
            request.one_time_code,
        )
        return pb.SubmitCodeResponse(state=cast("State", login.state))

    async def SubmitPassword(
        self, request: pb.SubmitPasswordRequest, context: Context
    ) -> pb.SubmitPasswordResponse:
        engine = self._engine
        login: _core.LoginView = await engine.call(
            engine.core.submit_password,
            timeout_ms(context),
            caller.get().name,
            request.login_id,
            request.user_id,
            request.password,
        )
        return pb.SubmitPasswordResponse(state=cast("State", login.state))

    async def CancelLogin(
        self, request: pb.CancelLoginRequest, context: Context
    ) -> pb.CancelLoginResponse:
        engine = self._engine
        login: _core.LoginView = await engine.call(
            engine.core.cancel_login, timeout_ms(context), caller.get().name, request.login_id
        )
        return pb.CancelLoginResponse(state=cast("State", login.state))

    async def RedeemLogin(
        self, request: pb.RedeemLoginRequest, context: Context
    ) -> pb.RedeemLoginResponse:
        engine = self._engine
        redeemed: _core.Redeemed = await engine.call(
            engine.core.redeem_login,
            timeout_ms(context),
            caller.get().name,
            request.login_id,
            request.verifier,
        )
        return pb.RedeemLoginResponse(assertion=redeemed.assertion, receipt=redeemed.receipt or "")

    async def GetJwks(self, request: pb.GetJwksRequest, context: Context) -> pb.GetJwksResponse:
        return pb.GetJwksResponse(jwks=self._engine.core.jwks())


def _document(request: pb.StartLoginRequest) -> tuple[bytes, str, str] | None:
    if not request.HasField("document"):
        return None
    document = request.document
    return document.sha256, document.media_type, document.name
