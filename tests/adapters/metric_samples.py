"""What a registry shows: its samples, a value by its name and labels, a partner's series."""

from prometheus_client.metrics import MetricWrapperBase

from daemon.adapters.metrics import Metrics


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return samples(metrics).get((name, frozenset(labels.items())))


def series_of(metrics: Metrics, partner: str) -> set[str]:
    return {name for name, labels in samples(metrics) if ("partner", partner) in labels}


def collectors(metrics: Metrics) -> list[MetricWrapperBase]:
    return [known for known in metrics.registry._collector_to_names if isinstance(known, MetricWrapperBase)]
