"""Who takes part: the parties of one enclave, each with a credential of its own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from examples.demo.client import Client, Json, UnexpectedAnswer
from examples.demo.screen import Screen

ENCLAVE = "丽水经开区的上海科创飞地"
HOME_UNIT = "丽水经开区"
_SCOPES = [f"registry:*:{action}" for action in ("read", "write", "approve")]
_SCOPES += ["matching:*:read", "matching:*:write", "metrics:*:read"]
_WANTED = ("screening", "reserve")
_PROFILES = Path(__file__).parent / "profiles.json"


@dataclass(frozen=True)
class Credential:
    """A client of one organisation and its secret."""

    id: str
    secret: str


@dataclass
class Cast:
    """The callers of the story and what they are called in the registry."""

    administration: Client
    operator: Client
    home_unit: Client
    home_unit_credential: Credential
    enclave: Json
    operator_name: str
    operator_id: str
    home_unit_id: str
    organisations: Mapping[str, str]

    async def close(self) -> None:
        """Close all connections."""
        for client in (self.administration, self.operator, self.home_unit):
            await client.close()


async def assemble(urls: Mapping[str, str], screen: Screen, administration: Client) -> Cast:
    """Look the parties up and give each a credential."""
    enclaves = await administration.get("registry", "/v1/enclaves", name=ENCLAVE)
    enclave: Json = enclaves["items"][0]
    operators = await administration.get(
        "registry", "/v1/organisations", kind="operator", synthetic="true", quiet=True
    )
    operator = operators["items"][0]
    homes = await administration.get("registry", "/v1/organisations", kind="home_unit", limit=200, quiet=True)
    of_operator = await issue(administration, operator["name"], operator["id"])
    of_home_unit = await issue(administration, HOME_UNIT, enclave["home_unit_id"])
    return Cast(
        administration=administration,
        operator=await signed_in(urls, screen, operator["name"], of_operator),
        home_unit=await signed_in(urls, screen, HOME_UNIT, of_home_unit),
        home_unit_credential=of_home_unit,
        enclave=enclave,
        operator_name=operator["name"],
        operator_id=operator["id"],
        home_unit_id=enclave["home_unit_id"],
        organisations={home["name"]: home["id"] for home in homes["items"]},
    )


async def issue(
    administration: Client, name: str, organisation_id: str, *, quiet: bool = False
) -> Credential:
    """Let the network administration give an organisation a client."""
    body = {"name": f"{name} (demo)", "organisation_id": organisation_id, "scopes": _SCOPES}
    issued = (await administration.post("registry", "/v1/clients", body, quiet=quiet, note=name)).body
    return Credential(issued["id"], issued["secret"])


async def signed_in(urls: Mapping[str, str], screen: Screen, name: str, credential: Credential) -> Client:
    """Return a caller with a token of its own."""
    client = Client(name, urls, screen)
    await client.sign_in(credential.id, credential.secret)
    return client


async def put_profiles(urls: Mapping[str, str], screen: Screen, cast: Cast) -> tuple[int, int]:
    """Let every home unit that has none tell matching what it offers; return how many did and have one."""
    profiles: dict[str, Json] = json.loads(_PROFILES.read_text(encoding="utf-8"))["profiles"]
    told = 0
    for name, profile in profiles.items():
        path = f"/v1/home-units/{cast.organisations[name]}/profile"
        there = await cast.administration.send("GET", "matching", path, expect=(200, 404), quiet=True)
        if there.status == 200:
            continue
        credential = await issue(cast.administration, name, cast.organisations[name], quiet=True)
        client = await signed_in(urls, screen, name, credential)
        wanted = await _preferences(client, profile.pop("wishes"))
        body = {**profile, "preferences": wanted, "synthetic": True}
        put = await client.send("PUT", "matching", path, body=body, quiet=told > 0, note=name)
        await client.close()
        if put.status != 201:
            raise UnexpectedAnswer(f"the profile of {name} was there already")
        told += 1
    return told, len(profiles)


async def _preferences(client: Client, wishes: list[Json]) -> list[Json]:
    """Turn a home unit's wishes into preferences for projects it sees that are not yet admitted."""
    found: dict[str, Json] = {}
    for wish in wishes:
        shown = await client.get("registry", "/v1/projects", industry=wish["industry"], limit=200, quiet=True)
        ids = [project["id"] for project in shown["items"] if project["stage"] in _WANTED]
        if ids:
            preference = {"project_id": ids[0], "priority": wish["priority"], "reason": wish["reason"]}
            found.setdefault(ids[0], preference)
    return list(found.values())
