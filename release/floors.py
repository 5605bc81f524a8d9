"""Known weaknesses: the lock must not name a version that has one."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

FLOORS = Path(__file__).with_name("floors.toml")


def below_floor(lock: str, floors: str) -> list[str]:
    """One sentence for each library that *lock* (a requirements file) pins below its floor, or does not pin at all."""
    pinned = dict(re.findall(r"(?m)^([a-z0-9_.-]+)==([^\s;\\]+)", lock))
    found = []
    for name, entry in tomllib.loads(floors).items():
        version = pinned.get(name)
        if version is None:
            found.append(f"{name} has a floor but is not in the lock; take it out of floors.toml")
        elif _ordered(version) < _ordered(entry["floor"]):
            found.append(f"{name} {version} is below {entry['floor']}: {entry['why']}")
    return found


def _ordered(version: str) -> tuple[int, ...]:
    """Releases only: no lock of ours holds anything before a release."""
    if not re.fullmatch(r"\d+(\.\d+)*", version):
        raise ValueError(f"{version!r} is no version of a release")
    return tuple(int(part) for part in version.split("."))
