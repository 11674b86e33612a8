"""What can be said of a URL without dialling: its form, its scheme, a host that is an address or a local one.

A name that resolves to an address which is not public passes here; it is refused where it is dialled.
"""

import re
import unicodedata
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote

import idna

from services.registry.egress.errors import Reason, UrlNotAllowed
from services.registry.egress.policy import EgressPolicy

MAX_URL = 2048

_PARTS = re.compile(r"(?i:(https?))://([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?", re.DOTALL)
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_AUTHORITY = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::([0-9]*))?", re.ASCII)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_MAX_NAME = 253
_DEFAULT_PORTS = {"http": 80, "https": 443}
_SAFE = "%/:@!$&'()*+,;=-._~"
_LOCAL_SUFFIXES = (
    ".localhost",
    ".localdomain",
    ".local",
    ".internal",
    ".intranet",
    ".private",
    ".home",
    ".home.arpa",
    ".corp",
    ".lan",
    ".onion",
    ".invalid",
)


def checked_url(url: str, policy: EgressPolicy, *, pointer: str = "/url") -> str:
    """Return a URL in the one spelling in which it is kept and dialled, or raise ``UrlNotAllowed``."""
    try:
        return _checked(url, policy)
    except _Refused as refused:
        raise UrlNotAllowed(refused.reason, pointer) from None


class _Refused(Exception):
    def __init__(self, reason: Reason) -> None:
        self.reason = reason


def _checked(url: str, policy: EgressPolicy) -> str:
    if len(url) > MAX_URL:
        raise _Refused(Reason.TOO_LONG)
    if policy.is_own(url):
        return url
    if any(_is_hidden(character) for character in url):
        raise _Refused(Reason.CHARACTER)
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise _Refused(Reason.SCHEME if _ABSOLUTE.match(url) else Reason.MALFORMED)
    scheme, authority, path, query, fragment = parts.groups()
    scheme = scheme.lower()
    if scheme == "http" and not policy.allow_http:
        raise _Refused(Reason.SCHEME)
    if fragment is not None:
        raise _Refused(Reason.FRAGMENT)
    if "@" in authority:
        raise _Refused(Reason.USERINFO)
    host = _authority(authority, scheme, policy)
    if _BROKEN_ESCAPE.search(path) or _BROKEN_ESCAPE.search(query or ""):
        raise _Refused(Reason.MALFORMED)
    rest = quote(path or "/", safe=_SAFE)
    if query is not None:
        rest += "?" + quote(query, safe=_SAFE + "?")
    normal = f"{scheme}://{host}{rest}"
    if len(normal) > MAX_URL:
        raise _Refused(Reason.TOO_LONG)
    return normal


def _is_hidden(character: str) -> bool:
    return character == "\\" or unicodedata.category(character)[0] in "CZ"


def _authority(authority: str, scheme: str, policy: EgressPolicy) -> str:
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise _Refused(Reason.HOST)
    bracketed, named, port = parts.groups()
    host = _name(named, policy) if bracketed is None else _bracketed(bracketed, policy)
    if port is None:
        return host
    if len(port) > 5 or not 1 <= int(port or 0) <= 65535:
        raise _Refused(Reason.PORT)
    return host if int(port) == _DEFAULT_PORTS[scheme] else f"{host}:{int(port)}"


def _bracketed(text: str, policy: EgressPolicy) -> str:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise _Refused(Reason.HOST) from None
    if not policy.allows(str(address)):
        raise _Refused(Reason.ADDRESS)
    return f"[{address.compressed}]"


def _name(host: str, policy: EgressPolicy) -> str:
    name = _ascii(host)
    labels = name.removesuffix(".").split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _quad(host, policy)
    name = ".".join(labels)
    if len(name) > _MAX_NAME or not all(map(_LABEL.fullmatch, labels)):
        raise _Refused(Reason.HOST)
    is_local = len(labels) == 1 or name.endswith(_LOCAL_SUFFIXES)
    if is_local and not policy.allowed_networks:
        raise _Refused(Reason.LOCAL_HOST)
    return name


def _ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    folded = "".join(map(_digit, unicodedata.normalize("NFKC", host).lower())).replace("。", ".")
    if _NUMERIC.fullmatch(folded.removesuffix(".").rpartition(".")[2]):
        return folded
    try:
        return idna.encode(host, uts46=True).decode()
    except UnicodeError:
        raise _Refused(Reason.HOST) from None


def _digit(character: str) -> str:
    """Digits of any script count as digits; IDNA would make a name of some of them."""
    return str(unicodedata.digit(character, character))


def _quad(host: str, policy: EgressPolicy) -> str:
    try:
        address = str(IPv4Address(host))
    except AddressValueError:
        raise _Refused(Reason.NUMERIC_HOST) from None
    if not policy.allows(address):
        raise _Refused(Reason.ADDRESS)
    return address
