"""How soon one worker shows what another changed, and what looking for it costs when idle.

    python -m bench.watch_latency                    # half a minute; writes results/workers.json
    python -m bench.watch_latency --logins 1000

A login is started on one worker, opened by a phone on a second, and watched on a third. *After the
answer* is from the moment when the phone has the answer, and so the change is committed, to the
moment when the watcher's stream shows it; *after the request* begins when the phone asks. Both
include gRPC and this process, which runs all parties. Logins come at random times, so that the
watchers' own rhythm is met everywhere.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.machine import RESULTS, commit, machine
from bench.targets import SEEN_BY_ANOTHER_WORKER
from bench.threads import cpu_ns_by_thread
from godkend.v1 import login_service_pb2 as login_pb
from godkend.v1 import login_service_pb2_grpc
from tests.cluster.placement import channel_to_each
from tests.servers import CHEAP_PIN, PLENTY, Desk, NewLogin, Server

TARGET_MS = SEEN_BY_ANOTHER_WORKER.bound
WORKERS = 3
WATCHER = "godkend-watcher"
CALL_TIMEOUT_S = 60.0


def percentile(values: list[float], share: float) -> float:
    """The smallest value that `share` of all do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def delays_ms(server: Server, logins: int) -> tuple[list[float], list[float]]:
    """Per login, the delay after the answer and after the request."""
    after_answer, after_request = [], []
    with channel_to_each(server) as (first, second, third), ThreadPoolExecutor(1) as watching:
        metadata = server.metadata("front-end")
        phone = Desk(second, server.metadata("registrar")).subscriber().phone
        starts = login_service_pb2_grpc.LoginServiceStub(first)
        watches = login_service_pb2_grpc.LoginServiceStub(third)
        for _ in range(logins):
            starting = starts.StartLogin(
                NewLogin("tax.example").start_request, metadata=metadata, timeout=CALL_TIMEOUT_S
            )
            started = next(starting)
            watch = watches.WatchLogin(
                login_pb.WatchLoginRequest(login_id=started.login_id),
                metadata=metadata,
                timeout=CALL_TIMEOUT_S,
            )
            assert next(watch).state == login_pb.LOGIN_STATE_PENDING

            def seen_at(stream: Any = watch) -> float:
                assert next(stream).state == login_pb.LOGIN_STATE_OPENED
                return time.perf_counter()

            seen = watching.submit(seen_at)
            time.sleep(random.uniform(0.0, 0.05))
            asked = time.perf_counter()
            phone.open_login(started.started.app_link)
            answered = time.perf_counter()
            at = seen.result(CALL_TIMEOUT_S)
            # What overtakes the answer was seen at once.
            after_answer.append(max(0.0, at - answered) * 1_000)
            after_request.append((at - asked) * 1_000)
            starting.cancel()
            watch.cancel()
    return after_answer, after_request


def idle_cost(server: Server, seconds: float) -> tuple[float, float]:
    """CPU of a worker that nobody calls, in per cent of a core: its watcher's, and all of it."""
    pids = list(server.workers().values())
    before = [cpu_ns_by_thread(pid) for pid in pids]
    began = time.perf_counter()
    time.sleep(seconds)
    elapsed_ns = (time.perf_counter() - began) * 1e9
    taken = [cpu_ns_by_thread(pid) - was for pid, was in zip(pids, before, strict=True)]
    watchers = statistics.mean(each[WATCHER[:15]] for each in taken)
    whole = statistics.mean(each.total() for each in taken)
    return 100 * watchers / elapsed_ns, 100 * whole / elapsed_ns


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--logins", type=int, default=300, help="how many are watched (300)")
    parser.add_argument("--idle-seconds", type=float, default=10.0, help="of looking on (10)")
    chosen = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(
            Path(folder) / "data", CHEAP_PIN, PLENTY, {"server": {"workers": WORKERS}}
        ) as server,
    ):
        watcher, whole = idle_cost(server, chosen.idle_seconds)
        after_answer, after_request = delays_ms(server, chosen.logins)
    print(f"{machine()['cpu_model']}, commit {commit()['id']}, {WORKERS} workers")
    for name, delays in (("after the answer", after_answer), ("after the request", after_request)):
        shown = "  ".join(f"p{share:g} {percentile(delays, share / 100):.1f}" for share in (50, 99))
        late = sum(delay > TARGET_MS for delay in delays)
        print(
            f"seen {name}, ms: {shown}  max {max(delays):.1f}; "
            f"{late} of {len(delays)} later than {TARGET_MS:g}"
        )
    print(f"an idle worker: {whole:.2f} % of a core, of which its watcher {watcher:.2f} %")
    slowest_ms = max(after_request)
    row = {
        "what": f"a change seen by another of {WORKERS} workers, slowest of {chosen.logins}",
        "ours": f"{slowest_ms:.1f} ms (p50 {percentile(after_request, 0.5):.1f})",
        "yardstick": "",
        "ratio": "",
        "target": str(SEEN_BY_ANOTHER_WORKER),
        "verdict": SEEN_BY_ANOTHER_WORKER.verdict(slowest_ms),
    }
    result = {
        "machine_info": machine(),
        "commit_info": commit(),
        "after_answer_ms": [round(each, 2) for each in sorted(after_answer)],
        "after_request_ms": [round(each, 2) for each in sorted(after_request)],
        "idle_percent_of_a_core": {"worker": whole, "watcher": watcher},
        "rows": [row],
    }
    (RESULTS / "workers.json").write_text(json.dumps(result) + "\n", "utf-8")


if __name__ == "__main__":
    main()
