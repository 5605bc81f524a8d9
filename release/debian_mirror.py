"""Where this machine itself gets Debian from. No address is written down here: apt knows it."""

from __future__ import annotations

import subprocess

_FORMAT = "$(LABEL)\t$(REPO_URI)"


class MirrorError(Exception):
    """apt knows no Debian mirror."""


def sources(release: str, *, security: bool = True) -> list[str]:
    """One-line apt sources of *release* (a code name) on this machine's own mirrors."""
    places = _places()
    if "Debian" not in places:
        raise MirrorError("apt knows no Debian mirror yet; run: apt-get update")
    lines = [f"deb {places['Debian']} {release} main"]
    if security:
        lines.append(f"deb {places['Debian']} {release}-updates main")
        if "Debian-Security" in places:
            lines.append(f"deb {places['Debian-Security']} {release}-security main")
    return lines


def _places() -> dict[str, str]:
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", _FORMAT, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    places: dict[str, str] = {}
    for line in listed.stdout.splitlines():
        label, _, address = line.partition("\t")
        places.setdefault(label, address)
    return places
