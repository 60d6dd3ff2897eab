"""A server in a process of its own on a free port: its counters, and the CPU it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import psutil  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from bench.threads import cpu_ns_by_thread

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

ON_CORES = (
    "import json, os, sys; os.sched_setaffinity(0, json.loads(sys.argv[1])); "
    "os.execvp(sys.argv[2], sys.argv[2:])"
)
START_TIMEOUT_S, STOP_TIMEOUT_S, SCRAPE_TIMEOUT_S = 30.0, 30.0, 10.0


@dataclass(frozen=True, slots=True)
class Taken:
    """CPU that a server took: all of it, and by thread."""

    cpu_s: float
    by_thread_ns: Counter[str]

    def since(self, before: Taken) -> Taken:
        return Taken(self.cpu_s - before.cpu_s, self.by_thread_ns - before.by_thread_ns)

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.cpu_s + other.cpu_s, self.by_thread_ns + other.by_thread_ns)


class ServerProcess:
    """Started on entry, told to stop on exit. `command` logs as `godkend serve` does.

    `cores` are the only ones it may use, its workers included; by default all.
    """

    def __init__(self, command: list[str], log: Path, cores: set[int] | None = None) -> None:
        # Set before the program starts: threads and processes inherit it, and count by it.
        on_cores = [sys.executable, "-c", ON_CORES, json.dumps(sorted(cores or ()))]
        self._command = [*on_cores, *command] if cores else command
        self._log = log
        self.port = 0
        self.metrics_port: int | None = None

    def __enter__(self) -> Self:
        # What is set for other servers is not for this one.
        env = {name: value for name, value in os.environ.items() if not name.startswith("GODKEND_")}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def _wait_until_it_listens(self) -> None:
        ends_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < ends_s and self._process.poll() is None:
            for line in self._log.read_text("utf-8").splitlines():
                if '"listening"' in line:
                    entry = json.loads(line)
                    self.port, self.metrics_port = entry["port"], entry.get("metrics_port")
                    return
            time.sleep(0.05)
        raise RuntimeError(f"{self._command} does not listen: {self._log.read_text('utf-8')}")

    def stop(self) -> int:
        """Asks it to end, then ends it; its exit code."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def taken(self) -> Taken:
        """Of all its processes; those that have ended are left out."""
        taken = Taken(0.0, Counter())
        for process in self.processes():
            with suppress(psutil.NoSuchProcess, FileNotFoundError):
                times = process.cpu_times()
                taken += Taken(times.user + times.system, cpu_ns_by_thread(process.pid))
        return taken

    def processes(self) -> list[psutil.Process]:
        """The server, or the supervisor and its workers."""
        process = psutil.Process(self.pid)
        return [process, *process.children(recursive=True)]

    def counters(self) -> Counter[str]:
        """What the server counts of itself, by name; calls by "ok METHOD" and "REASON METHOD"."""
        url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=SCRAPE_TIMEOUT_S) as response:
            text = response.read().decode("utf-8")
        found: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                labels = {name: text for name, text in sample.labels.items() if name != "worker"}
                if not labels:
                    found[sample.name] += int(sample.value)
                elif sample.name == "godkend_calls_total" and labels["code"] == "OK":
                    found[f"ok {labels['method']}"] += int(sample.value)
                elif sample.name == "godkend_refusals_total":
                    found[f"{labels['reason']} {labels['method']}"] += int(sample.value)
        return found
