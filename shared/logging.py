"""One JSON object per log line on standard error, with the request it belongs to."""

import logging
import sys
from typing import Any

import structlog

from shared.context import request_context


def configure_logging(service: str, level: str = "INFO") -> None:
    """Send structlog and the standard library's loggers to standard error as JSON lines."""

    def add_context(
        _logger: Any, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["service"] = service
        context = request_context.get()
        if context is not None:
            event["request_id"] = context.request_id
            if context.traceparent:
                event["trace_id"] = context.traceparent.split("-")[1]
        return event

    number = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            add_context,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    bridge = _StructlogHandler()
    root = logging.getLogger()
    root.handlers[:] = [bridge]
    root.setLevel(max(number, logging.WARNING))


class _StructlogHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(
            record.levelno, record.getMessage(), logger_name=record.name, exc_info=record.exc_info
        )


def get_logger(name: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger whose lines carry ``logger_name=name``."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(logger_name=name)
    return logger
