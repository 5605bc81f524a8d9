"""What the page, the API and the command line's socket may be told by the configuration. Must never hold a secret."""

from __future__ import annotations

import msgspec


class WebSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the operator's side listens.

    On this machine the page is shown to everybody; from elsewhere everything wants an access token.
    """

    host: str = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` for every IPv4 network of this machine."""
    port: int = 8180
    """0: any free port (tests and the demo)."""
    allowed_hosts: tuple[str, ...] = ()
    """Names, besides this machine's own names and addresses, under which a browser may ask for the page."""
    unix_socket: str | None = "/run/chargemon-edge/control.sock"
    """For the command line; None: no such socket."""
    streams_max: int = 20
    """Live pages open at once."""
