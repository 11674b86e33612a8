"""The registry as matching meets it on the wire, with ways to be down and to begin a new epoch."""

from collections.abc import Mapping
from typing import Any

import httpx2

from shared.ids import derived_id

AT = "2026-11-20T08:00:00.000Z"
SHANGHAI = {
    "adcode": "310115",
    "name": "浦东新区",
    "lon": 121.544,
    "lat": 31.221,
    "city_adcode": "310100",
    "province_adcode": "310000",
    "cluster_ids": ["yangtze_river_delta"],
}
LISHUI = {
    "adcode": "331100",
    "name": "丽水市",
    "lon": 119.923,
    "lat": 28.467,
    "city_adcode": "331100",
    "province_adcode": "330000",
    "cluster_ids": ["yangtze_river_delta"],
}
CHENGDU = {
    "adcode": "510100",
    "name": "成都市",
    "lon": 104.066,
    "lat": 30.573,
    "city_adcode": "510100",
    "province_adcode": "510000",
    "cluster_ids": ["chengdu_chongqing"],
}


def identifier(prefix: str, name: str) -> str:
    return derived_id(prefix, name)


def home_unit(name: str, place: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    record = {
        "id": identifier("org", name),
        "kind": "home_unit",
        "name": name,
        "unit_type": "city",
        "adcode": place["adcode"] if place else None,
        "place": place,
        "operator_class": None,
        "synthetic": True,
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    return {**record, **changes}


def enclave(name: str, home_unit_id: str, place: Mapping[str, Any] | None, **changes: Any) -> dict[str, Any]:
    record = {
        "id": identifier("enc", name),
        "name": name,
        "home_unit_id": home_unit_id,
        "host_place": place,
        "party_ids": [home_unit_id],
        "synthetic": True,
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    return {**record, **changes}


def project(title: str, *party_ids: str, **changes: Any) -> dict[str, Any]:
    record = {
        "id": identifier("prj", title),
        "title": title,
        "summary": "柔性脑机接口电极的研发与生产",
        "stage": "screening",
        "enclave_id": None,
        "industry_codes": ["3581"],
        "strategic_fields": [],
        "needs": {
            "plant_class": "clean_room",
            "space_m2": 800.0,
            "seats": None,
            "fund_amount_cny": "3000000.00",
            "max_distance_km": None,
            "preferred_home_unit_ids": [],
        },
        "host_adcode": None,
        "host_place": None,
        "party_ids": list(party_ids),
        "synthetic": True,
        "version": 1,
        "created_at": AT,
        "updated_at": AT,
    }
    return {**record, **changes}


class RegistryDouble:
    """The registry on the wire: its feed, its tokens and its keys."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self.events: list[dict[str, Any]] = []
        self.epoch = "first"
        self.is_down = False
        self._keys = keys

    def tell(
        self, event_type: str, record: Mapping[str, Any], *, effective_at: str = AT, **data: Any
    ) -> None:
        subject_type = event_type.partition(".")[0]
        sequence = len(self.events) + 1
        self.events.append(
            {
                "id": identifier("evt", f"{self.epoch}{sequence}"),
                "type": event_type,
                "timestamp": AT,
                "sequence": sequence,
                "subject": {
                    "type": subject_type,
                    "id": record["id"],
                    "version": record["version"],
                    "url": f"/v1/{subject_type}s/{record['id']}",
                },
                "actor": {"type": "client", "id": "cli_test", "organisation_id": None},
                "request_id": None,
                "traceparent": None,
                "effective_at": effective_at,
                "data": {"object": dict(record), "changed": [], "previous": {}, **data},
            }
        )

    def begin_anew(self, epoch: str) -> None:
        """Restore from a backup: another epoch, in which nothing has been told yet."""
        self.events, self.epoch = [], epoch

    def answer(self, request: httpx2.Request) -> httpx2.Response:
        if self.is_down:
            raise httpx2.ConnectError("connection refused")
        if request.url.path == "/.well-known/jwks.json":
            return httpx2.Response(200, json=self._keys)
        if request.url.path == "/oauth2/token":
            return httpx2.Response(200, json={"access_token": "own", "expires_in": 900})
        if request.headers.get("authorization") != "Bearer own":
            return httpx2.Response(401)
        if request.url.path == "/v1/clients:recently-changed":
            return httpx2.Response(200, json={"items": [], "window_s": 900})
        if request.url.path == "/v1/events":
            return self._page(request.url.params)
        return httpx2.Response(404)

    def _page(self, params: httpx2.QueryParams) -> httpx2.Response:
        epoch, _, position = params.get("after", f"{self.epoch}:0").partition(":")
        if epoch != self.epoch:
            return httpx2.Response(410, json={"code": "cursor_expired"})
        end = min(int(position) + int(params["limit"]), len(self.events))
        page = {
            "items": self.events[int(position) : end],
            "next_cursor": f"{self.epoch}:{end}",
            "has_more": end < len(self.events),
            "epoch": self.epoch,
            "head": len(self.events),
        }
        return httpx2.Response(200, json=page)
