"""Which addresses belong to the public internet: the lists are written out, so that no library decides it."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

NOT_PUBLIC_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # "this" network; 0.0.0.0 reaches the machine itself
        "10.0.0.0/8",
        "100.64.0.0/10",  # behind a carrier's NAT; clouds keep metadata here too
        "127.0.0.0/8",
        "168.63.129.16/32",  # a cloud's agent, on an address that looks public
        "169.254.0.0/16",  # link-local, with the metadata of most clouds
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocol assignments, with the metadata of one cloud
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, with broadcast
    )
)

GLOBAL_UNICAST_V6 = IPv6Network("2000::/3")
"""All that has been given out of IPv6; what lies outside is never public, whatever it may come to mean."""

NOT_PUBLIC_V6 = tuple(
    IPv6Network(network)
    for network in (
        "::/96",  # unspecified, loopback, and IPv4 as it was once written
        "::ffff:0:0/96",  # IPv4 mapped
        "::ffff:0:0:0/96",  # IPv4 translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",  # NAT64 of a site
        "100::/64",  # discarded
        "2001::/23",  # Teredo, ORCHID and other protocol assignments
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local, with the metadata of clouds
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local, as it was
        "ff00::/8",  # multicast
    )
)


def is_public(address: str | IPv4Address | IPv6Address) -> bool:
    """Say whether an address is one of the public internet; text that is no plain address is not.

    IPv6 that carries an IPv4 address is refused whatever it carries, and so is an address with a zone.
    """
    try:
        parsed = ip_address(str(address))
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in NOT_PUBLIC_V4)
    if parsed.scope_id is not None or parsed not in GLOBAL_UNICAST_V6:
        return False
    return not any(parsed in network for network in NOT_PUBLIC_V6)
