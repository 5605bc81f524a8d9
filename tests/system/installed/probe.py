"""Run inside the daemon's sandbox, by its interpreter: tries what must not be possible there, prints how it fared.

Not imported by anything; the container gets a copy. Uses the standard library alone.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

CLONE_NEWUSER = 0x10000000


def outcome(act: Callable[[], object]) -> str:
    """``done``, or the name of the error."""
    try:
        act()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "done"


def unshare() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def connect_to_nobody() -> None:
    with socket.socket() as one:
        one.settimeout(2)
        one.connect(("127.0.0.1", 9))


def bind(port: int) -> None:
    with socket.socket() as one:
        one.bind(("0.0.0.0", port))


def family(number: int, kind: int = socket.SOCK_RAW) -> Callable[[], None]:
    return lambda: socket.socket(number, kind).close()


STATE = Path(os.environ["STATE_DIRECTORY"])
CREDENTIALS = Path(os.environ["CREDENTIALS_DIRECTORY"])

found = {
    "write etc": outcome(lambda: Path("/etc/probe").write_text("x")),
    "write usr": outcome(lambda: Path("/usr/probe").write_text("x")),
    "write own code": outcome(lambda: Path("/usr/lib/chargemon-edge/probe").write_text("x")),
    "write state": outcome(lambda: (STATE / "probe").write_text("x")),
    "remove state": outcome((STATE / "probe").unlink),
    "run what was written": outcome(lambda: subprocess.run([str(STATE)], check=False)),
    "list root": outcome(lambda: list(Path("/root").iterdir())),
    "list home": outcome(lambda: list(Path("/home").iterdir())),
    "read passwords folder": outcome(lambda: list(Path("/etc/chargemon-edge/credentials").iterdir())),
    "run a shell": outcome(lambda: subprocess.run(["/bin/sh", "-c", ":"], check=False)),
    "packets": outcome(family(socket.AF_PACKET)),
    "netlink": outcome(family(socket.AF_NETLINK)),
    "raw": outcome(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()),
    "low port": outcome(lambda: bind(443)),
    "high port": outcome(lambda: bind(0)),
    "outgoing": outcome(connect_to_nobody),
    "resolve": outcome(lambda: socket.getaddrinfo("localhost", 1883)),
    "namespace": outcome(unshare),
    "clock": outcome(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
    "writable code": outcome(lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)),
    "disk device": outcome(lambda: os.open("/dev/probe-disk", os.O_RDONLY)),
    "serial device": outcome(lambda: os.open("/dev/probe-serial", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)),
    "capabilities": [
        line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("Cap")
    ],
    "processes": sum(path.name.isdigit() for path in Path("/proc").iterdir()),
    "credentials": sorted(path.name for path in CREDENTIALS.iterdir()),
}
print(json.dumps(found))
