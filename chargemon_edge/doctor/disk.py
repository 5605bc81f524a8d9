"""The state directory's disk: room, inodes, wear, and whether the daemon may write."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from chargemon_edge.doctor.finding import Finding, attention, broken, ok
from chargemon_edge.doctor.subject import Subject

USER = "chargemon"
_SERIOUS_PERCENT = 2
_INODES_MIN_PERCENT = 5
# eMMC, JEDEC 84-B51: tenths of the expected life, and the state of the spare blocks
_LIFE = {9: "80 to 90", 10: "90 to 100", 11: "more than 100"}
_SPARE = {2: "80 % used", 3: "90 % used"}


def examine(subject: Subject) -> Iterator[Finding]:
    """Of the directory that the configuration names."""
    directory = subject.state
    if not directory.is_dir():
        yield broken(
            f"there is no {directory}", "reinstall the package, or start the service once: systemd makes the directory"
        )
        return
    yield from _owner(directory)
    yield from _room(directory, subject.settings.store.free_min_percent)
    yield from _wear(directory, subject.machine.sys)


def _owner(directory: Path) -> Iterator[Finding]:
    if os.statvfs(directory).f_flag & os.ST_RDONLY:
        yield broken(
            f"the file system of {directory} is mounted read-only",
            "see the kernel's messages (journalctl -k); a worn memory card does this: replace it",
        )
        return
    stat = directory.stat()
    try:
        wanted = pwd.getpwnam(USER)
    except KeyError:
        wanted = None
    if wanted is not None and stat.st_uid != wanted.pw_uid:
        yield broken(f"{directory} is not {USER}'s", f"chown -R {USER}: {directory}")
    elif not stat.st_mode & 0o200:
        yield broken(f"{directory} may not be written by its owner", f"chmod u+w {directory}")
    elif os.geteuid() not in (0, stat.st_uid):
        yield attention(f"whether {directory} can be written cannot be judged by this user", "run this as root")
    elif not os.access(directory, os.W_OK):
        yield broken(f"{directory} cannot be written", "check its owner, and whether it is mounted read-only")
    else:
        yield ok(f"{directory} can be written")


def _room(directory: Path, free_min_percent: int) -> Iterator[Finding]:
    usage = os.statvfs(directory)
    free_percent = 100 * usage.f_bavail / max(1, usage.f_blocks)
    free = f"{usage.f_bavail * usage.f_frsize / 1e6:.0f} MB ({free_percent:.0f} %) free"
    if free_percent < _SERIOUS_PERCENT:
        yield broken(f"the disk is almost full: {free}", f"free some space on the file system of {directory}")
    elif free_percent < free_min_percent:
        yield attention(
            f"the disk is short: {free}; the oldest meter values go",
            f"free some space on the file system of {directory}",
        )
    else:
        yield ok(f"room on the disk: {free}")
    if usage.f_files and 100 * usage.f_favail / usage.f_files < _INODES_MIN_PERCENT:
        yield broken(
            f"{usage.f_favail} files can still be made on the disk", "look for a folder with very many small files"
        )


def _wear(directory: Path, sys: Path) -> Iterator[Finding]:
    device = directory.stat().st_dev
    block = sys / "dev" / "block" / f"{os.major(device)}:{os.minor(device)}"
    # a partition lies in its disk's folder
    for folder in (block.resolve(), block.resolve().parent):
        for word in _words(folder / "device" / "life_time"):
            if word in _LIFE:
                yield attention(f"the flash has used {_LIFE[word]} % of its life", "plan to replace it")
        for word in _words(folder / "device" / "pre_eol_info"):
            if word in _SPARE:
                yield broken(f"the flash's spare blocks are {_SPARE[word]}", "replace it before it becomes read-only")


def _words(path: Path) -> list[int]:
    try:
        return [int(word, 16) for word in path.read_text().split()]
    except (OSError, ValueError):
        return []
