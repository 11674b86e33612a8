"""Which URLs an endpoint may have."""

import re
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from services.registry.egress.errors import _TEXTS, Reason, UrlNotAllowed
from services.registry.egress.policy import EgressPolicy
from services.registry.egress.urls import checked_url
from tests.registry.ssrf_corpus import hidden_hosts, hidden_urls

POLICY = EgressPolicy()
OPEN = EgressPolicy(allow_http=True, allowed_networks=("127.0.0.0/8", "::1/128"))
QUAD = re.compile(r"\d{1,3}(\.\d{1,3}){3}", re.ASCII)


def reason(url: str, policy: EgressPolicy = POLICY) -> Reason:
    with pytest.raises(UrlNotAllowed) as refused:
        checked_url(url, policy)
    return refused.value.reason


def accepted(url: str, policy: EgressPolicy) -> bool:
    try:
        checked_url(url, policy)
    except UrlNotAllowed:
        return False
    return True


def test_no_spelling_of_a_hidden_place_is_accepted() -> None:
    assert [url for url in hidden_urls() if accepted(url, POLICY)] == []
    assert len(hidden_urls()) > 1000


def test_no_spelling_is_accepted_with_http_allowed_either() -> None:
    policy = EgressPolicy(allow_http=True)
    assert [host for host in hidden_hosts() if accepted(f"http://{host}/hook", policy)] == []


def test_an_opened_network_opens_no_other_spelling_of_its_addresses() -> None:
    opened = [url for url in hidden_urls() if accepted(url, OPEN) and "127" in url]
    assert {url for url in opened if "127.0.0.1" not in url and "127.255" not in url} == set()
    for host in ("2130706433", "127.1", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "[::ffff:127.0.0.1]"):
        assert not accepted(f"https://{host}/", OPEN), host
    assert accepted("http://127.0.0.1:8000/", OPEN)
    assert accepted("http://[::1]:8000/", OPEN)
    assert not accepted("http://10.0.0.1:8000/", OPEN)


def test_local_names_are_left_to_the_dial_once_a_network_is_opened() -> None:
    assert reason("https://hooks.city.internal/") == Reason.LOCAL_HOST
    assert accepted("https://hooks.city.internal/", OPEN)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://127.0.0.1/", Reason.ADDRESS),
        ("https://[::1]/", Reason.ADDRESS),
        ("https://[::ffff:127.0.0.1]/", Reason.ADDRESS),
        ("https://[fe80::1%25eth0]/", Reason.ADDRESS),
        ("https://2130706433/", Reason.NUMERIC_HOST),
        ("https://0x7f.1/", Reason.NUMERIC_HOST),
        ("https://127.1/", Reason.NUMERIC_HOST),
        ("https://0177.0.0.1/", Reason.NUMERIC_HOST),
        ("https://127.0.0.1./", Reason.NUMERIC_HOST),
        ("https://①②⑦.⓪.⓪.①/", Reason.NUMERIC_HOST),
        ("https://①.①.①.①/", Reason.NUMERIC_HOST),
        ("https://1.1.1.1.1/", Reason.NUMERIC_HOST),
        ("https://localhost/", Reason.LOCAL_HOST),
        ("https://intranet/", Reason.LOCAL_HOST),
        ("http://receiver.example/", Reason.SCHEME),
        ("ftp://receiver.example/", Reason.SCHEME),
        ("receiver.example/hook", Reason.MALFORMED),
        ("", Reason.MALFORMED),
        ("https://", Reason.HOST),
        ("https:///hook", Reason.HOST),
        ("https://:443/", Reason.HOST),
        ("https://a..example/", Reason.HOST),
        ("https://-a.example/", Reason.HOST),
        (f"https://{'a' * 64}.example/", Reason.HOST),
        (f"https://{'a.' * 130}example/", Reason.HOST),
        ("https://a%2eexample/", Reason.HOST),
        ("https://user@receiver.example/", Reason.USERINFO),
        ("https://receiver.example/#part", Reason.FRAGMENT),
        ("https://receiver.example/#", Reason.FRAGMENT),
        ("https://receiver.example:0/", Reason.PORT),
        ("https://receiver.example:65536/", Reason.PORT),
        ("https://receiver.example:/", Reason.PORT),
        ("https://receiver.example/%zz", Reason.MALFORMED),
        ("https://receiver.example/a b", Reason.CHARACTER),
        ("https://receiver.example/a\u202eb", Reason.CHARACTER),
        ("https://receiver.example/a\u200bb", Reason.CHARACTER),
        ("https://receiver.example\\evil.example/", Reason.CHARACTER),
        ("https://receiver.example/\ud800", Reason.CHARACTER),
        (f"https://receiver.example/{'a' * 2048}", Reason.TOO_LONG),
        (f"https://receiver.example/{'飞' * 300}", Reason.TOO_LONG),
    ],
)
def test_a_refusal_says_why(url: str, expected: Reason) -> None:
    assert reason(url) == expected


def test_a_refusal_points_at_the_field_and_never_repeats_the_url() -> None:
    with pytest.raises(UrlNotAllowed) as refused:
        checked_url("https://10.20.30.40/very-secret", POLICY, pointer="/receiver/url")
    assert (refused.value.status, refused.value.code) == (422, "url_not_allowed")
    (error,) = refused.value.errors
    assert (error.code, error.pointer) == ("address_not_public", "/receiver/url")
    shown = repr((error, refused.value.args, refused.value.detail_en, refused.value.extra))
    assert "10.20" not in shown
    assert "secret" not in shown


def test_every_reason_is_said_in_both_languages() -> None:
    assert _TEXTS.keys() == set(Reason)
    assert all(english and chinese for english, chinese in _TEXTS.values())


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://receiver.example", "https://receiver.example/"),
        ("HTTPS://Receiver.EXAMPLE.:443/Hook", "https://receiver.example/Hook"),
        (
            "https://receiver.example:08443/a/../b?x=1&y=%2F?",
            "https://receiver.example:8443/a/../b?x=1&y=%2F?",
        ),
        ("https://receiver.example?x", "https://receiver.example/?x"),
        ("https://飞地.中国/接收?园区=余杭", None),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://my_host.receiver.example/", "https://my_host.receiver.example/"),
        ("https://8.8.8.8/hook", "https://8.8.8.8/hook"),
        ("https://[2606:4700:4700:0::1111]:8443/", "https://[2606:4700:4700::1111]:8443/"),
        ("https://127.0.0.1.nip.io/", "https://127.0.0.1.nip.io/"),
    ],
)
def test_a_url_is_kept_in_one_spelling(url: str, kept: str | None) -> None:
    once = checked_url(url, POLICY)
    assert kept is None or once == kept
    assert once.isascii()
    assert checked_url(once, POLICY) == once


def test_own_receivers_are_accepted_as_they_are() -> None:
    own = EgressPolicy(own_origin="http://127.0.0.1:8100")
    url = "http://127.0.0.1:8100/v1/sandbox/receivers/rcv_1/hits"
    assert checked_url(url, own) == url
    assert reason("http://127.0.0.1:8100/v1/projects", own) == Reason.SCHEME
    assert reason(url) == Reason.SCHEME


PIECES = st.sampled_from(
    [
        *"abcxX019.-_:/@#?[]%\\ \t\n①。．％",
        "https://",
        "127.0.0.1",
        "localhost",
        "::1",
        "xn--",
        "0x7f",
        ".example",
    ]
)


@settings(deadline=None)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=14).map("".join)), st.booleans())
def test_whatever_is_accepted_reads_the_same_to_the_client_and_is_no_hidden_number(
    text: str, prefixed: bool
) -> None:
    try:
        url = checked_url(f"https://{text}" if prefixed else text, POLICY)
    except UrlNotAllowed:
        return
    parsed = URL(url, encoded=True)
    assert parsed.scheme == "https"
    assert parsed.user is None
    assert parsed.raw_fragment == ""
    host = parsed.raw_host
    assert host
    assert url.startswith(("https://" + host, f"https://[{host}]"))
    assert checked_url(url, POLICY) == url
    if ":" in host or QUAD.fullmatch(host):
        assert POLICY.allows(host)
    else:
        with pytest.raises(OSError, match="illegal IP address"):
            socket.inet_aton(host)
