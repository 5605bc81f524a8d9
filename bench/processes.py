"""The processes a benchmark starts, each pinned to its core, and what the kernel says about them.

The server under test has core 0, whatever drives it has core 1; on a machine with one core both share it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

SERVER_CORE = 0
CLIENT_CORE = min(1, (os.cpu_count() or 1) - 1)
START_TIMEOUT_S = 20.0
STOP_TIMEOUT_S = 20.0
PASSWORD = "bench-password-0123456789"
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


class Server:
    """A server in a process of its own; its output goes to a file."""

    def __init__(
        self, name: str, command: Sequence[str], ready: str, environment: dict[str, str] | None = None
    ) -> None:
        self.name = name
        self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the process, closed in stop()
        self.process = subprocess.Popen(
            ["taskset", "--cpu-list", str(SERVER_CORE), sys.executable, *command],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        self.port = int(self._wait_for(ready))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_for(self, ready: str) -> str:
        """The first group of the pattern *ready* in the output; raises when the process ends or says nothing."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline_s:
            found = re.search(ready, self.output())
            if found is not None:
                return found.group(1)
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.process.kill()
        raise RuntimeError(f"{self.name} did not start:\n{self.output()[-2000:]}")

    def output(self) -> str:
        """Everything it has printed."""
        self._output.flush()
        return Path(f"/proc/self/fd/{self._output.fileno()}").read_text(errors="replace")

    def cpu_s(self) -> float:
        """Processor time of all its threads, user and system."""
        return cpu_s(self.process.pid)

    def kernel_s(self) -> float:
        """The part of it that the kernel took on its behalf."""
        return _ticks(self.process.pid)[1] / _TICKS_PER_S

    def resident_mb(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * _PAGE_KB / 1024

    def stop(self) -> None:
        """End it as systemd would; kill it if that does not help."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        finally:
            self._output.close()


def cpu_s(pid: int) -> float:
    """Processor time of a process, from /proc/PID/stat."""
    return sum(_ticks(pid)) / _TICKS_PER_S


def _ticks(pid: int) -> tuple[int, int]:
    """Clock ticks of a process in user mode and in the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


class Drive:
    """A connected :mod:`bench.load`, idle until told to go."""

    def __init__(self, port: int, *, count: int, echo: bool = False) -> None:
        self._process = subprocess.Popen(
            ["taskset", "--cpu-list", str(CLIENT_CORE), sys.executable, "-m", "bench.load", str(port)]
            + ["--count", str(count), "--password", PASSWORD]
            + (["--echo"] if echo else []),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._line() != "connected":
            raise RuntimeError("the load could not connect")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def go(self, seconds: float) -> dict[str, Any]:
        """Drive so long; what :meth:`bench.load.Load.drive` tells. Raises when an answer was wrong."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"go {seconds}\n")
        self._process.stdin.flush()
        seen: dict[str, Any] = json.loads(self._line() or "{}")
        if not seen or seen["wrong"]:
            raise RuntimeError(f"the far end failed: {seen.get('wrong', 'the load ended')}")
        return seen

    def stop(self) -> None:
        """End it."""
        self._process.communicate("", STOP_TIMEOUT_S)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()
