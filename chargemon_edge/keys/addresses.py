"""The names and addresses of this box, read without asking anybody: no name server, no netlink (the unit has none)."""

from __future__ import annotations

import ipaddress
import re
import socket
from pathlib import Path

_LOCAL_ENTRY = re.compile(r"\|-- (\d+\.\d+\.\d+\.\d+)\n\s+/32 host LOCAL")
_TEMPORARY = 0x01


def own_names() -> list[str]:
    """This machine's name, ``localhost``, and every address that it has now but link-local ones; the name first."""
    name = socket.gethostname() or "localhost"
    return [name, "localhost", *sorted(_addresses())]


def _addresses() -> set[str]:
    found = {"127.0.0.1", "::1"}
    found.update(_LOCAL_ENTRY.findall(_read("/proc/self/net/fib_trie")))
    for line in _read("/proc/self/net/if_inet6").splitlines():
        digits, _, _, _, flags, *_ = line.split()
        address = ipaddress.IPv6Address(int(digits, 16))
        # temporary and link-local ones come and go, and nobody configures them in a charger
        if not address.is_link_local and not int(flags, 16) & _TEMPORARY:
            found.add(str(address))
    return {one for one in found if not one.startswith("127.") or one == "127.0.0.1"}


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""
