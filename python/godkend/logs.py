"""JSON lines on stderr, one per thing that happened.

Secrets stay out by construction: there is a method for each kind of line, and it takes named fields
only. No line has room for a request, a user ID, a PIN, a token or an exception's own words.
"""

from __future__ import annotations

import queue
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import orjson

if TYPE_CHECKING:
    from types import TracebackType

Level = Literal["debug", "info", "warning", "error"]

LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
LINES_WAITING_MAX = 4_096
FLUSH_TIMEOUT_S = 2.0


class Log:
    """Writes lines from a thread of its own, so that a reader who stalls never stalls a login.

    At most `LINES_WAITING_MAX` lines wait; further ones are dropped and counted, and the next line
    that gets through says how many. The audit trail is the store's event chain, not this.
    """

    def __init__(
        self,
        level: Level = "info",
        stream: BinaryIO | None = None,
        *,
        worker: int | None = None,
    ) -> None:
        self._level = LEVELS.index(level)
        self._about = {} if worker is None else {"worker": worker}
        self._stream = stream if stream is not None else sys.stderr.buffer
        self._lines: queue.Queue[bytes | None] = queue.Queue(LINES_WAITING_MAX)
        self._dropped = 0
        self._writer = threading.Thread(target=self._write, name="godkend-log", daemon=True)
        self._writer.start()
        self.debug_on = self._level == 0

    def listening(
        self, *, address: str, port: int, tls: bool, metrics_port: int | None, workers: int
    ) -> None:
        """All workers take calls; `metrics_port` is None if metrics are off."""
        self._line(
            "info",
            "listening",
            {
                "address": address,
                "port": port,
                "tls": tls,
                "metrics_port": metrics_port,
                "workers": workers,
            },
        )

    def worker_started(self, *, worker: int, pid: int) -> None:
        """A worker takes calls, the first in its place or the next."""
        self._line("info", "worker_started", {"worker": worker, "pid": pid})

    def worker_ended(
        self, *, worker: int, pid: int | None, cause: str, expected: bool, next_in_ms: int | None
    ) -> None:
        """A worker is gone, or never came (no `pid`); the next is started after `next_in_ms`."""
        level: Level = "info" if expected else "warning"
        fields: dict[str, object] = {
            "worker": worker,
            "pid": pid,
            "cause": cause,
            "next_in_ms": next_in_ms,
        }
        self._line(level, "worker_ended", fields)

    def synthetic(self, *, identities: int) -> None:
        """The store holds a synthetic population: whoever has its file is everybody in it."""
        self._line("warning", "synthetic", {"identities": identities})

    def not_admitted(self, *, logins: int) -> None:
        """Logins refused since the last such line, because those under way wait too long."""
        self._line("warning", "not_admitted", {"logins": logins})

    def not_carried(self, *, message: str, channel: str, failure: str, dead: bool) -> None:
        """A message was not taken over: it is tried again, or it is `dead`, a dead letter.

        `failure` is the carrier's, in a few words; whom the message is for has no place here.
        """
        fields: dict[str, object] = {
            "message": message,
            "channel": channel,
            "failure": failure,
            "dead": dead,
        }
        self._line("warning", "not_carried", fields)

    def not_delivering(self, *, reason: str) -> None:
        """A fault keeps messages from being delivered; it is tried again."""
        self._line("warning", "not_delivering", {"reason": reason})

    def stopping(self, *, cause: str) -> None:
        """The server takes no new calls and finishes those it has."""
        self._line("info", "stopping", {"cause": cause})

    def stopped(self) -> None:
        """Everything that was taken on is finished and the store is closed."""
        self._line("info", "stopped", {})

    def unhealthy(self, *, cause: str) -> None:
        """The worker went out of health and has to be replaced."""
        self._line("error", "unhealthy", {"cause": cause})

    def call(
        self,
        *,
        method: str,
        code: str,
        reason: str,
        client: str,
        duration_ms: float,
        detail: str = "",
    ) -> None:
        """One call. `detail` is a fault's, written for the operator; `reason` is empty if OK."""
        level: Level = "debug" if code == "OK" else "warning" if detail else "info"
        fields: dict[str, object] = {
            "method": method,
            "code": code,
            "reason": reason,
            "client": client,
            "duration_ms": round(duration_ms, 3),
        }
        if detail:
            fields["detail"] = detail
        self._line(level, "call", fields)

    def bug(self, *, method: str, error: BaseException) -> None:
        """A bug: the exception's type and where it came from, not what it says."""
        fields: dict[str, object] = {
            "method": method,
            "type": f"{type(error).__module__}.{type(error).__qualname__}",
            "frames": _frames(error.__traceback__),
        }
        self._line("error", "bug", fields)

    def close(self) -> None:
        """Writes what waits, for at most `FLUSH_TIMEOUT_S`."""
        try:
            self._lines.put(None, timeout=FLUSH_TIMEOUT_S)
        except queue.Full:
            return
        self._writer.join(FLUSH_TIMEOUT_S)

    def _line(self, level: Level, event: str, fields: dict[str, object]) -> None:
        if LEVELS.index(level) < self._level:
            return
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line: dict[str, object] = {"at": at, "level": level, "event": event, **self._about}
        line.update(fields)
        if self._dropped:
            line["dropped"] = self._dropped
        try:
            self._lines.put_nowait(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        except queue.Full:
            self._dropped += 1
        else:
            self._dropped = 0

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._stream.write(line)
                self._stream.flush()
            except (OSError, ValueError):
                continue  # Nobody reads any more; logins go on.


def _frames(traceback: TracebackType | None) -> list[str]:
    frames: list[str] = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frames.append(f"{Path(code.co_filename).name}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return frames
