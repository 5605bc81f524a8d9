"""Clean Debian trees, made once and kept as tar files outside the project: to compile in, and to test packages in."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from release import debian_mirror


class Tree(NamedTuple):
    """What is in a tree. Everything but the packages named comes along as Debian says."""

    release: str
    packages: tuple[str, ...]
    architecture: str | None = None
    """None: this machine's own."""
    variant: str = "minbase"

    @property
    def name(self) -> str:
        """Of its file; another recipe has another name."""
        digest = hashlib.sha256(repr(tuple(self)).encode()).hexdigest()[:12]
        return f"{self.release}-{self.architecture or 'native'}-{digest}.tar"


_PYTHON = {"bookworm": "3.11", "trixie": "3.13"}


def booting(release: str) -> Tree:
    """A small *release* that boots with systemd and has the daemon's interpreter, as a site's machine does."""
    python = _PYTHON[release]
    wanted = ("systemd", "systemd-sysv", "dbus", "procps", "iproute2", f"python{python}", f"libpython{python}-stdlib")
    return Tree(release, wanted)


def foreign(release: str, architecture: str) -> Tree:
    """The interpreter of *release* for another *architecture*, unpacked without running any of it."""
    python = _PYTHON[release]
    # base-files brings the link from /lib to /usr/lib, where the loader of later releases is
    wanted = ("base-files", f"python{python}", f"libpython{python}-stdlib", "libc6")
    return Tree(release, wanted, architecture, "extract")


def cache() -> Path:
    """Where the tar files are kept."""
    place = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(place) / "chargemon-edge" / "trees"


def archive(tree: Tree) -> Path:
    """The tree as a tar file, made now if it is not kept yet (half a minute, with a Debian mirror)."""
    kept = cache() / tree.name
    if kept.exists():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    making = kept.with_suffix(f".{os.getpid()}.tar")
    architecture = [] if tree.architecture is None else [f"--architectures={tree.architecture}"]
    try:
        subprocess.run(
            [
                "mmdebstrap",
                "--quiet",
                f"--variant={tree.variant}",
                f"--include={','.join(tree.packages)}",
                *architecture,
                tree.release,
                str(making),
                *debian_mirror.sources(tree.release, security=tree.variant != "extract"),
            ],
            check=True,
        )
        making.rename(kept)
    finally:
        making.unlink(missing_ok=True)
    return kept


def unpack(tree: Tree, folder: Path) -> Path:
    """A fresh copy of the tree in *folder*, which must not exist yet."""
    kept = archive(tree)
    folder.mkdir(parents=True)
    subprocess.run(["tar", "-xf", str(kept), "-C", str(folder), "--numeric-owner"], check=True)
    return folder
