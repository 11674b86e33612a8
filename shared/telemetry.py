"""Prometheus instruments and the configuration of FastAPI's own OpenTelemetry support."""

import os
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram, start_http_server

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

REQUEST_SECONDS = Histogram(
    "feidi_http_request_duration_seconds",
    "Time from the first byte of a request to the last byte of its answer.",
    ("method", "route", "status"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
FEED_HEAD = Gauge("feidi_feed_head", "Position of the newest event in this service's feed.")
CONSUMER_LAG = Gauge(
    "feidi_consumer_lag_events", "Events between a consumer and its source's head.", ("consumer",)
)
DEAD_LETTERS = Counter("feidi_dead_letters_total", "Events a consumer could not apply.", ("consumer",))


def telemetry_config() -> "TelemetryConfig":
    """Return FastAPI's telemetry settings: exporters only when the standard variables name an endpoint."""
    enabled = bool(os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    return {
        "tracing": enabled,
        "metrics": False,
        "logs": False,
        "operation_spans": False,
        "auto_configure": enabled,
    }


def serve_metrics(port: int | None, host: str = "127.0.0.1") -> None:
    """Answer Prometheus on an internal port of its own, when one is configured."""
    if port is not None:
        start_http_server(port, addr=host)
