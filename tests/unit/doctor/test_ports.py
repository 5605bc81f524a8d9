"""Who listens where, from a /proc made of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from chargemon_edge.doctor import ports
from chargemon_edge.doctor.finding import State
from tests.unit.doctor.subjects import subject

_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def listening(folder: Path, port: int, inode: int, *, state: str = "0A") -> None:
    net = folder / "proc" / "self" / "net"
    net.mkdir(parents=True, exist_ok=True)
    (net / "tcp").write_text(
        f"{_HEAD}   0: 00000000:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 "
        f"{inode} 1 0000000000000000 100 0 0 10 0\n"
    )


def process(folder: Path, pid: int, name: str, command: str, *inodes: int) -> None:
    home = folder / "proc" / str(pid)
    (home / "fd").mkdir(parents=True)
    (home / "comm").write_text(f"{name}\n")
    (home / "cmdline").write_bytes(command.replace(" ", "\0").encode())
    for place, inode in enumerate(inodes):
        (home / "fd" / str(place)).symlink_to(f"socket:[{inode}]")


def judged(folder: Path) -> tuple[State, str]:
    found = next(one for one in ports.examine(subject(folder)) if "8887" in one.what)
    return found.state, found.what


def test_where_sockets_are_hidden_nothing_is_claimed(tmp_path: Path) -> None:
    (found,) = ports.examine(subject(tmp_path))

    assert found.state is State.ATTENTION


def test_a_port_that_nobody_has_is_free(tmp_path: Path) -> None:
    listening(tmp_path, 9999, 77)

    assert judged(tmp_path) == (State.OK, "port 8887 (chargers) is free")


def test_a_connection_from_that_port_is_no_listener(tmp_path: Path) -> None:
    listening(tmp_path, 8887, 77, state="01")

    assert judged(tmp_path)[1].endswith("is free")


def test_another_program_is_named(tmp_path: Path) -> None:
    listening(tmp_path, 8887, 77)
    process(tmp_path, 40, "other", "/usr/bin/other", 12)
    process(tmp_path, 41, "nginx", "nginx: master process", 12, 77)

    assert judged(tmp_path) == (State.BROKEN, "port 8887 (chargers) is taken by nginx (process 41)")


@pytest.mark.parametrize(
    ("pid", "command", "words"),
    [
        (900, "/usr/lib/chargemon-edge/bin/python3 -I -m chargemon_edge run", "the daemon listens"),
        (1, "/sbin/init", "systemd holds it open"),
    ],
)
def test_the_daemon_and_its_socket_unit_are_no_strangers(tmp_path: Path, pid: int, command: str, words: str) -> None:
    listening(tmp_path, 8887, 77)
    process(tmp_path, pid, "some", command, 77)

    state, what = judged(tmp_path)
    assert state is State.OK
    assert words in what


def test_who_may_not_look_is_told_so(tmp_path: Path) -> None:
    listening(tmp_path, 8887, 77)

    assert judged(tmp_path) == (State.ATTENTION, "port 8887 (chargers): somebody listens")
