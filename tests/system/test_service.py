"""What systemd hears: READY, a fed watchdog, STATUS in words, STOPPING; and a clean, quick stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.system.daemon import HEAD, SECRET, Daemon, charge_point


def _heard(listener: socket.socket, part: str, *, within_s: float = 10.0) -> str:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        text = listener.recv(4096).decode()
        if part in text:
            return text
    raise AssertionError(f"systemd did not hear {part!r}")


def test_freshly_installed_it_runs_accepts_nobody_and_says_what_to_do_next(tmp_path: Path) -> None:
    with Daemon(tmp_path, "") as daemon:
        status = daemon.command("status", "--socket", str(tmp_path / "control.sock"))
        assert status.returncode == 0, status.stderr
        assert "[[circuit]]" in " ".join(status.stdout.split())
        assert "[[circuit]]" in daemon.line("the site is not described yet and nobody may connect")
        with urllib.request.urlopen(f"{daemon.page_url}/api/v1/health") as response:
            assert json.load(response)["status"] == "ok"
        assert daemon.stop() == 0
        assert not [line for line in daemon.lines if "Traceback" in line]


def test_service_reports_ready_feeds_the_watchdog_and_stops_cleanly(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(SECRET)
    config = tmp_path / "config.toml"
    circuit = '[[circuit]]\nname = "main"\nfuse_a = 63\n'
    config.write_text(HEAD.format(folder=tmp_path) + circuit + charge_point("CP1"))
    notify = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(notify))
        listener.settimeout(10)
        process = subprocess.Popen(
            [sys.executable, "-m", "chargemon_edge", "run", "--config", str(config)],
            env={**os.environ, "NOTIFY_SOCKET": str(notify), "WATCHDOG_USEC": "900000"},
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            ready = _heard(listener, "READY=1")
            assert "STATUS=0 of 1 chargers connected" in ready
            _heard(listener, "WATCHDOG=1")
            _heard(listener, "WATCHDOG=1")

            # a loop that stands does not feed
            process.send_signal(signal.SIGSTOP)
            time.sleep(0.2)
            listener.setblocking(False)
            while True:
                try:
                    listener.recv(4096)
                except BlockingIOError:
                    break
            time.sleep(1.0)
            try:
                silent = listener.recv(4096).decode()
            except BlockingIOError:
                silent = ""
            assert silent == ""
            process.send_signal(signal.SIGCONT)
            listener.settimeout(10)
            _heard(listener, "WATCHDOG=1")

            began = time.monotonic()
            process.send_signal(signal.SIGTERM)
            _heard(listener, "STOPPING=1")
            assert process.wait(10) == 0
            assert time.monotonic() - began < 8
        finally:
            if process.poll() is None:
                process.kill()
            _, errors = process.communicate()
    assert "Traceback" not in errors
