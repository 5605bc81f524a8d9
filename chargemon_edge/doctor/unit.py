"""The service: the unit as shipped or changed, its sockets, its restarts, its sandbox."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Machine, Subject

SERVICE = "chargemon-edge.service"
SOCKETS = ("chargemon-edge.socket",)
_PACKAGE = "chargemon-edge.md5sums"
# without a serial line it is less
EXPOSURE_MAX = 1.5
_TIMEOUT_S = 30.0
_RELOAD = "systemctl daemon-reload, then: systemctl restart chargemon-edge"


def examine(subject: Subject) -> Iterator[Finding]:
    """Nothing but a word where systemd does not run, or may not be asked."""
    if not subject.machine.systemd.is_dir():
        yield ok("systemd does not run here: there is no service to look at")
        return
    told = _run("systemctl", "show", SERVICE, "-p", ",".join(_PROPERTIES))
    if told is None:
        yield attention("systemctl cannot be run from here", "run this as root, outside the service")
        return
    known = dict(line.partition("=")[::2] for line in told.splitlines())
    if known.get("LoadState") != "loaded":
        yield broken(f"{SERVICE} is not installed", "install the package (docs/install.md)")
        return
    yield from _standing(known)
    yield from _files(known, subject.machine)
    yield from _exposure()


_PROPERTIES = (
    "LoadState",
    "ActiveState",
    "UnitFileState",
    "FragmentPath",
    "DropInPaths",
    "NRestarts",
    "NeedDaemonReload",
)


def _standing(known: dict[str, str]) -> Iterator[Finding]:
    state = known.get("ActiveState", "unknown")
    restarts = int(known.get("NRestarts") or 0)
    if state != "active":
        yield broken(
            f"{SERVICE} is {state}", "see: journalctl -u chargemon-edge -n 50; start: systemctl start chargemon-edge"
        )
    elif restarts:
        yield attention(
            f"{SERVICE} has been restarted {restarts} times by systemd since it was started by a person or a boot",
            "see why with: journalctl -u chargemon-edge -p warning",
        )
    else:
        yield ok(f"{SERVICE} is active")
    if known.get("UnitFileState") not in ("enabled", "enabled-runtime"):
        yield attention(f"{SERVICE} does not start with the machine", "systemctl enable chargemon-edge")
    for unit in SOCKETS:
        if _run("systemctl", "is-active", unit) != "active":
            yield attention(
                f"{unit} is not active: while the daemon is replaced, chargers are refused",
                f"systemctl enable --now {unit}",
            )


def _files(known: dict[str, str], machine: Machine) -> Iterator[Finding]:
    path = Path(known.get("FragmentPath", ""))
    shipped = _shipped(machine.dpkg / _PACKAGE)
    if shipped is not None:
        relative, digest = shipped
        if path.resolve() != (Path("/") / relative).resolve():
            yield attention(
                f"{path} is used in place of the shipped unit",
                "upgrades do not change it: use a drop-in (docs/install.md)",
            )
        elif _digest(path) != digest:
            yield attention(
                f"{path} is not as it was shipped", "reinstall the package, and change the unit by drop-ins"
            )
        else:
            yield ok(f"{path} is as shipped")
    drop_ins = known.get("DropInPaths", "").split()
    if drop_ins:
        yield ok(f"changed by {', '.join(drop_ins)}")
    if known.get("NeedDaemonReload") == "yes":
        yield attention("unit files have changed since systemd read them", _RELOAD)


def _exposure() -> Iterator[Finding]:
    told = _run("systemd-analyze", "security", "--no-pager", SERVICE)
    found = None if told is None else re.search(r"exposure level for .*: ([0-9.]+)", told)
    if found is None:
        return
    if float(found[1]) > EXPOSURE_MAX:
        yield attention(
            f"the service's sandbox has been opened: exposure {found[1]}",
            f"see which drop-in does it: systemctl cat {SERVICE}",
        )
    else:
        yield ok(f"the service is locked up: exposure {found[1]}")


def _shipped(listing: Path) -> tuple[str, str] | None:
    """Where the package has put the unit, and its MD5 sum; None without a package."""
    try:
        lines = listing.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        digest, _, path = line.partition("  ")
        if path.endswith(f"systemd/system/{SERVICE}"):
            return path, digest
    return None


def _digest(path: Path) -> str | None:
    try:
        # dpkg's own sums; nobody's security hangs on them
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return None


def _run(*command: str) -> str | None:
    """What it prints; None if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603 - commands of ours, none from outside
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
