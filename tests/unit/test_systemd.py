"""What systemd hands over and is told, with a child process in the service's place."""

import fcntl
import os
import socket
import subprocess
import sys

from chargemon_edge.systemd import inherited_sockets

CHILD = """
import os
os.environ["LISTEN_PID"] = os.environ.get("LISTEN_PID") or str(os.getpid())
from chargemon_edge.systemd import inherited_sockets
for name, sockets in inherited_sockets().items():
    for one in sockets:
        print(name, one.getsockname()[1], one.get_inheritable())
print(sorted(key for key in os.environ if key.startswith("LISTEN_")), inherited_sockets())
"""


def _child(listeners: list[socket.socket], names: str, *, pid: str = "") -> list[str]:
    # descriptors 3, 4, … as a service gets them
    shell = " ".join(f"{3 + index}<&{one.fileno()}" for index, one in enumerate(listeners))
    done = subprocess.run(
        ["bash", "-c", f'exec "$0" -c "$1" {shell}', sys.executable, CHILD],
        pass_fds=[one.fileno() for one in listeners],
        env={**os.environ, "LISTEN_FDS": str(len(listeners)), "LISTEN_FDNAMES": names, "LISTEN_PID": pid},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def _listener() -> socket.socket:
    # high descriptors, so that the shell can put them at 3 and 4 without losing one
    listener = socket.create_server(("127.0.0.1", 0))
    high = socket.socket(fileno=fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD_CLOEXEC, 100))
    listener.close()
    return high


def test_sockets_are_handed_over_by_name_once_and_not_to_children() -> None:
    with _listener() as first, _listener() as second:
        lines = _child([first, second], "chargers:page")

        assert lines == [
            f"chargers {first.getsockname()[1]} False",
            f"page {second.getsockname()[1]} False",
            "[] {}",
        ]


def test_two_sockets_may_share_a_name() -> None:
    with _listener() as first, _listener() as second:
        lines = _child([first, second], "chargers:chargers")

        assert [line.split()[0] for line in lines[:2]] == ["chargers", "chargers"]


def test_sockets_meant_for_another_process_are_left_alone() -> None:
    with _listener() as first:
        assert _child([first], "chargers", pid="1") == ["[] {}"]


def test_outside_systemd_there_are_none() -> None:
    assert inherited_sockets() == {}
