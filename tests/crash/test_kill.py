"""`kill -9` in the middle of everything: nothing acknowledged is lost, no guess comes free.

`GODKEND_CRASH_ROUNDS=500 pytest tests/crash/test_kill.py -s` kills for longer, and
`GODKEND_CRASH_SEED` begins with the same random numbers; the moments at which processes run stay
their own.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from godkend.calls import UNREACHABLE
from godkend.errors import Denied, Fault
from tests.crash.actors import SERVICE_PROVIDER, Actor, History, Link, cast, linked
from tests.crash.ledger import Ledger
from tests.servers import (
    CHEAP_PIN,
    PIN,
    PIN_WRONG,
    PLENTY,
    NewLogin,
    Server,
    Settings,
    eventually,
)

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = int(os.environ.get("GODKEND_CRASH_ROUNDS", "20"))
SEED = int(os.environ.get("GODKEND_CRASH_SEED", "0")) or secrets.randbits(32)
ROUND_LINES_MAX = 250
AFTERWARDS_LINES = 40
ROUND_TIMEOUT_S = 60.0
PIN_OF_NOW = "608315"

LONG_LOGINS: Settings = {"policy": {"login": {"life_ms": 3_600_000, "kept_ms": 86_400_000}}}
"""So that a login which is not there any more was lost, not swept."""
DEARER_PIN: Settings = {"policy": {"pin": {"memory_kib": 4_096, "iterations": 2}}}
SLOW_PIN: Settings = {"policy": {"pin": {"memory_kib": 65_536, "iterations": 40}}}


@dataclass
class Crashes:
    """Servers on one store, those who act, and what they wrote down."""

    data_dir: Path
    ledger: Ledger
    random: random.Random
    stack: contextlib.ExitStack
    history: History = field(default_factory=History)
    servers: list[Server] = field(default_factory=list)

    def start(self) -> Server:
        """A server with hashes cheap or dearer, so that kills fall into different places."""
        pin = self.random.choice((CHEAP_PIN, DEARER_PIN))
        server = Server(self.data_dir, PLENTY, LONG_LOGINS, pin)
        return self.stack.enter_context(server)

    def play(self, rounds: int, servers: int) -> None:
        """Rounds of acting, killing one server, starting it again and looking."""
        self.servers = [self.start() for _ in range(servers)]
        actors = cast(self.ledger, self.random, self.history)
        for number in range(rounds):
            victim = self.random.randrange(servers)
            self._act(actors, number, self.servers[victim])
            self._read(actors)
            survivors = [server for server in self.servers if server.runs]
            # What the others see at once, and what the one that comes back sees.
            if survivors and self.random.random() < 0.5:
                self._check(actors, survivors[0])
                self.servers[victim] = self.start()
            else:
                self.servers[victim] = self.start()
                self._check(actors, self.servers[victim])
        with linked(self.servers[0]) as link:
            self.history.verify(link)
        print(f"{rounds} kills, {self.ledger.lines} lines, {self.history.chain.seq} events")

    def _act(self, actors: list[Actor], number: int, victim: Server) -> None:
        stop, killed, failed = threading.Event(), threading.Event(), threading.Event()

        def go_on(actor: Actor, link: Link) -> None:
            try:
                while not stop.is_set():
                    actor.act(link)
            except BaseException as error:
                cut_off = killed.is_set() and link.server is victim
                if cut_off and isinstance(error, Fault) and error.reason == UNREACHABLE:
                    return
                failed.set()
                self.ledger.wake()
                raise

        def more_lines(lines: int) -> None:
            self.ledger.wait_for(self.ledger.lines + lines, ROUND_TIMEOUT_S, unless=failed)

        with contextlib.ExitStack() as links, ThreadPoolExecutor(len(actors)) as threads:
            running: list[Future[None]] = []
            try:
                for place, actor in enumerate(actors, number):
                    actor.begin()
                    server = self.servers[place % len(self.servers)]
                    link = links.enter_context(linked(server))
                    running.append(threads.submit(go_on, actor, link))
                more_lines(self.random.randint(1, ROUND_LINES_MAX))
                killed.set()
                victim.kill()
                if len(self.servers) > 1:
                    more_lines(AFTERWARDS_LINES)
            finally:
                stop.set()
            for each in running:
                each.result(ROUND_TIMEOUT_S)

    def _read(self, actors: list[Actor]) -> None:
        by_name = {actor.name: actor for actor in actors}
        for line in self.ledger.unread():
            by_name[line["who"]].read(line)

    def _check(self, actors: list[Actor], server: Server) -> None:
        with linked(server) as link:
            self.history.follow(link)
            for actor in actors:
                actor.check(link)


@pytest.mark.timeout(60 + 30 * ROUNDS)
@pytest.mark.parametrize("servers", [1, 2])
def test_what_was_acknowledged_survives_kill_9(tmp_path: Path, servers: int) -> None:
    print(f"GODKEND_CRASH_SEED={SEED}")
    with Ledger(tmp_path / "ledger") as ledger, contextlib.ExitStack() as stack:
        crashes = Crashes(tmp_path / "data", ledger, random.Random(SEED + servers), stack)
        crashes.play(ROUNDS, servers)


def test_a_guess_whose_hash_was_cut_off_by_kill_9_was_charged_all_the_same(
    tmp_path: Path,
) -> None:
    data_dir = tmp_path / "data"
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        erik = link.desk.subscriber()
    # The PIN's own record says what its hash costs: chosen anew, it is slow.
    with Server(data_dir, SLOW_PIN) as server, linked(server) as link:
        link.phone(erik.phone).change_pin(PIN, PIN_OF_NOW)
    with Server(data_dir, SLOW_PIN) as server, linked(server) as link:
        opened = link.opened(NewLogin(SERVICE_PROVIDER), erik.phone)
        with ThreadPoolExecutor(2) as threads:
            guesses = [
                threads.submit(link.phone(erik.phone).approve, opened, pin)
                for pin in (PIN_WRONG, PIN_OF_NOW)
            ]
            eventually(lambda: server.pin_checks() == 2, "two PINs are being looked at")
            server.kill()
            for guess in guesses:
                with pytest.raises(Fault) as cut_off:
                    guess.result()
                assert cut_off.value.reason == UNREACHABLE
    with Server(data_dir, CHEAP_PIN) as server, linked(server) as link:
        assert erik.authenticator(link.desk).strikes == 2
        opened = link.opened(NewLogin(SERVICE_PROVIDER), erik.phone)
        with pytest.raises(Denied) as wrong:
            link.phone(erik.phone).approve(opened, PIN_WRONG)
        assert wrong.value.attempts_left == 0
        with pytest.raises(Denied) as locked:
            link.phone(erik.phone).approve(opened, PIN_OF_NOW)
        assert locked.value.reason == "PIN_LOCKED"
