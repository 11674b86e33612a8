"""Tokens: who gets one, what is in it, and what is refused."""

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.registry.access_world import (
    ADMIN,
    ADMIN_SECRET,
    MATCHING_SECRET,
    Secured,
    claims_of,
    secured_registry,
)
from tests.support.services import ISSUER


@pytest.fixture
async def secured(registry_url: str) -> AsyncIterator[Secured]:
    async with secured_registry(registry_url) as world:
        yield world


async def test_token_says_who_for_whom_and_for_how_long(secured: Secured) -> None:
    answer = await secured.token(ADMIN, ADMIN_SECRET)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    header, claims = jwt.get_unverified_header(body["access_token"]), claims_of(body["access_token"])
    assert (header["typ"], header["alg"]) == ("at+jwt", "EdDSA")
    assert (claims["iss"], claims["aud"], claims["sub"], claims["client_id"]) == (
        ISSUER,
        "feidi",
        ADMIN,
        ADMIN,
    )
    assert claims["exp"] - claims["iat"] == 900
    assert (claims["kind"], claims["reach"]) == ("client", "network")
    assert claims["scope"] == body["scope"]
    assert (
        claims["jti"] != claims_of((await secured.token(ADMIN, ADMIN_SECRET)).json()["access_token"])["jti"]
    )


async def test_key_set_verifies_the_token_without_private_parts(secured: Secured) -> None:
    token = (await secured.token(ADMIN, ADMIN_SECRET)).json()["access_token"]
    key_set = (await secured.anonymous.get("/.well-known/jwks.json")).json()
    (key,) = key_set["keys"]
    assert set(key) == {"kid", "kty", "crv", "x", "alg", "use"}
    assert key["kid"] == jwt.get_unverified_header(token)["kid"]
    assert jwt.decode(token, jwt.PyJWK(key), algorithms=["EdDSA"], audience="feidi", issuer=ISSUER)


async def test_metadata_leads_to_the_endpoints(secured: Secured) -> None:
    found = (await secured.anonymous.get("/.well-known/oauth-authorization-server")).json()
    assert found["issuer"] == ISSUER
    form = {"grant_type": "client_credentials", "client_id": ADMIN, "client_secret": ADMIN_SECRET}
    token = await secured.anonymous.post(found["token_endpoint"].removeprefix(ISSUER), data=form)
    assert token.status_code == 200
    assert (await secured.anonymous.get(found["jwks_uri"].removeprefix(ISSUER))).status_code == 200


async def test_service_client_sees_the_network_and_only_reads(secured: Secured) -> None:
    matching = await secured.caller("cli_matching", MATCHING_SECRET)
    assert (await matching.get("/v1/organisations")).status_code == 200
    assert (await matching.get("/v1/events")).status_code == 200
    refused = await matching.post("/v1/organisations", json={"kind": "operator", "name": "x"})
    assert (refused.status_code, refused.json()["code"]) == (403, "insufficient_scope")


async def test_basic_authentication_is_form_decoded(secured: Secured) -> None:
    form = {"grant_type": "client_credentials"}
    secret = ADMIN_SECRET.replace(" ", "+").replace("'", "%27")
    basic = base64.b64encode(f"{ADMIN}:{secret}".encode()).decode()
    answer = await secured.anonymous.post(
        "/oauth2/token", data=form, headers={"authorization": f"Basic {basic}"}
    )
    assert answer.status_code == 200


async def test_a_part_of_the_scopes_can_be_asked_for(secured: Secured) -> None:
    answer = await secured.token(ADMIN, ADMIN_SECRET, scope="registry:organisations:read")
    assert answer.json()["scope"] == "registry:organisations:read"
    caller = secured.service.client(answer.json()["access_token"])
    assert (await caller.get("/v1/organisations")).status_code == 200
    assert (await caller.get("/v1/clients")).json()["code"] == "insufficient_scope"


@pytest.mark.parametrize(
    ("form", "status", "code"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": ADMIN}, 401, "invalid_client"),
        (
            {"grant_type": "client_credentials", "client_id": ADMIN, "client_secret": ""},
            401,
            "invalid_client",
        ),
        (
            {"grant_type": "client_credentials", "client_id": ADMIN, "client_secret": "x"},
            401,
            "invalid_client",
        ),
        (
            {"grant_type": "client_credentials", "client_id": "\0", "client_secret": "x"},
            401,
            "invalid_client",
        ),
        (
            {"grant_type": "client_credentials", "client_id": "cli_no", "client_secret": "x"},
            401,
            "invalid_client",
        ),
    ],
)
async def test_refusals_are_those_of_oauth_and_of_this_house(
    secured: Secured, form: dict[str, str], status: int, code: str
) -> None:
    answer = await secured.anonymous.post("/oauth2/token", data={"x": "1", **form})
    body = answer.json()
    assert (answer.status_code, body["code"], body["error"]) == (status, code, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["error_description"]
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize(
    "scope", ["registry:*:delete", "  ", "x", "registry:*:read registry:nothing:fly", "*"]
)
async def test_scopes_the_client_does_not_have_are_refused(secured: Secured, scope: str) -> None:
    answer = await secured.token("cli_matching", MATCHING_SECRET, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"grant_type":"client_credentials"}', "application/json", 415),
        (b"grant_type=client_credentials&grant_type=x", "application/x-www-form-urlencoded", 400),
        (b"grant_type=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff\xfe", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a%d=1" % n for n in range(50)), "application/x-www-form-urlencoded", 400),
        (b"grant_type=" + b"a" * 9000, "application/x-www-form-urlencoded", 400),
        (b"", "application/x-www-form-urlencoded", 400),
    ],
)
async def test_malformed_forms_are_refused(
    secured: Secured, content: bytes, content_type: str, status: int
) -> None:
    answer = await secured.anonymous.post(
        "/oauth2/token", content=content, headers={"content-type": content_type}
    )
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic YQ==", "Bearer x", "Basic /w==", "Basic Og=="]
)
async def test_malformed_basic_credentials_are_refused(secured: Secured, header: str) -> None:
    form = {"grant_type": "client_credentials"}
    answer = await secured.anonymous.post("/oauth2/token", data=form, headers={"authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


async def test_credentials_in_two_ways_are_refused(secured: Secured) -> None:
    basic = base64.b64encode(f"{ADMIN}:x".encode()).decode()
    form = {"grant_type": "client_credentials", "client_id": ADMIN, "client_secret": ADMIN_SECRET}
    answer = await secured.anonymous.post(
        "/oauth2/token", data=form, headers={"authorization": f"Basic {basic}"}
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
    ]
    return ".".join([*parts, ""])


async def forgeries(secured: Secured) -> dict[str, str]:
    """Tokens an attacker could make of a good one and of the public key."""
    token = (await secured.token(ADMIN, ADMIN_SECRET)).json()["access_token"]
    claims, (jwk,) = claims_of(token), (await secured.anonymous.get("/.well-known/jwks.json")).json()["keys"]
    public = jwt.PyJWK(jwk).key
    header = {"kid": jwk["kid"], "typ": "at+jwt"}
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signing, _, signature = token.rpartition(".")
    other = Ed25519PrivateKey.generate()

    def hmac_signed(secret: bytes) -> str:
        body = unsigned({**header, "alg": "HS256"}, claims).rstrip(".")
        mac = __import__("hmac").new(secret, body.encode(), hashlib.sha256).digest()
        return body + "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()

    return {
        "a type that is no text": unsigned({**header, "typ": 1}, claims),
        "no type": unsigned({**header, "typ": None}, claims),
        "alg none": unsigned({**header, "alg": "none"}, claims),
        "no signature": signing + ".",
        "HS256 with the public key": hmac_signed(pem),
        "HS256 with the raw public key": hmac_signed(public.public_bytes_raw()),
        "another key under our kid": jwt.encode(claims, other, algorithm="EdDSA", headers=header),
        "unknown kid": jwt.encode(claims, other, algorithm="EdDSA", headers={**header, "kid": "kid_x"}),
        "changed signature": f"{signing}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}",
        "key in the header": jwt.encode(
            claims, other, algorithm="EdDSA", headers={**header, "kid": "", "jwk": jwk}
        ),
        "garbage": "a.b.c",
        "nothing": ".",
        "not ascii": "\u00e9",
    }


async def test_forged_tokens_are_refused(secured: Secured) -> None:
    for name, token in (await forgeries(secured)).items():
        headers = {"authorization": f"Bearer {token}".encode("latin-1")}
        answer = await secured.anonymous.get("/v1/organisations", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token"), name
        assert "www-authenticate" in answer.headers


@pytest.mark.parametrize(
    ("claims", "header", "code"),
    [
        ({}, {}, None),
        ({"exp": 1}, {}, "token_expired"),
        ({"exp": None}, {}, "invalid_token"),
        ({"aud": "another"}, {}, "invalid_token"),
        ({"aud": None}, {}, "invalid_token"),
        ({"iss": "https://elsewhere.test"}, {}, "invalid_token"),
        ({"sub": None}, {}, "invalid_token"),
        ({"iat": None}, {}, "invalid_token"),
        ({"nbf": 4_000_000_000}, {}, "invalid_token"),
        ({}, {"typ": "JWT"}, "invalid_token"),
        ({}, {"typ": None}, "invalid_token"),
        ({}, {"kid": "kid_unknown"}, "invalid_token"),
    ],
)
async def test_tokens_of_our_own_key_must_be_whole(
    secured: Secured, claims: dict[str, Any], header: dict[str, Any], code: str | None
) -> None:
    """Even a token signed by the right key is refused when a claim is missing or wrong."""
    key = await secured.service.app.state.service.extra["access"].keys.signing_key()
    now = int(time.time())
    good = {
        "iss": ISSUER, "aud": "feidi", "sub": "cli_x", "iat": now, "exp": now + 60,
        "scope": "registry:*:read", "reach": "network",
    }  # fmt: skip
    body = {name: value for name, value in {**good, **claims}.items() if value is not None}
    headers = {"kid": key.kid, "typ": "at+jwt", **header}
    token = jwt.encode(body, key.private_key, algorithm="EdDSA", headers=headers)
    answer = await secured.service.client(token).get("/v1/organisations")
    assert (answer.status_code, answer.json().get("code")) == ((200, None) if code is None else (401, code))
