"""Places, divisions, industries, strategic fields and clusters on the wire."""

from pydantic import Field

from shared.db.keyset import Filter, ListSpec
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


class DivisionRead(Output):
    """An administrative division by its GB/T 2260 code."""

    code: str = Field(examples=["331100"])
    name: str = Field(examples=["丽水市"])
    level: int = Field(description="1 province, 2 prefecture, 3 county.")
    parent: str | None = Field(description="The division above; null for a province.")
    city_code: str | None
    province_code: str
    lon: float = Field(description="Degrees east.")
    lat: float = Field(description="Degrees north.")
    coord_precision: str = Field(description="`own`, or whose coordinates stand in: `parent` or `province`.")
    cluster_ids: list[str]


class IndustryRead(Output):
    """An economic activity by its GB/T 4754 code."""

    code: str = Field(examples=["3670"])
    name: str = Field(examples=["汽车零部件及配件制造"])
    level: str = Field(description="`section`, `division` or `class`.")
    parent: str | None
    section: str | None
    strategic_fields: list[str]


class StrategicFieldRead(Output):
    """A strategic emerging industry (战略性新兴产业) and the GB/T 4754 prefixes that can belong to it."""

    id: str
    name_zh: str
    name_en: str
    industry_prefixes: list[str]


class ClusterRead(Output):
    """A city cluster or an innovation corridor and the divisions it is made of."""

    id: str
    kind: str
    name_zh: str
    name_en: str
    aliases_zh: list[str]
    basis: str
    core_codes: list[str]
    member_codes: list[str]


DIVISION_LIST = ListSpec(
    filters={
        "parent": Filter(),
        "level": Filter(int, ("eq",)),
        "name": Filter(operators=("eq", "contains")),
        "code": Filter(),
        "cluster_id": Filter(operators=("eq",), description="Divisions inside this cluster."),
    },
    sorts=("code", "name"),
    default_sort="code",
)
INDUSTRY_LIST = ListSpec(
    filters={
        "level": Filter(choices=("section", "division", "class")),
        "parent": Filter(),
        "section": Filter(),
        "strategic_field": Filter(description="Industries that can belong to this strategic field."),
        "q": Filter(operators=("eq",), description="Text in the code or the name."),
    },
    sorts=("code", "name"),
    default_sort="code",
)
STRATEGIC_FIELD_LIST = ListSpec(sorts=("name_en",), default_sort="id")
CLUSTER_LIST = ListSpec(
    filters={
        "kind": Filter(choices=("cluster", "corridor")),
        "name_zh": Filter(operators=("eq", "contains")),
        "member": Filter(operators=("eq",), description="Clusters that this division lies in."),
    },
    sorts=("name_en",),
    default_sort="id",
)
