"""Tables of the rollup: figures added up in advance, of everything known now, for whoever sees the network.

All follow from the ledger and can be rebuilt from it.
"""

from sqlalchemy import Column, Integer, String, Table

from services.metrics.base import metadata
from services.metrics.kpis.standing import LANDING_MEASURES, MEASURES
from services.metrics.ledger.histories import PLACE

EVERYTHING = ""
"""The facet that every project has; the others are a kind of tag and its value."""


def _cells(name: str, measures: tuple[str, ...], *more: Column[int]) -> Table:
    """By how much each measure changed, by facet, in a year (YYYY), a month (YYYYMM) and on a day (YYYYMMDD).

    A figure on a day is the sum over the years, months and days up to it: some fifty periods. ``placed`` 1
    tells places apart, 0 is their sum, so that the whole network costs the same however many places it has.
    """
    return Table(
        name,
        metadata,
        Column("facet", String(70), primary_key=True),
        Column("placed", Integer, primary_key=True, autoincrement=False),
        Column("period", Integer, primary_key=True, autoincrement=False),
        *more,
        *[Column(name, String(40), primary_key=True) for name in PLACE],
        *[Column(name, Integer, nullable=False) for name in measures],
        sqlite_with_rowid=False,
    )


kpi_cells = _cells("kpi_cells", MEASURES)
landing_cells = _cells(
    "landing_cells", LANDING_MEASURES, Column("moment", Integer, primary_key=True, autoincrement=False)
)
"""What the estimate is made of: how many admitted projects landed so many days after admission (a ``moment``
below ``FIRST_DAY``), and of those that have not landed, how many were admitted on which day (from it on).
"""

FIRST_DAY = 19_000_101
FIRST_YEAR = FIRST_DAY // 10_000
"""The first year that can be asked about; what happened before counts in the year before it."""
