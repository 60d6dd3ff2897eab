"""The metrics of a server of several workers: what each reports, under its own label.

Every sample gets `worker="0"` and so on, and none is added up here: a worker that was replaced
counts from zero, which Prometheus understands of a series and could not of a sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from prometheus_client import CollectorRegistry

Families = list[dict[str, Any]]
"""What a registry holds, as it crosses from one process to another in JSON."""


def families(registry: CollectorRegistry) -> Families:
    """Everything in a registry, now."""
    return [
        {
            "name": metric.name,
            "type": metric.type,
            "documentation": metric.documentation,
            "samples": [[sample.name, sample.labels, sample.value] for sample in metric.samples],
        }
        for metric in registry.collect()
    ]


class WorkersMetrics(Collector):
    """What all workers report, and whether they do.

    `ask` returns the families of each worker, None for one that does not answer; `replacements`
    returns how often the worker of each place was replaced.
    """

    def __init__(
        self,
        ask: Callable[[], Mapping[int, Families | None]],
        replacements: Callable[[], Sequence[int]],
    ) -> None:
        self._ask = ask
        self._replacements = replacements

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        up = GaugeMetricFamily(
            "godkend_worker_up", "1 if the worker takes calls and answers.", labels=["worker"]
        )
        replaced = CounterMetricFamily(
            "godkend_worker_replacements",
            "Workers that ended and were replaced.",
            labels=["worker"],
        )
        merged: dict[str, Metric] = {}
        for worker, reported in self._ask().items():
            label = {"worker": str(worker)}
            up.add_metric([str(worker)], int(reported is not None))
            for family in reported or ():
                name = family["name"]
                metric = merged.get(name)
                if metric is None:
                    metric = Metric(name, family["documentation"], family["type"])
                    merged[name] = metric
                for sample, labels, value in family["samples"]:
                    metric.add_sample(sample, labels | label, value)
        for worker, count in enumerate(self._replacements()):
            replaced.add_metric([str(worker)], count)
        yield from (up, replaced, *merged.values())
