"""What the coded industries of a project mean: whether they exist, where they lie, what field they can be."""

from collections.abc import Iterable, Sequence

from services.registry.projects.errors import UnknownIndustry
from services.registry.reference.catalogue import load_catalogue


def check_industries(codes: Iterable[str], fields: Iterable[str]) -> None:
    """Refuse codes that GB/T 4754 does not have, and fields that are not among the strategic ones."""
    catalogue = load_catalogue()
    known = {field.id for field in catalogue.strategic_fields}
    if any(catalogue.industry(code) is None for code in codes) or not known.issuperset(fields):
        raise UnknownIndustry()


def derived_fields(codes: Iterable[str]) -> list[str]:
    """Return the strategic fields that the industries can belong to."""
    catalogue = load_catalogue()
    return sorted({field.id for code in codes for field in catalogue.strategic_fields_of(code)})


def with_ancestors(codes: Sequence[str]) -> list[str]:
    """Return the codes and everything above them, so that a section or division finds its projects."""
    catalogue, found = load_catalogue(), set(codes)
    for code in codes:
        item = catalogue.industry(code)
        while item is not None and item.parent:
            found.add(item.parent)
            item = catalogue.industry(item.parent)
    return sorted(found)
