"""The ports of the configuration: who listens on each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chargemon_edge.config import Settings
from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject

_LISTENS = "0A"


class Owner(NamedTuple):
    """A process that has a socket open."""

    pid: int
    name: str
    ours: bool
    """It is this program."""


def examine(subject: Subject) -> Iterator[Finding]:
    """One finding for each port."""
    proc = subject.machine.proc
    listening = _listening(proc)
    if listening is None:
        yield attention("who listens on which port cannot be seen from here", "run this as root, outside the service")
        return
    for label, port in wanted(subject.settings):
        inodes = [inode for number, inode in listening if number == port]
        owners = list(_owners(proc, inodes)) if inodes else []
        yield _judged(f"port {port} ({label})", owners, taken=bool(inodes), running=subject.daemon is not None)


def wanted(settings: Settings) -> list[tuple[str, int]]:
    """What listens where, without those that may be any port."""
    chargers = settings.chargers
    found = [
        ("chargers", chargers.port),
        ("chargers, TLS", chargers.tls_port),
        ("chargers, mutual TLS", chargers.mutual_tls_port),
        ("page", settings.page.port),
        ("files, FTP", settings.files.ftp_port),
        ("files, FTPS", settings.files.ftps_port),
    ]
    return [(label, port) for label, port in found if port]


def _judged(port: str, owners: list[Owner], *, taken: bool, running: bool) -> Finding:
    others = [one for one in owners if not one.ours and one.pid != 1]
    held = any(one.pid == 1 for one in owners)
    if any(one.ours for one in owners):
        return ok(f"{port}: the daemon listens")
    if others:
        return broken(
            f"{port} is taken by {others[0].name} (process {others[0].pid})",
            "stop that program, or give the daemon another port in the configuration",
        )
    if held:
        return ok(f"{port}: systemd holds it open, who connects waits for the daemon")
    if taken and running:
        return ok(f"{port}: somebody listens")
    if taken:
        return attention(f"{port}: somebody listens", "run this as root to learn which program it is")
    if running:
        return broken(f"{port}: the daemon runs, but nobody listens", "see: journalctl -u chargemon-edge -n 50")
    return ok(f"{port} is free")


def _listening(proc: Path) -> list[tuple[int, str]] | None:
    """Port and inode of every TCP socket that listens; None where that is kept from us."""
    found: list[tuple[int, str]] | None = None
    for name in ("tcp", "tcp6"):
        try:
            # not /proc/net: the service's own /proc has processes only
            lines = (proc / "self" / "net" / name).read_text().splitlines()[1:]
        except OSError:
            continue
        found = found or []
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENS:
                found.append((int(fields[1].rpartition(":")[2], 16), fields[9]))
    return found


def _owners(proc: Path, inodes: list[str]) -> Iterator[Owner]:
    """Processes that have one of these sockets open, as far as they may be looked at."""
    links = {f"socket:[{inode}]" for inode in inodes}
    for process in sorted(proc.glob("[0-9]*"), key=lambda one: int(one.name)):
        try:
            mine = any(str(descriptor.readlink()) in links for descriptor in (process / "fd").iterdir())
            if mine:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                name = (process / "comm").read_text().strip()
                yield Owner(int(process.name), name, "chargemon_edge" in command)
        except OSError:
            # it has ended meanwhile, or is somebody else's
            continue
