"""What Prometheus reads."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from neuronas import __version__
from neuronas.service.gateway.exchange import Response
from neuronas.storage import Figures


class Metrics(Collector):
    """Metrics of all studies, read from the database whenever they are asked for.

    Args:
        figures: The database.
    """

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Return all metrics."""
        version = GaugeMetricFamily("neuronas_info", "Version of neuronas.", labels=["version"])
        version.add_metric([__version__], 1)
        return [version, *self._of_studies()]

    def _of_studies(self) -> list[Metric]:
        trials = GaugeMetricFamily(
            "neuronas_trials", "Trials of a study by state.", labels=["study", "state"]
        )
        trained = CounterMetricFamily(
            "neuronas_trained_networks", "Networks newly trained.", labels=["study"]
        )
        last_hour = GaugeMetricFamily(
            "neuronas_trained_networks_last_hour",
            "Networks newly trained within the last hour.",
            labels=["study"],
        )
        volume = GaugeMetricFamily(
            "neuronas_hypervolume", "Hypervolume of a study's front, 0 to 1.", labels=["study"]
        )
        workers = GaugeMetricFamily("neuronas_workers", "Workers that are alive.", labels=["study"])
        lease = GaugeMetricFamily(
            "neuronas_oldest_lease_seconds",
            "For how long the longest held trial has run.",
            labels=["study"],
        )
        for study in self._figures.of_studies():
            for state, count in study.states.items():
                trials.add_metric([study.name, state], count)
            trained.add_metric([study.name], study.trained)
            last_hour.add_metric([study.name], study.trained_in_last_hour)
            volume.add_metric([study.name], study.hypervolume)
            workers.add_metric([study.name], study.workers)
            lease.add_metric([study.name], study.oldest_lease_s)
        return [trials, trained, last_hour, volume, workers, lease]

    def response(self) -> Response:
        """Return all metrics as text."""
        registry = CollectorRegistry()
        registry.register(self)
        body = generate_latest(registry)
        headers = {"Content-Type": CONTENT_TYPE_LATEST, "Content-Length": str(len(body))}
        return Response(HTTPStatus.OK, (body,), headers)
