"""Ports for processes under test."""

import secrets
import socket


def free_ports(count: int) -> int:
    """Return the first of some free ports in a row, below those the system hands out to others meanwhile.

    A port of those could be taken by anybody's connection while the process that listens on it is restarted.
    """
    while True:
        base = 20_000 + secrets.randbelow(10_000)
        try:
            for offset in range(count):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", base + offset))
        except OSError:
            continue
        return base
