"""Lookups of reference data in the shapes the API answers with."""

from functools import lru_cache

from services.registry.reference.catalogue import load_catalogue
from services.registry.reference.schemas import Place


@lru_cache(maxsize=4096)
def place_of(adcode: str | None) -> Place | None:
    """Return where a division is, or None when the code is unknown or absent."""
    if adcode is None:
        return None
    catalogue = load_catalogue()
    division, province = catalogue.division(adcode), catalogue.province_of(adcode)
    if division is None or province is None:
        return None
    city = catalogue.city_of(adcode)
    return Place(
        adcode=division.code,
        name=division.name,
        lon=division.lon,
        lat=division.lat,
        city_adcode=city.code if city else None,
        province_adcode=province.code,
        cluster_ids=[cluster.id for cluster in catalogue.clusters_of(adcode)],
    )
