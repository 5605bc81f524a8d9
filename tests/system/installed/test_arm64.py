"""The package for the other architecture under an emulator of its processor: it serves, and it writes its database."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from release import trees
from tests.system.installed.packages import RELEASE

CONFIG = """
[chargers]
host = "127.0.0.1"
[page]
unix_socket = "/state/control.sock"
[store]
directory = "/state"
"""
ASK = """
import http.client, time
until = time.monotonic() + 200
while True:
    try:
        asking = http.client.HTTPConnection("127.0.0.1", 8180, timeout=20)
        asking.request("GET", "/api/v1/health")
        print(asking.getresponse().read().decode())
        break
    except OSError:
        assert time.monotonic() < until
        time.sleep(0.1)
"""


# some seconds on a quiet machine; an emulated processor on a busy one takes its time
@pytest.mark.timeout(300)
def test_serves_under_an_emulated_processor(arm64: Path, tmp_path: Path) -> None:
    root = trees.unpack(trees.foreign(RELEASE, "arm64"), tmp_path / "root")
    subprocess.run(["dpkg-deb", "-x", str(arm64), str(root)], check=True)
    (root / "state").mkdir()
    (root / "etc/chargemon-edge/conf.d/site.toml").write_text(CONFIG)
    shutil.copy("/usr/bin/qemu-aarch64-static", root / "usr/bin/")
    # a processor without pointer authentication, as in a Raspberry Pi 4: to emulate that takes three times as long
    python = "/usr/bin/qemu-aarch64-static -cpu cortex-a72 /usr/lib/chargemon-edge/bin/python3 -I -m chargemon_edge run"
    # a network of its own: loopback alone, and no port that somebody else has
    begin = f'ip link set lo up && exec chroot "{root}" {python}'
    began = time.monotonic()
    daemon = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", begin], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        _wait_for_its_network(daemon.pid)
        asked = subprocess.run(
            ["nsenter", "-t", str(daemon.pid), "-n", "python3", "-c", ASK],
            capture_output=True,
            text=True,
            timeout=220,
            check=False,
        )
        print(f"answered {time.monotonic() - began:.1f} s after its start")
        assert '"status"' in asked.stdout, asked.stderr
        assert (root / "state" / "site.db").stat().st_size > 0
    finally:
        daemon.terminate()
        said, _ = daemon.communicate(timeout=30)
        print(said)
    assert daemon.returncode == 0
    assert "ready version" in said
    assert "Traceback" not in said


def _wait_for_its_network(pid: int) -> None:
    ours = Path("/proc/self/ns/net").readlink()
    while Path(f"/proc/{pid}/ns/net").readlink() == ours:
        time.sleep(0.01)
