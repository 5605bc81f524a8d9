"""Images to chargers: how fast, beside aiohttp's own static handler, and what fifty at once cost those who charge.

Fetched by curl, which throws them away. Both servers in turn, on the same core, the same file; the middle of several
runs counts.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import daemon
from bench.figures import Figure, show
from bench.processes import CLIENT_CORE, Server

CHARGE_POINTS = 50
_PATIENCE_S = 60.0


class Authorizing:
    """:mod:`bench.authorizing`, connected."""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [
                *("taskset", "--cpu-list", str(CLIENT_CORE)),
                *(sys.executable, "-m", "bench.authorizing", str(port), str(CHARGE_POINTS)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self._line() != "connected":
            raise RuntimeError("the charge points could not connect")

    def begin(self, seconds: float) -> None:
        """Present cards for so long."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"go {seconds}\n")
        self._process.stdin.flush()

    def seen(self) -> dict[str, float]:
        """What :meth:`begin` has found, once it is over."""
        found: dict[str, float] = json.loads(self._line())
        return found

    def stop(self) -> None:
        """End it."""
        self._process.communicate("", _PATIENCE_S)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def _told(server: Server, sign: signal.Signals, pattern: str) -> str:
    """What the server prints upon a signal: the first group of *pattern* in its new output."""
    before = len(server.output())
    server.process.send_signal(sign)
    deadline_s = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline_s:
        found = re.search(pattern, server.output()[before:])
        if found is not None:
            return found.group(1)
        time.sleep(0.01)
    raise RuntimeError(f"{server.name} does not tell:\n{server.output()[-2000:]}")


def _fetch_s(urls: Sequence[str]) -> float:
    """How long curl takes for all of *urls* at once. Raises CalledProcessError when one of them fails."""
    command = [
        "taskset",
        "--cpu-list",
        str(CLIENT_CORE),
        "curl",
        "--silent",
        "--no-progress-meter",
        "--fail",
        "--noproxy",
        "*",
    ]
    command += ["--parallel", "--parallel-immediate", "--parallel-max", str(len(urls))]
    for url in urls:
        command += ["--output", "/dev/null", url]
    began_s = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - began_s


def _offered(ours: Server) -> list[str]:
    urls: list[str] = json.loads(_told(ours, signal.SIGUSR1, r"offered (\[.*\])"))
    return urls


def _throughput(ours: Server, size_bytes: int, runs: int) -> tuple[float, float]:
    """MB/s of ours and of aiohttp's, one file at a time."""
    image = re.search(r"image (\S+)", ours.output())
    assert image is not None
    with Server("aiohttp", ["-m", "bench.static_peer", image[1]], r"ready (\d+)") as peer:
        static = f"http://127.0.0.1:{peer.port}/files/{Path(image[1]).name}"
        took_s: dict[str, list[float]] = {"ours": [], "peer": []}
        for _ in range(runs):
            took_s["ours"].append(_fetch_s(_offered(ours)[:1]))
            took_s["peer"].append(_fetch_s([static]))
    ours_s, peer_s = (statistics.median(took_s[name]) for name in ("ours", "peer"))
    return size_bytes / ours_s / 1e6, size_bytes / peer_s / 1e6


def _all_at_once(ours: Server, authorizing: Authorizing) -> tuple[dict[str, float], dict[str, float], float, float]:
    """Authorize without and with fifty downloads, how late a timer was meanwhile (ms), and how long they took (s)."""
    authorizing.begin(2.0)
    alone = authorizing.seen()
    urls = _offered(ours)
    _told(ours, signal.SIGUSR2, r"late at most ([\d.]+) ms")
    took_s = 0.0
    authorizing.begin(6.0)
    began_s = time.monotonic()
    while time.monotonic() - began_s < 5.0:
        took_s = _fetch_s(urls)
        urls = _offered(ours)
    meanwhile = authorizing.seen()
    late_ms = float(_told(ours, signal.SIGUSR2, r"late at most ([\d.]+) ms"))
    return alone, meanwhile, late_ms, took_s


def main() -> list[Figure]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--image-mb", type=int, default=50)
    parser.add_argument("--file-runs", type=int, default=7)
    arguments, _ = parser.parse_known_args()
    size_bytes = arguments.image_mb * 1_000_000
    print(f"files: an image of {arguments.image_mb} MB, {CHARGE_POINTS} charge points")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = daemon.write_config(folder, count=CHARGE_POINTS)
        config.write_text(config.read_text() + "\n[files]\nbandwidth_kb_s = 0\n")
        command = ["-m", "bench.files_daemon", str(config), str(size_bytes)]
        ours = stack.enter_context(Server("chargemon-edge", command, r"serving on (\d+)"))
        authorizing = Authorizing(ours.port)
        stack.callback(authorizing.stop)
        our_mb_s, peer_mb_s = _throughput(ours, size_bytes, arguments.file_runs)
        alone, meanwhile, late_ms, took_s = _all_at_once(ours, authorizing)
    figures = [
        Figure("aiohttp's static handler", peer_mb_s, "MB/s"),
        Figure("an image from the library", our_mb_s, "MB/s"),
        Figure("static handler's speed over ours", peer_mb_s / our_mb_s, "x", at_most=1.3),
        Figure(f"{CHARGE_POINTS} downloads at once, no cap", CHARGE_POINTS * size_bytes / took_s / 1e6, "MB/s"),
        Figure("Authorize p99 without downloads", alone["p99_ms"], "ms"),
        Figure(f"Authorize p99 while {CHARGE_POINTS} download", meanwhile["p99_ms"], "ms", at_most=100),
        Figure("a timer of the loop, late at most meanwhile", late_ms, "ms", at_most=500),
    ]
    show(figures)
    return figures


if __name__ == "__main__":
    main()
