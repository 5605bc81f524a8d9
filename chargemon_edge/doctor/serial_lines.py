"""Serial adapters: what is plugged in, whether the service may use it, and drivers that hold answers back."""

from __future__ import annotations

import grp
import stat
from collections.abc import Iterator
from pathlib import Path

from chargemon_edge.doctor.finding import Finding, attention, ok
from chargemon_edge.doctor.subject import Subject

GROUP = "dialout"
# FTDI chips gather bytes for 16 ms by themselves: at 19,200 baud that doubles a short answer
_LATENCY_MAX_MS = 4


def examine(subject: Subject) -> Iterator[Finding]:
    """Each adapter under /dev/serial/by-id, whatever uses it."""
    folder = subject.machine.dev / "serial" / "by-id"
    adapters = sorted(folder.iterdir()) if folder.is_dir() else []
    if not adapters:
        yield ok("no serial adapter is plugged in")
        return
    for link in adapters:
        yield from _adapter(link, subject.machine.sys)


def _adapter(link: Path, sys: Path) -> Iterator[Finding]:
    node = link.resolve()
    try:
        found = node.stat()
    except OSError as error:
        yield attention(f"serial {link.name}: {error.strerror}", "plug it in again; see the kernel's messages")
        return
    device = sys / "class" / "tty" / node.name / "device"
    driver = (device / "driver").resolve().name if (device / "driver").exists() else "unknown"
    group = _group(found.st_gid)
    if group != GROUP or not found.st_mode & stat.S_IRGRP or not found.st_mode & stat.S_IWGRP:
        yield attention(
            f"serial {node} is {group}'s, mode {stat.S_IMODE(found.st_mode):o}: the service may not use it",
            f"it gets in by the group {GROUP}: look for a udev rule that changes the node",
        )
    else:
        yield ok(f"serial {node} ({driver}): {link.name}")
    latency_ms = _number(device / "latency_timer")
    if latency_ms is not None and latency_ms > _LATENCY_MAX_MS:
        yield attention(
            f"serial {node}: its driver holds answers back for {latency_ms} ms",
            f"echo 1 > {device / 'latency_timer'}; for good by a udev rule",
        )


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
