"""A port that nobody else gets while nobody listens on it: what lost its power comes back where it was."""

from __future__ import annotations

import socket


def reserve(host: str, port: int = 0) -> socket.socket:
    """A socket bound to *port* (0: any free one) of the IPv4 *host*; until it is closed nobody is given that port.

    Connections are refused until another socket listens there. With SO_REUSEADDR on all of them Linux lets sockets
    share an address of which none listens yet: so one of :func:`reserve` can listen while another keeps the port for
    later. Raises OSError if the port is taken.
    """
    reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind((host, port))
    except OSError:
        reserved.close()
        raise
    return reserved
