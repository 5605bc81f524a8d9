"""The same sources make the same package, to the last bit, wherever and by whom it is made."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release.compare import differences, digest
from release.stage import ROOT
from release.target import ARCHITECTURES, RELEASES
from tests.system.installed.packages import as_version

NOT_SOURCES = (".git", ".venv*", ".*_cache", ".hypothesis", "__pycache__", "dist", "build")


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_made_elsewhere_it_is_the_same(
    release: str, architecture: str, shipped: Callable[[str, str], Path], tmp_path: Path
) -> None:
    first = shipped(release, architecture)
    elsewhere = tmp_path / "another folder with a longer name"
    shutil.copytree(ROOT, elsewhere, ignore=shutil.ignore_patterns(*NOT_SOURCES))

    command = [sys.executable, "-m", "release", "--release", release, "--architecture", architecture]
    done = subprocess.run(
        command,
        cwd=elsewhere,
        env={**os.environ, "TZ": "Pacific/Kiritimati", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "4711"},
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    second = elsewhere / "dist" / first.name
    print(f"{first.name}: {first.stat().st_size / 1e6:.1f} MB, {digest(first)}")
    assert differences(first, second) == []


def test_what_differs_is_named(shipped: Callable[[str, str], Path], tmp_path: Path) -> None:
    package = shipped("bookworm", "amd64")
    other = as_version(package, "0.0.9-1", tmp_path)

    found = differences(package, other)

    assert any(line.startswith("control: ./control: ") and "sha256" in line for line in found)
    assert any("chargemon_edge/__init__.py: " in line and "sha256" in line for line in found)
    assert any("/__init__.cpython-311.pyc is only in the first" in line for line in found)
    # and nothing else
    assert {line.split(": ")[0] for line in found} == {"control", "files"}
    assert len(found) < 10
