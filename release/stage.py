"""The tree under /usr/lib/chargemon-edge, put together for a target without running anything of the target.

Every wheel is held to the hash in the lock. What is left out (tests, sources in C, a simulator) is never imported.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from release import trees
from release.target import PREFIX, Target

ROOT = Path(__file__).parent.parent
LOCK = ROOT / "requirements" / "run.txt"
BUILD_LOCK = ROOT / "requirements" / "build.txt"

# published without a wheel: the one library that is built here, with the tool that BUILD_LOCK pins
_SOURCE_ONLY = "sdnotify"
_LEFT_OUT = (
    "bin",
    ".lock",
    "**/tests",
    "**/*.c",
    "**/*.h",
    "**/*.pxd",
    "**/*.pxi",
    "**/*.pyi",
    "**/*.pyx",
    "**/__pycache__",
    "pymodbus/server/simulator/web",
    "*.dist-info/RECORD",
    "*.dist-info/INSTALLER",
    "*.dist-info/REQUESTED",
    "*.dist-info/direct_url.json",
    "*.dist-info/uv_cache.json",
    "*.dist-info/uv_build.json",
)


def stage(target: Target, folder: Path) -> None:
    """Put the tree for *target* below *folder* (its root of the file system)."""
    site_packages = folder / target.site_packages
    _install_wheels(target, site_packages)
    _install_ourselves(site_packages)
    _make_environment(target, folder / PREFIX)
    _settle_modes(folder)
    _compile(target, folder)


def _install_wheels(target: Target, site_packages: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes", "--no-deps"),
            *("--python-version", target.python, "--python-platform", target.platform),
            *("--only-binary", ":all:", "--no-binary", _SOURCE_ONLY, "--build-constraints", str(BUILD_LOCK)),
            *("--link-mode", "copy", "--target", str(site_packages), "-r", str(LOCK)),
        ],
        check=True,
    )
    for pattern in _LEFT_OUT:
        for path in list(site_packages.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)


def _install_ourselves(site_packages: Path) -> None:
    shutil.copytree(
        ROOT / "chargemon_edge", site_packages / "chargemon_edge", ignore=shutil.ignore_patterns("__pycache__")
    )


def _make_environment(target: Target, prefix: Path) -> None:
    """Three lines and a link: that is what makes the interpreter look for its libraries here and nowhere else."""
    (prefix / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {target.python}\n"
    )
    (prefix / "bin").mkdir()
    (prefix / "bin" / "python3").symlink_to(f"/usr/bin/python{target.python}")


def _settle_modes(folder: Path) -> None:
    """The same whatever the umask; nothing but the interpreter is meant to be run."""
    for path in folder.rglob("*"):
        if path.is_symlink():
            continue
        path.chmod(0o755 if path.is_dir() else 0o644)
        if path.suffix == ".py":
            _strip_shebang(path)


def _strip_shebang(path: Path) -> None:
    content = path.read_bytes()
    if content.startswith(b"#!"):
        # the line stays, so that tracebacks name the right one
        path.write_bytes(b"#" + content[2:])


def _compile(target: Target, folder: Path) -> None:
    """Byte code beside each module: the daemon cannot write there, and starts in half the time with it."""
    with _interpreter(target, folder) as (command, place):
        subprocess.run(
            [
                *(*command, "-s", "-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"),
                *("-s", place, "-p", "/", f"{place}/{target.site_packages}"),
            ],
            check=True,
            # sets of constants are written in the order of their hashes
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )
    for path in folder.rglob("*.pyc"):
        path.chmod(0o644)
    for path in folder.rglob("__pycache__"):
        path.chmod(0o755)


@contextlib.contextmanager
def _interpreter(target: Target, folder: Path) -> Iterator[tuple[list[str], str]]:
    """The release's own interpreter and where it sees *folder*: this machine's if that is its release, or a tree's."""
    if _own_release() == target.release:
        yield [f"/usr/bin/python{target.python}"], str(folder)
        return
    with tempfile.TemporaryDirectory() as place:
        root = trees.unpack(trees.booting(target.release), Path(place) / "root")
        mount = f'mount --bind "{folder}" "{root}/mnt" && exec chroot "{root}" "$@"'
        yield ["unshare", "--mount", "sh", "-c", mount, "sh", f"/usr/bin/python{target.python}"], "/mnt"


def _own_release() -> str:
    """The code name of the Debian that this machine runs; empty on anything else."""
    with contextlib.suppress(OSError):
        for line in Path("/etc/os-release").read_text().splitlines():
            name, _, value = line.partition("=")
            if name == "VERSION_CODENAME":
                return value.strip('"')
    return ""
