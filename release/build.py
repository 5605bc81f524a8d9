"""dpkg-buildpackage around a staged tree: one .deb for each target, the same to the last bit wherever it is made."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from release import floors, papers
from release.stage import LOCK, ROOT, stage
from release.target import Target

_PARTS = ("chargemon_edge", "debian", "systemd", "etc", "docs", "CHANGELOG.md", "LICENSE", "README.md", "SECURITY.md")
COMPRESSIONS = {"xz": "-Zxz", "gzip": "-Zgzip -z1"}


class BuildError(Exception):
    """The package cannot be made; the text says why."""


def version() -> str:
    """The newest version in debian/changelog, without the release's suffix."""
    first = (ROOT / "debian" / "changelog").read_text(encoding="utf-8").splitlines()[0]
    found = re.fullmatch(r"chargemon-edge \(([^)]+)\) .*", first)
    if found is None:
        raise BuildError(f"debian/changelog begins with {first!r}")
    return found[1]


def build(target: Target, work: Path, destination: Path, *, compression: str = "xz") -> Path:
    """The package for *target*, as a file in *destination*; *work* is an empty folder to make it in."""
    wrong = floors.below_floor(LOCK.read_text(), floors.FLOORS.read_text())
    if wrong:
        raise BuildError("; ".join(wrong))
    source = work / "source"
    _copy_source(source)
    root, site_packages = source / "stage", source / "stage" / target.site_packages
    stage(target, root)
    (source / "sbom.cdx.json").write_text(papers.bill_of_materials(site_packages, version()))
    papers.collect_licences(site_packages, source / "licences")
    _mark_release(source / "debian" / "changelog", target)
    _buildpackage(source, target, compression)
    made = next(work.glob("*.deb"))
    destination.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(made, destination / made.name))


def _copy_source(source: Path) -> None:
    source.mkdir(parents=True)
    for part in _PARTS:
        origin = ROOT / part
        if origin.is_dir():
            shutil.copytree(origin, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(origin, source / part)


def _mark_release(changelog: Path, target: Target) -> None:
    text = changelog.read_text(encoding="utf-8")
    changelog.write_text(text.replace(")", f"~{target.suffix})", 1), encoding="utf-8")


def _buildpackage(source: Path, target: Target, compression: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "LC_ALL": "C.UTF-8",
        "DEB_BUILD_OPTIONS": "nocheck",
        "CHARGEMON_COMPRESSION": COMPRESSIONS[compression],
        "CHARGEMON_PYTHON": target.python,
        "CHARGEMON_RELEASE": target.release,
    }
    # -d: what control asks for is not asked for in the target's architecture; nothing of it is run
    command = ["dpkg-buildpackage", "-us", "-uc", "-b", "-d", "-Pcross,nocheck", f"--host-arch={target.architecture}"]
    done = subprocess.run(
        command,
        cwd=source,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        umask=0o022,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"dpkg-buildpackage failed:\n{done.stdout[-4000:]}")
