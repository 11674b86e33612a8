"""Tables of the rollup: figures added up in advance, of everything known now, for whoever sees the network.

Both follow from the ledger and can be rebuilt from it.
"""

from sqlalchemy import Column, Index, Integer, String, Table

from services.metrics.base import metadata
from services.metrics.kpis.questions import TIERS
from services.metrics.kpis.standing import MEASURES
from services.metrics.ledger.histories import PLACE

EVERYTHING = ""
"""The facet that every project has; the others are a kind of tag and its value."""

FOREVER = 99_999_999

kpi_cells = Table(
    "kpi_cells",
    metadata,
    Column("facet", String(70), primary_key=True),
    Column("period", Integer, primary_key=True, autoincrement=False),
    *[Column(name, String(40), primary_key=True) for name in PLACE],
    *[Column(name, Integer, nullable=False) for name in MEASURES],
)
"""By how much each measure changed, by facet and place, in a year (YYYY), a month (YYYYMM) and on a day
(YYYYMMDD). A figure on a day is the sum over the years, months and days up to it: some fifty periods.
"""

landing_spans = Table(
    "landing_spans",
    metadata,
    Column("project_id", String(40), primary_key=True),
    Column("from_day", Integer, primary_key=True, autoincrement=False),
    Column("to_day", Integer, nullable=False),
    *[Column(name, String(40), nullable=False) for name in PLACE],
    Column("admitted_day", Integer, nullable=False),
    *[Column(f"{tier}_day", Integer, nullable=True) for tier in TIERS],
    *[Column(f"{tier}_after", Integer, nullable=True) for tier in TIERS],
    Index("ix_landing_spans_place", *PLACE),
)
"""When admitted projects landed, for the estimate; valid for figures from ``from_day`` until ``to_day``."""
