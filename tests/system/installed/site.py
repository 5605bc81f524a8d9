"""The container with the daemon in it, as an electrician sees it: files to write, commands, chargers to plug in."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from tests.charge_point import ChargePoint, Kind, online
from tests.system.daemon import SECRET, charge_point
from tests.system.installed.container import Container

PORT, PAGE_PORT = 8887, 8180
UNIT = "chargemon-edge.service"
CIRCUIT = '[[circuit]]\nname = "main"\nfuse_a = 630\n[authorisation]\naccept_unknown = true\n'


def describe(box: Container, *identities: str, more: str = "", name: str = "site") -> None:
    """Write the site's own configuration file and a password for each charge point."""
    chargers = "".join(
        charge_point(identity, connectors=2).replace('"secret"', f'"credentials/{identity}"') for identity in identities
    )
    box.write(f"/etc/chargemon-edge/conf.d/{name}.toml", CIRCUIT + chargers + more)
    for identity in identities:
        box.write(f"/etc/chargemon-edge/credentials/{identity}", SECRET, 0o600)


def install(box: Container, package: Path) -> None:
    """As a site does it, without a network; a changed configuration file stays as the site changed it."""
    # without waiting for the disk at each of two thousand files
    box.run("dpkg", "--force-unsafe-io", "--force-confold", "-i", box.give(package))


def main_pid(box: Container) -> int:
    """The daemon's process, as the container counts; 0: none, and then nobody must send it a signal."""
    return int(box.run("systemctl", "show", "-p", "MainPID", "--value", UNIT))


def signal(box: Container, name: str) -> int:
    """Send the daemon a signal; its process."""
    pid = main_pid(box)
    assert pid > 0, "the daemon does not run"
    box.run("kill", f"-{name}", str(pid))
    return pid


def property_of(box: Container, name: str) -> str:
    """A property of the unit."""
    return box.run("systemctl", "show", "-p", name, "--value", UNIT).strip()


def journal(box: Container, *matches: str) -> list[dict[str, Any]]:
    """Entries of the journal, oldest first."""
    text = box.run("journalctl", "--no-pager", "-o", "json", *matches)
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def ask(box: Container, path: str, *, within_s: float = 10) -> tuple[int, Any]:
    """GET of the page's listener: status and JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", PAGE_PORT, timeout=within_s)
    connection.sock = box.connect(PAGE_PORT)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def wait_for_restart(box: Container, before: int, *, within_s: float) -> float:
    """Until another process than *before* is ready; how long that took in s."""
    began = time.monotonic()
    while time.monotonic() < began + within_s:
        if main_pid(box) not in (0, before) and property_of(box, "ActiveState") == "active":
            return time.monotonic() - began
        time.sleep(0.05)
    raise AssertionError(f"not back within {within_s} s")


def plugged_in(box: Container, identity: str) -> AbstractAsyncContextManager[ChargePoint]:
    """An independent charge point (PyPI ocpp) with a link to the daemon."""
    return plugged_in_as(ChargePoint, box, identity)


@contextlib.asynccontextmanager
async def plugged_in_as(kind: Callable[[str, Any], Kind], box: Container, identity: str) -> AsyncIterator[Kind]:
    """One of a certain kind."""
    through = box.connect(PORT)
    async with online(f"ws://127.0.0.1:{PORT}", identity, kind, password=SECRET, through=through) as one:
        yield one
