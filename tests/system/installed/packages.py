"""The packages under test: built once for all tests, and one that counts as the version before."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from pathlib import Path

from release.build import build
from release.target import Target

RELEASE = os.environ.get("CHARGEMON_DEBIAN", "bookworm")
"""The Debian that everything is tried on."""


def made_for(architecture: str, folder: Path, *, release: str = RELEASE) -> Path:
    """The package, made quickly: compressed less than one that is shipped, else the same."""
    return build(Target(release, architecture), folder / "work", folder, compression="gzip")


def as_version(package: Path, version: str, folder: Path) -> Path:
    """The same package under another version.

    It stands for the release before as long as there is none: what is tried with it is how one package takes over
    from another. What differs inside is tried with the databases of all released versions (tests/databases).
    """
    tree = folder / "tree"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    control = tree / "DEBIAN" / "control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    module = next(tree.glob("usr/lib/chargemon-edge/lib/python3*/site-packages/chargemon_edge/__init__.py"))
    number = version.partition("-")[0]
    module.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{number}"', module.read_text()))
    # its byte code says the version of before; it is shipped as never to be checked against its source
    for compiled in (module.parent / "__pycache__").glob("__init__.*.pyc"):
        compiled.unlink()
    _sum_up(tree, module)
    made = folder / f"chargemon-edge_{version}_amd64.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", str(tree), str(made)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return made


def _sum_up(tree: Path, changed: Path) -> None:
    """dpkg's own list of checksums, for what was changed."""
    sums = tree / "DEBIAN" / "md5sums"
    lines = [line for line in sums.read_text().splitlines() if (tree / line.partition("  ")[2]).is_file()]
    name = str(changed.relative_to(tree))
    digest = hashlib.md5(changed.read_bytes(), usedforsecurity=False).hexdigest()
    sums.write_text("".join(f"{digest}  {name}\n" if line.endswith(f"  {name}") else f"{line}\n" for line in lines))
