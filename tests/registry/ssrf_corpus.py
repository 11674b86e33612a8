"""Where messages must never go, in all the spellings by which somebody may try: made from few addresses."""

import functools
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

HIDDEN_V4 = (
    "0.0.0.0",
    "10.0.0.1",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "169.254.170.2",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
)

HIDDEN_V6 = (
    "::",
    "::1",
    "100::1",
    "2001::1",
    "2001:10::1",
    "2001:20::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
)

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "126.255.255.255",
    "128.0.0.1",
    "168.63.129.15",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.1",
    "192.0.1.1",
    "198.17.255.255",
    "198.20.0.1",
    "223.255.255.255",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2400:3200::1",
    "2606:4700:4700::1111",
    "2a00:1450:4001:800::200e",
)
"""Neighbours of the ranges, and well-known resolvers: a guard that refuses these refuses too much."""

LOCAL_NAMES = (
    "localhost",
    "LocalHost",
    "localhost.",
    "a.localhost",
    "localhost.localdomain",
    "loc\u00adalhost",
    "\uff4c\uff4f\uff43\uff41\uff4c\uff48\uff4f\uff53\uff54",
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",
    "metadata",
    "metadata.google.internal",
    "METADATA.GOOGLE.INTERNAL.",
    "instance-data.ec2.internal",
    "kubernetes.default.svc.cluster.local",
    "printer.local",
    "printer\u3002local",
    "router.lan",
    "nas.home.arpa",
)


@functools.cache
def hidden_addresses() -> tuple[str, ...]:
    """Return what a resolver may answer and no one may dial, with IPv4 inside IPv6 in every form."""
    inside = (form for address in HIDDEN_V4 for form in _embedded(IPv4Address(address)))
    zoned = (f"{address}%{zone}" for address in ("fe80::1", "2606:4700:4700::1111") for zone in ("1", "eth0"))
    return (*HIDDEN_V4, *HIDDEN_V6, *inside, *zoned)


@functools.cache
def hidden_hosts() -> tuple[str, ...]:
    """Return hosts as they may stand in a URL, none of which is to be dialled."""
    v4 = (host for address in HIDDEN_V4 for host in _spelled_v4(IPv4Address(address)))
    v6 = (host for address in HIDDEN_V6 for host in _spelled_v6(IPv6Address(address)))
    inside = (f"[{form}]" for address in HIDDEN_V4 for form in _embedded(IPv4Address(address)))
    return tuple(dict.fromkeys((*v4, *v6, *inside, *LOCAL_NAMES)))


@functools.cache
def hidden_urls() -> tuple[str, ...]:
    """Return URLs none of which may become, or stay, the URL of an endpoint: hosts and tricks around them."""
    plain = (f"https://{host}/hook" for host in hidden_hosts())
    ported = (f"https://{host}:8443/hook" for host in hidden_hosts()[::7])
    tricks = (url for address in HIDDEN_V4[::4] for url in _tricks(address))
    return (*plain, *ported, *tricks)


def _spelled_v4(address: IPv4Address) -> Iterator[str]:
    number, octets = int(address), address.packed
    a, b, c, d = octets
    plain = str(address)
    yield from (plain, f"{plain}.", f"{plain}..", f" {plain}", f"{plain}.0")
    yield from (f"{number}", f"{number}.", f"{number + 2**32}", f"0{number}")
    yield from (f"0x{number:x}", f"0X{number:08X}", f"0x{number:016x}", f"0{number:o}", f"0{number:013o}")
    yield from (f"{a}.{number & 0xFFFFFF}", f"{a}.{b}.{number & 0xFFFF}", f"0x{a:x}.{number & 0xFFFFFF}")
    yield from (f"{a}.0x{number & 0xFFFFFF:x}", f"{a}.{b}.0{number & 0xFFFF:o}")
    yield ".".join(f"0x{octet:x}" for octet in octets)
    yield ".".join(f"0{octet:o}" for octet in octets)
    yield ".".join(f"{octet:03d}" for octet in octets)
    yield ".".join(f"0x{octet:02X}" for octet in octets) + "."
    yield f"0{a:o}.{b}.0x{c:x}.{d}"
    yield f"{a}.{b}.{c}.0x{d:x}"
    yield f"{a + 256}.{b}.{c}.{d}"
    yield f"-{plain}"
    for zero in (0xFF10, 0x1D7CE, 0x1D7F6, 0x0660, 0x0966):
        yield _redrawn(plain, zero)
    yield "".join(_circled(character) for character in plain)
    for stop in ("\u3002", "\uff0e", "\uff61"):
        yield plain.replace(".", stop)
        yield from (_redrawn(plain, zero).replace(".", stop) for zero in (0xFF10, 0x0966))
    yield from (plain.replace(".", "%2e"), "".join(f"%{ord(character):02x}" for character in plain))
    yield plain.replace(".", ".\u00ad", 1)
    yield plain.replace(".", ".\u200b", 1)
    yield quote(_redrawn(plain, 0xFF10))
    yield f"[{plain}]"


def _embedded(address: IPv4Address) -> Iterator[str]:
    number, (a, b, c, d) = int(address), address.packed
    high, low = f"{a:02x}{b:02x}", f"{c:02x}{d:02x}"
    yield from (f"::ffff:{address}", f"::ffff:{high}:{low}", f"0:0:0:0:0:FFFF:{high.upper()}:{low.upper()}")
    yield from (f"::{high}:{low}", f"::ffff:0:{high}:{low}")
    yield from (f"64:ff9b::{address}", f"64:ff9b:1::{high}:{low}", f"64:ff9b:1:{high}:{low}::")
    yield from (f"2002:{high}:{low}::1", f"2002:{high}:{low}::")
    yield str(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFFFFFF)))


def _spelled_v6(address: IPv6Address) -> Iterator[str]:
    for text in dict.fromkeys((str(address), address.exploded, address.exploded.upper())):
        yield from (f"[{text}]", f"[{text}%1]", f"[{text}%25eth0]", text)
    yield f"[ {address}]"
    yield f"[{address}"
    yield _redrawn(f"[{address}]", 0xFF10)


def _tricks(address: str) -> Iterator[str]:
    yield from (f"http://{address}/hook", f"HTTP://{address}/hook", f"https:{address}/hook")
    yield from (f"//{address}/hook", f"https:///{address}/hook", f"https:/{address}/hook")
    yield from (f"https://receiver.example@{address}/", f"https://user:secret@{address}/")
    yield from (f"https://{address}@receiver.example/", f"https://receiver.example:443@{address}/")
    yield from (f"https://receiver.example\\@{address}/", f"https://{address}\\.receiver.example/")
    yield from (f"https://{address}#.receiver.example/", f"https://{address}#@receiver.example/")
    yield from (f"https://{address}?.receiver.example/", f"https://{address}:0/", f"https://{address}:65536/")
    yield from (
        f"https://{address}\t/",
        f"https://{address}\r\n/",
        f"\thttps://{address}/",
        f"https://{address}\0/",
    )
    yield from (
        f"https://[{address}/",
        f"https://{address}]/",
        f"https://[::1]{address}/",
        f"https://{address}:/",
    )
    yield from (f"https://receiver.example%40{address}/", f"https://receiver.example\u2044@{address}/")
    yield from (
        f"{scheme}://{address}/" for scheme in ("file", "ftp", "gopher", "dict", "ws", "jar:http", "")
    )


def _redrawn(text: str, zero: int) -> str:
    return "".join(chr(zero + int(letter)) if letter.isdecimal() else letter for letter in text)


def _circled(character: str) -> str:
    if not character.isdecimal():
        return character
    return "\u24ea" if character == "0" else chr(0x2460 + int(character) - 1)
