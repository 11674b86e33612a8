"""Places, divisions, industries and clusters on the wire."""

from shared.types import Output


class Place(Output):
    """Where something is: a GB/T 2260 division with coordinates in degrees and the clusters it lies in."""

    adcode: str
    name: str
    lon: float
    lat: float
    city_adcode: str | None
    province_adcode: str
    cluster_ids: list[str]
