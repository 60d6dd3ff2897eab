"""Prometheus metrics: what calls came to, and the engine's own counters.

The loop counts into plain integers, which costs a fraction of the client library's locked values;
the library's threads read them when somebody scrapes.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

SECONDS_BUCKETS = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)


class CallTally:
    """What the calls of one method came to."""

    __slots__ = ("_buckets", "_seconds", "codes", "reasons")

    def __init__(self) -> None:
        self.codes: dict[str, int] = {"OK": 0}
        self.reasons: dict[str, int] = {}
        self._buckets = [0] * (len(SECONDS_BUCKETS) + 1)
        self._seconds = 0.0

    def ended(self, code: str, reason: str) -> None:
        """A call ended; `reason` is empty if it went well. Both come from the manual: few."""
        self.codes[code] = self.codes.get(code, 0) + 1
        if reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def answered(self, seconds: float) -> None:
        """How long a unary call took, or a stream took to its first message."""
        self._buckets[bisect_left(SECONDS_BUCKETS, seconds)] += 1
        self._seconds += seconds

    def histogram(self) -> tuple[list[tuple[str, float]], float]:
        """Cumulative buckets by upper bound, and the sum."""
        bounds = [*map(str, SECONDS_BUCKETS), "+Inf"]
        total = 0
        buckets: list[tuple[str, float]] = []
        for bound, count in zip(bounds, list(self._buckets), strict=True):
            total += count
            buckets.append((bound, total))
        return buckets, self._seconds


class CallMetrics(Collector):
    """`godkend_calls_total`, `godkend_refusals_total`, `godkend_call_seconds`."""

    def __init__(self, methods: Mapping[str, CallTally]) -> None:
        self._methods = methods

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        calls = CounterMetricFamily(
            "godkend_calls", "Calls that ended, by gRPC code.", labels=["method", "code"]
        )
        refusals = CounterMetricFamily(
            "godkend_refusals", "Calls that failed, by reason.", labels=["method", "reason"]
        )
        seconds = HistogramMetricFamily(
            "godkend_call_seconds",
            "Seconds until the answer; of a stream, until its first message.",
            labels=["method"],
        )
        for method, tally in self._methods.items():
            for code, count in list(tally.codes.items()):
                calls.add_metric([method, code], count)
            for reason, count in list(tally.reasons.items()):
                refusals.add_metric([method, reason], count)
            buckets, total = tally.histogram()
            seconds.add_metric([method], buckets, total)
        yield from (calls, refusals, seconds)


class EngineMetrics(Collector):
    """The core's counters, such as `godkend_pin_checks_total`, and gauges of the worker."""

    def __init__(
        self,
        stats: Callable[[], dict[str, int]],
        gauges: Mapping[str, tuple[str, Callable[[], int]]],
        kernel: str,
    ) -> None:
        self._stats = stats
        self._gauges = gauges
        self._kernel = kernel

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        for name, count in self._stats().items():
            yield CounterMetricFamily(
                f"godkend_{name}", f"The engine's {name.replace('_', ' ')}.", value=count
            )
        for name, (documentation, read) in self._gauges.items():
            yield GaugeMetricFamily(f"godkend_{name}", documentation, value=read())
        kernel = GaugeMetricFamily(
            "godkend_argon2id_kernel", "1; the kernel that hashes PINs here.", labels=["kernel"]
        )
        kernel.add_metric([self._kernel], 1)
        yield kernel


class DeliveryMetrics(Collector):
    """`godkend_messages_total`: what deliveries of messages came to."""

    def __init__(self, counts: Mapping[tuple[str, str], int]) -> None:
        self._counts = counts

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        messages = CounterMetricFamily(
            "godkend_messages",
            "Deliveries of messages: delivered, overtaken, failed (tried again), dead.",
            labels=["channel", "outcome"],
        )
        for (channel, outcome), count in list(self._counts.items()):
            messages.add_metric([channel, outcome], count)
        yield messages


class MetricsListener:
    """Serves a registry over HTTP until closed. Raises OSError if the address cannot be had."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        server, thread = start_http_server(port, addr=host, registry=registry)
        self._server: WSGIServer = server
        self._thread: Thread = thread
        self.port: int = server.server_port

    def close(self) -> None:
        """Stops listening, within half a second. Safe to repeat."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
