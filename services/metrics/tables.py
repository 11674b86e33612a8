"""Every table of metrics, for migrations and schema checks."""

from services.metrics.base import metadata
from services.metrics.kpis import tables as kpis
from services.metrics.ledger import tables as ledger

__all__ = ["kpis", "ledger", "metadata"]
