"""`chargemon-edge run` as a process of its own, told to listen on free ports, heard through systemd's own socket."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType

SECRET = "a-password-of-thirty-characters"

HEAD = """
[chargers]
host = "127.0.0.1"
port = 0
[page]
port = 0
unix_socket = "{folder}/control.sock"
[store]
directory = "{folder}"
[authorisation]
accept_unknown = true
"""

METER = """
[[meter]]
name = "grid"
circuit = "main"
host = "127.0.0.1"
port = {port}
model = "eastron-sdm630"
"""


def charge_point(identity: str, *, connectors: int = 1, extra: str = "", connector_extra: str = "") -> str:
    """A charge point of the configuration, with the password that every test uses."""
    outlets = "".join(
        f'[[charge_point.connector]]\nnumber = {number}\ncircuit = "main"\nfallback_a = 0\n{connector_extra}\n'
        for number in range(1, connectors + 1)
    )
    return f'[[charge_point]]\nidentity = "{identity}"\npassword_file = "secret"\n{extra}\n{outlets}'


class Daemon:
    """Started on entry, ready on entry; killed on exit if it still runs."""

    def __init__(self, folder: Path, config: str) -> None:
        self.folder = folder
        (folder / "secret").write_text(SECRET)
        self.config = folder / "config.toml"
        self.config.write_text(HEAD.format(folder=folder) + config)
        self.lines: list[str] = []
        self.notified: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self.ready_after_s = 0.0

    def __enter__(self) -> Daemon:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if error is not None:
            print("".join(self.lines[-2000:]))

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    def start(self, *, environment: dict[str, str] | None = None, wrapper: tuple[str, ...] = ()) -> None:
        """Start it (again) and wait until it says READY."""
        before = len(self.lines)
        notify = self.folder / f"notify-{time.monotonic_ns()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(str(notify))
            listener.settimeout(20)
            began = time.monotonic()
            self._process = subprocess.Popen(
                [*wrapper, sys.executable, "-m", "chargemon_edge", "run", "--config", str(self.config)],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                env={**os.environ, "NOTIFY_SOCKET": str(notify), "PYTHONUNBUFFERED": "1", **(environment or {})},
            )
            threading.Thread(target=self._collect, args=(self._process,), daemon=True).start()
            try:
                while not any("READY=1" in text for text in self.notified):
                    self.notified.append(listener.recv(4096).decode())
            except TimeoutError:
                raise AssertionError("not ready:\n" + "".join(self.lines)) from None
            self.ready_after_s = time.monotonic() - began
        self.notified.clear()
        # not that of the start before
        self.line("ready version", after=before)

    def reload(self, config: str) -> list[str]:
        """Another site configuration, taken as ``systemctl reload`` has it taken; the log lines of that."""
        self.config.write_text(HEAD.format(folder=self.folder) + config)
        before = len(self.lines)
        self.process.send_signal(signal.SIGHUP)
        self.line("configuration ", after=before)
        return [line for line in self.lines[before:] if "configuration " in line]

    def _collect(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self.lines.append(line)

    def line(self, part: str, *, within_s: float = 10.0, after: int = 0) -> str:
        """The newest log line that contains *part*, waited for."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            for line in reversed(self.lines[after:]):
                if part in line:
                    return line
            time.sleep(0.01)
        raise AssertionError(f"no line with {part!r} in:\n" + "".join(self.lines[-60:]))

    def _address(self, name: str) -> str:
        found = re.search(rf"{name}=(\S+)", self.line("ready version"))
        assert found is not None
        return found[1]

    @property
    def chargers_url(self) -> str:
        """Where chargers connect, without the identity."""
        return self._address("chargers")

    @property
    def page_url(self) -> str:
        """The operator's page."""
        return self._address("page")

    def kill(self) -> None:
        """As a power cut would: no clean stop."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self, within_s: float = 10.0) -> int:
        """As systemd stops it; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the same command line, against this daemon's socket where it takes one."""
        return subprocess.run(
            [sys.executable, "-m", "chargemon_edge", *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
