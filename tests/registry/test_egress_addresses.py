"""Which addresses may be dialled."""

from ipaddress import ip_address

import pytest
from pydantic import ValidationError

from services.registry.egress.addresses import is_public
from services.registry.egress.policy import EgressPolicy, policy_of
from services.registry.settings import RegistrySettings
from tests.registry.ssrf_corpus import PUBLIC, hidden_addresses

OWN = "https://registry.example"
RECEIVER = f"{OWN}/v1/sandbox/receivers/rcv_1/hits"


def test_no_hidden_address_is_public_in_any_form() -> None:
    assert [address for address in hidden_addresses() if is_public(address)] == []
    assert [address for address in hidden_addresses() if EgressPolicy().allows(address)] == []
    assert len(hidden_addresses()) > 250


def test_what_lies_beside_the_ranges_is_public() -> None:
    assert [address for address in PUBLIC if not is_public(address)] == []
    assert all(is_public(ip_address(address)) for address in PUBLIC)


@pytest.mark.parametrize(
    "text", ["", "8.8.8", "8.8.8.8 ", "8.8.8.08", "134744072", "receiver.example", "[::1]"]
)
def test_text_that_is_no_address_is_not_public(text: str) -> None:
    assert not is_public(text)
    assert not EgressPolicy(allowed_networks=("0.0.0.0/0", "::/0")).allows(text)


def test_the_operator_opens_a_network_and_nothing_beside_it() -> None:
    policy = EgressPolicy(allowed_networks=("127.0.0.0/8", "fd00:1::/32"))
    assert policy.allows("127.0.0.1")
    assert policy.allows("fd00:1::5")
    assert policy.allows("8.8.8.8")
    for address in ("128.0.0.1%1", "10.0.0.1", "::ffff:127.0.0.1", "::1", "fd00:2::5", "fd00:1::5%eth0"):
        assert not policy.allows(address), address


def test_own_receivers_are_known_by_their_exact_url() -> None:
    policy = EgressPolicy(own_origin=OWN)
    assert policy.is_own(RECEIVER)
    assert EgressPolicy(own_origin=f"{OWN}/").is_own(RECEIVER)
    assert not EgressPolicy().is_own(RECEIVER)


@pytest.mark.parametrize(
    "url",
    [
        OWN,
        f"{OWN}/v1/sandbox/receivers/",
        f"{OWN}/v1/projects",
        f"{OWN}/v1/sandbox/receivers/../../projects",
        f"{OWN}/v1/sandbox/receivers/%2e%2e/projects",
        f"{OWN}/v1/sandbox/receivers//projects",
        f"{OWN}/v1/sandbox/receivers/rcv_1/hits/",
        f"{OWN}/v1/sandbox/receivers/rcv_1\\hits",
        f"{RECEIVER}?to=x",
        f"{RECEIVER}#x",
        f"{RECEIVER}\n",
        "https://registry.example.evil.example/v1/sandbox/receivers/rcv_1/hits",
        "https://registry.example@evil.example/v1/sandbox/receivers/rcv_1/hits",
        "https://registry.example:444/v1/sandbox/receivers/rcv_1/hits",
        "http://registry.example/v1/sandbox/receivers/rcv_1/hits",
    ],
)
def test_what_only_looks_like_an_own_receiver_is_judged_as_everything(url: str) -> None:
    assert not EgressPolicy(own_origin=OWN).is_own(url)


def test_the_policy_is_the_one_of_the_settings() -> None:
    settings = RegistrySettings(
        webhook_allow_http=True, webhook_allowed_networks=["10.1.0.0/16"], issuer="https://registry.example"
    )
    policy = policy_of(settings)
    assert policy.allow_http
    assert policy.allows("10.1.2.3")
    assert policy.is_own(RECEIVER)
    assert not policy_of(RegistrySettings()).allows("10.1.2.3")
    assert not policy_of(RegistrySettings()).allow_http


@pytest.mark.parametrize("network", ["10.1.0.0/33", "10.1.0.5/16", "internal", "10.1.0.0-10.1.0.9", ""])
def test_a_network_that_is_none_ends_the_start(network: str) -> None:
    with pytest.raises(ValidationError, match=r"a network is written like 10\.20\.0\.0/16"):
        RegistrySettings(webhook_allowed_networks=[network])
