"""Workers and their supervisor under `kill -9`: replaced, or gone together; nothing is lost."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]
import pytest

from godkend.calls import UNREACHABLE
from godkend.errors import Denied, Fault
from tests.cluster.placement import channel_to_each, placed_channel
from tests.crash.actors import SERVICE_PROVIDER, Actor, History, Link, cast, linked
from tests.crash.ledger import Ledger
from tests.crash.test_kill import (
    AFTERWARDS_LINES,
    DEARER_PIN,
    LONG_LOGINS,
    ROUND_LINES_MAX,
    ROUND_TIMEOUT_S,
    ROUNDS,
    SEED,
)
from tests.crash.test_stop import SLOW_PIN, with_slow_pins
from tests.servers import (
    CALL_TIMEOUT_S,
    CHEAP_PIN,
    PIN,
    PIN_WRONG,
    PLENTY,
    STOP_TIMEOUT_S,
    NewLogin,
    Server,
    Settings,
    environment,
    eventually,
)

if TYPE_CHECKING:
    from pathlib import Path

TWO: Settings = {"server": {"workers": 2}}
THREE: Settings = {"server": {"workers": 3}}


def replaced(server: Server, worker: int, pid: int) -> bool:
    """Whether another process serves in a worker's place."""
    return server.workers().get(worker, pid) != pid


def killed_if_there(process: psutil.Process) -> None:
    """Ends what a failed test would leave behind."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process.kill()


def serves(server: Server) -> bool:
    """Whether anybody listens."""
    host, _, port = server.address.rpartition(":")
    try:
        socket.create_connection((host, int(port))).close()
    except ConnectionRefusedError:
        return False
    return True


def act_and_kill(server: Server, actors: list[Actor], ledger: Ledger, victim: int, at: int) -> None:
    """Lets all act, each over a connection of its own, and kills a worker after so many lines.

    Whoever was connected to it may be cut off; to anybody else nothing may happen.
    """
    stop, killed, failed = threading.Event(), threading.Event(), threading.Event()

    def go_on(actor: Actor, link: Link, worker: int) -> None:
        try:
            while not stop.is_set():
                actor.act(link)
        except BaseException as error:
            cut_off = killed.is_set() and worker == victim
            if cut_off and isinstance(error, Fault) and error.reason == UNREACHABLE:
                return
            failed.set()
            ledger.wake()
            raise

    with contextlib.ExitStack() as links, ThreadPoolExecutor(len(actors)) as threads:
        running: list[Future[None]] = []
        try:
            # At least one connection to each worker, so that there are always survivors.
            channels = links.enter_context(channel_to_each(server))
            placed = list(enumerate(channels))
            while len(placed) < len(actors):
                placed.append(links.enter_context(placed_channel(server)))
            pid = server.workers()[victim]
            for actor, (worker, channel) in zip(actors, placed, strict=True):
                actor.begin()
                running.append(threads.submit(go_on, actor, Link(server, channel), worker))
            ledger.wait_for(ledger.lines + at, ROUND_TIMEOUT_S, unless=failed)
            killed.set()
            os.kill(pid, signal.SIGKILL)
            ledger.wait_for(ledger.lines + AFTERWARDS_LINES, ROUND_TIMEOUT_S, unless=failed)
        finally:
            stop.set()
        for each in running:
            each.result(ROUND_TIMEOUT_S)
    eventually(lambda: replaced(server, victim, pid), "the worker is replaced")


@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_a_worker_killed_under_load_is_replaced_and_takes_nothing_with_it(tmp_path: Path) -> None:
    print(f"GODKEND_CRASH_SEED={SEED}")
    drawn = random.Random(SEED)
    history = History()
    with (
        Ledger(tmp_path / "ledger") as ledger,
        Server(tmp_path / "data", PLENTY, LONG_LOGINS, DEARER_PIN, THREE) as server,
    ):
        actors = cast(ledger, drawn, history)
        by_name = {actor.name: actor for actor in actors}
        for _ in range(ROUNDS):
            victim, lines = drawn.randrange(3), drawn.randint(1, ROUND_LINES_MAX)
            act_and_kill(server, actors, ledger, victim, lines)
            for line in ledger.unread():
                by_name[line["who"]].read(line)
            with linked(server) as link:
                history.follow(link)
                for actor in actors:
                    actor.check(link)
        with linked(server) as link:
            history.verify(link)
        assert server.metric("godkend_worker_replacements_total") == ROUNDS


def test_all_workers_killed_at_once_come_back_at_the_same_port(tmp_path: Path) -> None:
    with Server(tmp_path / "data", CHEAP_PIN, THREE) as server:
        with linked(server) as link:
            identity_id = link.desk.create("erik")
        before = server.workers()
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        for worker, pid in before.items():
            eventually(lambda w=worker, p=pid: replaced(server, w, p), "it is replaced")  # type: ignore[misc]
        with linked(server) as link:
            assert link.desk.find(identity_id).identity_id == identity_id


def test_a_killed_supervisor_takes_its_workers_along_and_they_finish_what_they_have(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    subscribers = with_slow_pins(data_dir, "astrid", "erik")
    hashers: Settings = {"policy": {"engine": {"hashers": 1}}}
    with (
        Server(data_dir, SLOW_PIN, TWO, hashers) as server,
        channel_to_each(server) as channels,
        ThreadPoolExecutor(2) as threads,
        contextlib.ExitStack() as left_over,
    ):
        pids = server.workers().values()
        for pid in pids:
            left_over.callback(killed_if_there, psutil.Process(pid))
        attempts = []
        for (name, pin), channel in zip(
            {"astrid": PIN, "erik": PIN_WRONG}.items(), channels, strict=True
        ):
            link = Link(server, channel)
            phone = subscribers[name].phone
            opened = link.opened(NewLogin(SERVICE_PROVIDER), phone)
            attempts.append(threads.submit(link.phone(phone).approve, opened, pin))
        eventually(lambda: server.pin_checks() == 2, "the PINs are being looked at")
        os.kill(server.pid, signal.SIGKILL)
        eventually(lambda: not serves(server), "nobody takes calls any more")
        attempts[0].result(CALL_TIMEOUT_S)
        with pytest.raises(Denied) as wrong:
            attempts[1].result(CALL_TIMEOUT_S)
        assert wrong.value.attempts_left == 2
        eventually(lambda: not any(map(psutil.pid_exists, pids)), "no worker is left")
        assert server.ends_by_itself() == -signal.SIGKILL
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        assert subscribers["astrid"].authenticator(link.desk).strikes == 0
        assert subscribers["erik"].authenticator(link.desk).strikes == 1


WORKER_WITH_A_BUG = """
import asyncio, contextlib, socket, sys
from godkend.service import worker

running = worker.running

@contextlib.asynccontextmanager
async def panicking(config, *, log):
    async with running(config, log=log) as server:
        server.health.panicked("LoginService/GetLogin")
        yield server

worker.running = panicking
sys.exit(asyncio.run(worker.work(socket.socket(fileno=int(sys.argv[1])))))
"""


def test_a_worker_in_which_a_bug_has_shown_itself_ends_to_be_replaced(tmp_path: Path) -> None:
    config: Settings = {
        "data_dir": str(tmp_path / "data"),
        "server": {"listen": "127.0.0.1:0"},
        "metrics": {"listen": ""},
    }
    ours, theirs = socket.socketpair()
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER_WITH_A_BUG, str(theirs.fileno())],
            env=environment(),
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
            text=True,
        )
        ours.sendall(json.dumps({"worker": 7, "config": config}).encode() + b"\n")
        try:
            _, log = process.communicate(timeout=STOP_TIMEOUT_S)
        finally:
            process.kill()
    assert process.returncode == 1
    (line,) = map(json.loads, log.splitlines())
    assert (line["event"], line["worker"]) == ("unhealthy", 7)


def test_where_no_worker_can_be_started_any_more_the_server_ends_and_says_why(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    server = Server(data_dir, CHEAP_PIN, TWO)
    with server:
        keys = data_dir / "keys.json"
        keys.chmod(0o644)
        survivor, victim = server.workers().values()
        os.kill(victim, signal.SIGKILL)
        assert server.ends_by_itself() == 1
        (line,) = [line for line in server.raw_log if line.startswith("godkend: ")]
        assert "a worker could not be replaced in 5 tries" in line
        assert str(keys) in line
        assert not psutil.pid_exists(survivor)
    waits = [line["next_in_ms"] for line in server.log if line.get("event") == "worker_ended"]
    assert waits == [0, 100, 200, 400, 800, None]


def test_sighup_replaces_the_workers_one_by_one_and_somebody_always_serves(
    tmp_path: Path,
) -> None:
    with Server(tmp_path / "data", CHEAP_PIN, TWO) as server:
        before = server.workers()
        fewest = len(before)
        os.kill(server.pid, signal.SIGHUP)

        def all_new() -> bool:
            nonlocal fewest
            fewest = min(fewest, len(server.workers()))
            assert serves(server)
            return all(replaced(server, worker, pid) for worker, pid in before.items())

        eventually(all_new, "all are replaced")
        assert fewest >= 1
        with linked(server) as link:
            link.desk.create("erik")


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_stop_stops_all_its_workers(tmp_path: Path, told: signal.Signals) -> None:
    with Server(tmp_path / "data", CHEAP_PIN, THREE) as server:
        pids = server.workers().values()
        with linked(server) as link:
            link.desk.create("erik")
        # As a terminal does: to all processes of the group.
        for pid in (server.pid, *(pids if told is signal.SIGINT else ())):
            os.kill(pid, told)
        server.wait()
        assert not any(map(psutil.pid_exists, pids))
        ended = [line for line in server.log if line.get("event") == "worker_ended"]
        assert [line["cause"] for line in ended] == ["exit code 0"] * 3
