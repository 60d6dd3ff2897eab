"""The service: put together once, run as a process, and taken apart in order."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import grpc.aio
import orjson
import uvloop
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import CollectorRegistry

from godkend import _core
from godkend.clients import Clients, ClientsError, local_clients
from godkend.config import split_listen
from godkend.engine import Engine
from godkend.errors import GodkendError, Invalid
from godkend.logs import Log
from godkend.metrics import CallMetrics, DeliveryMetrics, EngineMetrics, MetricsListener
from godkend.notifications.carriers import CarrierError, carriers_of
from godkend.notifications.notifier import Notifier
from godkend.port import StartError, cannot_listen
from godkend.process import EXIT_NOT_STARTED, EXIT_STOPPED, keep_private, tell_operator
from godkend.service.admission import Admission
from godkend.service.copying import CopyService
from godkend.service.delegation import DelegationService
from godkend.service.device import DeviceService
from godkend.service.display import DisplayService
from godkend.service.event import EventService
from godkend.service.health import WATCHES_MAX as HEALTH_WATCHES_MAX
from godkend.service.health import Health
from godkend.service.history import HistoryService
from godkend.service.identity import IdentityService
from godkend.service.interceptor import CallInterceptor
from godkend.service.issuing import IssuingService
from godkend.service.key_card import KeyCardService
from godkend.service.listener import listen, options
from godkend.service.login import LoginService
from godkend.service.notification import NotificationService
from godkend.service.passport import PassportService
from godkend.service.recovery import RecoveryService
from godkend.service.status import Manual
from godkend.service.stream import OpenStreams
from godkend.trust_anchors import TrustAnchorsError, read_trust_anchors
from godkend.v1 import (
    copy_service_pb2,
    copy_service_pb2_grpc,
    delegation_service_pb2,
    delegation_service_pb2_grpc,
    device_service_pb2,
    device_service_pb2_grpc,
    display_service_pb2,
    display_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    history_service_pb2,
    history_service_pb2_grpc,
    identity_service_pb2,
    identity_service_pb2_grpc,
    issuing_service_pb2,
    issuing_service_pb2_grpc,
    key_card_service_pb2,
    key_card_service_pb2_grpc,
    login_service_pb2,
    login_service_pb2_grpc,
    notification_service_pb2,
    notification_service_pb2_grpc,
    passport_service_pb2,
    passport_service_pb2_grpc,
    recovery_service_pb2,
    recovery_service_pb2_grpc,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from godkend.config import Config, ServerConfig

SERVICES = tuple(
    service.full_name
    for file in (
        login_service_pb2,
        device_service_pb2,
        copy_service_pb2,
        identity_service_pb2,
        issuing_service_pb2,
        recovery_service_pb2,
        display_service_pb2,
        key_card_service_pb2,
        passport_service_pb2,
        delegation_service_pb2,
        event_service_pb2,
        history_service_pb2,
        notification_service_pb2,
    )
    for service in file.DESCRIPTOR.services_by_name.values()
)

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(frozen=True)
class Running:
    """A server that takes calls."""

    engine: Engine
    health: Health
    address: str
    port: int
    metrics: CollectorRegistry
    metrics_port: int | None
    unhealthy: asyncio.Task[None]
    """Done once a bug has shown itself: what serves has to be replaced."""


def serve(config: Config) -> int:
    """Serves until SIGTERM or SIGINT; the exit code."""
    keep_private()
    return uvloop.run(run(config))


async def run(config: Config) -> int:
    """`serve` on the running loop: 0 once stopped, or one line on stderr and 1."""
    told = asyncio.Event()
    causes: list[str] = []

    def stop(received: signal.Signals) -> None:
        causes.append(received.name)
        told.set()

    loop = asyncio.get_running_loop()
    for each in SIGNALS:
        loop.add_signal_handler(each, stop, each)
    log = Log(config.log.level)
    try:
        async with running(config, log=log) as server:
            log.listening(
                address=server.address,
                port=server.port,
                tls=config.server.tls,
                metrics_port=server.metrics_port,
                workers=1,
            )
            await told.wait()
            log.stopping(cause=causes[0])
        log.stopped()
    except StartError as error:
        tell_operator(str(error))
        return EXIT_NOT_STARTED
    finally:
        log.close()
        for each in SIGNALS:
            loop.remove_signal_handler(each)
    return EXIT_STOPPED


@asynccontextmanager
async def running(
    config: Config, *, log: Log, clock: _core.ManualClock | None = None
) -> AsyncIterator[Running]:
    """A server, from its first call to the last one finished. Raises `StartError`.

    At the end it goes out of health, refuses new calls, ends streams, finishes the calls it has,
    and then what the engine has taken on: what was charged is settled.
    """
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(_open_engine(config, clock))
        if synthetic_identities := engine.core.synthetic_identities():
            log.synthetic(identities=synthetic_identities)
        health = Health(SERVICES, engine.core.healthy, log)
        bounds = config.server
        watches = OpenStreams("logins watched", bounds.logins_watched_max, bounds.overload_retry_ms)
        events = OpenStreams("event streams", bounds.event_streams_max, bounds.overload_retry_ms)
        manual = Manual()
        admission = Admission(engine.core.admit, manual, log)
        interceptor = CallInterceptor(
            clients=_clients(config),
            manual=manual,
            admission=admission,
            log=log,
            calls_max=bounds.calls_max,
            overload_retry_ms=bounds.overload_retry_ms,
            panicked=health.panicked,
            out_of_bounds=engine.core.record_refused_call,
        )
        registry = _registry(engine, interceptor, health, watches)
        notifier = _notifier(config, engine, log)
        if notifier is not None:
            registry.register(DeliveryMetrics(notifier.tally.counts))
        metrics = _listen_for_metrics(config, registry)
        if metrics is not None:
            stack.push_async_callback(asyncio.to_thread, metrics.close)

        server = grpc.aio.server(
            interceptors=[interceptor],
            options=options(bounds),
            # Counts calls from their headers on, before the bounds of each kind can.
            maximum_concurrent_rpcs=bounds.calls_max
            + bounds.logins_watched_max
            + bounds.event_streams_max
            + HEALTH_WATCHES_MAX,
        )
        login_service_pb2_grpc.add_LoginServiceServicer_to_server(
            LoginService(engine, watches), server
        )
        device_service_pb2_grpc.add_DeviceServiceServicer_to_server(
            DeviceService(engine, bounds.source_metadata), server
        )
        copy_service_pb2_grpc.add_CopyServiceServicer_to_server(
            CopyService(engine, bounds.source_metadata), server
        )
        identity_service_pb2_grpc.add_IdentityServiceServicer_to_server(
            IdentityService(engine), server
        )
        passport_service_pb2_grpc.add_PassportServiceServicer_to_server(
            PassportService(engine), server
        )
        issuing_service_pb2_grpc.add_IssuingServiceServicer_to_server(
            IssuingService(engine), server
        )
        recovery_service_pb2_grpc.add_RecoveryServiceServicer_to_server(
            RecoveryService(engine), server
        )
        display_service_pb2_grpc.add_DisplayServiceServicer_to_server(
            DisplayService(engine), server
        )
        key_card_service_pb2_grpc.add_KeyCardServiceServicer_to_server(
            KeyCardService(engine), server
        )
        delegation_service_pb2_grpc.add_DelegationServiceServicer_to_server(
            DelegationService(engine), server
        )
        event_service_pb2_grpc.add_EventServiceServicer_to_server(
            EventService(engine, events), server
        )
        history_service_pb2_grpc.add_HistoryServiceServicer_to_server(
            HistoryService(engine), server
        )
        notification_service_pb2_grpc.add_NotificationServiceServicer_to_server(
            NotificationService(engine, ZoneInfo(config.notifications.time_zone)), server
        )
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        if bounds.reflects:
            names = (*SERVICES, health_pb2.DESCRIPTOR.services_by_name["Health"].full_name)
            reflection.enable_server_reflection((*names, reflection.SERVICE_NAME), server)

        port = listen(server, bounds)
        await server.start()
        stack.push_async_callback(_stop, server, bounds, health, (watches, events), metrics)
        following = asyncio.create_task(health.follow())
        stack.push_async_callback(_cancelled, following)
        stack.push_async_callback(_cancelled, asyncio.create_task(admission.follow()))
        if notifier is not None:
            delivering = asyncio.create_task(notifier.run())
            stack.push_async_callback(notifier.stop, delivering)
        yield Running(
            engine=engine,
            health=health,
            address=split_listen(bounds.listen)[0],
            port=port,
            metrics=registry,
            metrics_port=metrics.port if metrics is not None else None,
            unhealthy=following,
        )


@asynccontextmanager
async def _open_engine(config: Config, clock: _core.ManualClock | None) -> AsyncIterator[Engine]:
    try:
        config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        core = _core.Engine(
            store=config.store, keys=config.keys, policy=config.policy_json(), clock=clock
        )
    except OSError as error:
        raise StartError(f"data_dir {config.data_dir}: {error.strerror}") from error
    except GodkendError as error:
        raise StartError(str(error)) from error
    try:
        _trust(core, config.passport.trust_anchors)
    except StartError:
        core.close()
        raise
    async with Engine(core) as engine:
        yield engine


def _trust(core: _core.Engine, path: Path | None) -> None:
    if path is None:
        return
    try:
        core.trust(read_trust_anchors(path))
    except TrustAnchorsError as error:
        raise StartError(f"passport.trust_anchors {error}") from error
    except Invalid as error:
        raise StartError(f"passport.trust_anchors {path}: {error.bound}") from error


def _clients(config: Config) -> Clients:
    try:
        return Clients(config.named_clients() or local_clients(config.data_dir))
    except ClientsError as error:
        raise StartError(str(error)) from error


def _notifier(config: Config, engine: Engine, log: Log) -> Notifier | None:
    if not config.notifications.enabled:
        return None
    try:
        carriers = carriers_of(config)
    except CarrierError as error:
        raise StartError(str(error)) from error
    lease_ms = orjson.loads(config.policy_json())["notification"]["lease_ms"]
    zone = ZoneInfo(config.notifications.time_zone)
    return Notifier(engine, carriers, zone, log, lease_ms)


def _registry(
    engine: Engine, interceptor: CallInterceptor, health: Health, watches: OpenStreams
) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(CallMetrics(interceptor.tallies))
    gauges = {
        "healthy": ("1 until a bug has shown itself.", lambda: int(health.serving)),
        "logins_watched": ("Open streams of logins.", lambda: len(watches)),
        "synthetic_identities": (
            "Of the population in the store; 0 where people are.",
            engine.core.synthetic_identities,
        ),
        "calls_open": ("Unary calls under way.", lambda: interceptor.calls_open),
    }
    fastest = _core.argon2id_kernels()[0]
    registry.register(EngineMetrics(engine.core.stats, gauges, fastest))
    return registry


def _listen_for_metrics(config: Config, registry: CollectorRegistry) -> MetricsListener | None:
    if not config.metrics.listen:
        return None
    try:
        return MetricsListener(*split_listen(config.metrics.listen), registry)
    except OSError as error:
        raise cannot_listen("metrics.listen", config.metrics.listen, error) from error


async def _stop(
    server: grpc.aio.Server,
    config: ServerConfig,
    health: Health,
    streams: tuple[OpenStreams, ...],
    metrics: MetricsListener | None,
) -> None:
    await health.enter_graceful_shutdown()
    await asyncio.sleep(config.stop_notice_ms / 1_000)
    health.stop_watches()
    for kind in streams:
        kind.stop()
    stopping = [server.stop(config.stop_grace_ms / 1_000)]
    if metrics is not None:
        stopping.append(asyncio.to_thread(metrics.close))
    await asyncio.gather(*stopping)


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
