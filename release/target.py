"""What a package is made for: one Debian release on one architecture. Never runs anything."""

from __future__ import annotations

from typing import NamedTuple

PREFIX = "usr/lib/chargemon-edge"
"""Where the package keeps its interpreter's libraries; from the root of the file system."""

_PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
_PYTHONS = {"bookworm": "3.11", "trixie": "3.13"}
_SUFFIXES = {"bookworm": "deb12", "trixie": "deb13"}

RELEASES = tuple(_PYTHONS)
ARCHITECTURES = tuple(_PLATFORMS)


class Target(NamedTuple):
    """A Debian release by code name, and an architecture in Debian's words."""

    release: str
    architecture: str

    @property
    def python(self) -> str:
        """The release's own interpreter, as ``3.11``."""
        return _PYTHONS[self.release]

    @property
    def suffix(self) -> str:
        """What tells its packages from those of other releases; sorts in the releases' order."""
        return _SUFFIXES[self.release]

    @property
    def platform(self) -> str:
        """The wheels' platform; its glibc is older than that of every release served."""
        return _PLATFORMS[self.architecture]

    @property
    def site_packages(self) -> str:
        """Where libraries lie in the package, from the root of the file system."""
        return f"{PREFIX}/lib/python{self.python}/site-packages"
