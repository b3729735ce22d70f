"""What Prometheus reads of the daemon, and the lines that go with it in the log."""

from daemon.adapters.metrics.instruments import Metrics
from daemon.adapters.metrics.telemetry import StructlogTelemetry
from daemon.adapters.metrics.tracing import measure_requests, trace_freshbooks

__all__ = ["Metrics", "StructlogTelemetry", "measure_requests", "trace_freshbooks"]
