"""A power cut: what the kernel had not sent to the device is gone. What was answered before is there all the same.

The file system is shut down under the writer without its journal being written (FS_IOC_SHUTDOWN), then mounted again.
STORE_CUTS sets how often; the everyday run is small.
"""

from __future__ import annotations

import fcntl
import os
import random
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.store.test_kill import SEED, check, committers, wait_for, wait_for_opening

CUTS = int(os.environ.get("STORE_CUTS", "2"))
_SHUTDOWN = 0x8004587D
_WITHOUT_JOURNAL = struct.pack("I", 2)


class Disk:
    """An ext4 file system of its own, in a file."""

    def __init__(self, device: str, place: Path) -> None:
        self._device = device
        self.place = place

    def mount(self) -> None:
        run("mount", self._device, str(self.place))

    def unmount(self) -> None:
        run("umount", str(self.place))

    def cut(self) -> None:
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, _WITHOUT_JOURNAL)
        finally:
            os.close(descriptor)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    image, place = tmp_path / "image", tmp_path / "place"
    place.mkdir()
    with ExitStack() as undo:
        try:
            image.touch()
            os.truncate(image, 64 * 1024 * 1024)
            run("mkfs.ext4", "-q", str(image))
            device = run("losetup", "--find", "--show", str(image))
            undo.callback(run, "losetup", "--detach", device)
            found = Disk(device, place)
            found.mount()
            undo.callback(found.unmount)
        except (OSError, subprocess.CalledProcessError) as error:
            undo.close()
            pytest.skip(f"no file system can be mounted here: {error}")
        yield found


@pytest.mark.promise("R2")
def test_what_was_answered_before_the_cut_is_there(disk: Disk, tmp_path: Path) -> None:
    print(f"STORE_SEED={SEED} STORE_CUTS={CUTS}")
    rng = random.Random(SEED)
    answered = tmp_path / "answered"
    answered.touch()
    counted = ""
    with committers() as start:
        for cuts in range(1, CUTS + 1):
            process_id, gone = start(disk.place, answered)
            wait_for_opening(answered, cuts)
            # on a busy machine that takes longer than the time until the cut
            wait_for(answered, b"started ", 1)
            time.sleep(rng.uniform(0.05, 0.3))
            # an answer that goes out while the cut is being made may not count
            before = answered.stat().st_size
            disk.cut()
            os.kill(process_id, signal.SIGKILL)
            gone()
            counted += answered.read_text()[len(counted) : before]
            (tmp_path / "answered").write_text(counted)
            disk.unmount()
            disk.mount()
            assert check(disk.place, counted, cuts) > 0
