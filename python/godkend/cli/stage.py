"""What a tour needs: numbered steps, who speaks, checked expectations, and a server of its own."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Self, TypeVar

import click

from godkend.errors import GodkendError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType
    from typing import IO

E = TypeVar("E", bound=GodkendError)

SPEAKER_WIDTH = 10
PAUSE_S = 1.5
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 10.0
LOG_LINES_KEPT = 20


class NotAsExpected(Exception):
    """The tour found something other than it promised."""


class Stage:
    """Tells the tour and checks it: nothing is said to have happened that was not seen."""

    def __init__(self, *, slow: bool) -> None:
        self._slow = slow
        self._steps = 0
        self.checked = 0

    def step(self, title: str) -> None:
        """Begins the next step."""
        self._steps += 1
        click.echo()
        click.secho(f"{self._steps}. {title}", bold=True)
        self._pause()

    def says(self, who: str, text: str) -> None:
        """Lets somebody speak; further lines are indented."""
        first, *rest = text.splitlines() or [""]
        click.echo(f"   {who + ':':<{SPEAKER_WIDTH}} {first}")
        for line in rest:
            click.echo(f"   {'':<{SPEAKER_WIDTH}} {line}")
        self._pause()

    def expect(self, what: str, *, holds: bool, found: object) -> None:
        """Ends the tour unless something holds."""
        if not holds:
            raise NotAsExpected(f"expected {what}, found {found!r}")
        self.checked += 1

    def equal(self, what: str, found: object, wanted: object) -> None:
        """Ends the tour unless two things are the same."""
        self.expect(f"{what} to be {wanted!r}", holds=found == wanted, found=found)

    def refused(self, kind: type[E], reason: str, call: Callable[[], object]) -> E:
        """What a call was refused with; ends the tour if it was not, or for another reason."""
        try:
            call()
        except GodkendError as error:
            self.expect(
                f"{kind.__name__} {reason}",
                holds=isinstance(error, kind) and error.reason == reason,
                found=error,
            )
            if isinstance(error, kind):
                return error
        raise NotAsExpected(f"expected {kind.__name__} {reason}, but the call succeeded")

    def _pause(self) -> None:
        if self._slow:
            time.sleep(PAUSE_S)


class OwnServer:
    """A real server, in a process of its own, on ports that were free."""

    def __init__(self, data_dir: Path, *, config: Path | None = None) -> None:
        self._data_dir = data_dir
        self._config = config
        self._ports: queue.Queue[int] = queue.Queue()
        self._log: list[str] = []
        self.port = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(  # noqa: S603, our own program
            [
                *(sys.executable, "-m", "godkend", "serve"),
                *("--data-dir", str(self._data_dir)),
                *(("--config", str(self._config)) if self._config else ()),
                *("--listen", "127.0.0.1:0"),
                *("--metrics-listen", "127.0.0.1:0"),
            ],
            # What is set for other servers and calls is not for this one.
            env={name: v for name, v in os.environ.items() if not name.startswith("GODKEND_")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if self._process.stderr is None:
            raise AssertionError("the server's log is a pipe")
        threading.Thread(target=self._read, args=(self._process.stderr,), daemon=True).start()
        try:
            self.port = self._ports.get(timeout=START_TIMEOUT_S)
        except queue.Empty:
            self.stop()
            raise NotAsExpected("the server does not listen") from None
        if self.port == 0:
            self.stop()
            raise NotAsExpected("the server ended: " + " ".join(self._log))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The server's process, which may have children."""
        return self._process.pid

    def _read(self, log: IO[str]) -> None:
        with log:
            for line in log:
                self._log = [*self._log[1 - LOG_LINES_KEPT :], line.rstrip()]
                with contextlib.suppress(ValueError, TypeError, AttributeError):
                    entry = json.loads(line)
                    if entry.get("event") == "listening":
                        self._ports.put(int(entry["port"]))
        self._ports.put(0)

    def stop(self) -> int:
        """Asks the server to end, then ends it; its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
