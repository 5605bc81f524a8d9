"""Two packages that should be one: ``python -m release.compare FIRST SECOND`` names what differs, entry by entry."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_PARTS = {"--ctrl-tarfile": "control", "--fsys-tarfile": "files"}
"""What a package consists of, by dpkg-deb's option that writes it out as a tar file."""


class Entry(NamedTuple):
    """All that a package says of one file, folder or link."""

    kind: str
    mode: str
    owner: str
    size: int
    modified_s: int
    link: str
    sha256: str


def digest(package: Path) -> str:
    """SHA-256 of the whole file."""
    with package.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(first: Path, second: Path) -> list[str]:
    """One line for each entry that is in one package alone, or not the same in both; none for equal packages."""
    found = []
    for option, part in _PARTS.items():
        one, other = (dict(_entries(package, option)) for package in (first, second))
        for name in sorted(one.keys() | other.keys()):
            if name not in one or name not in other:
                found.append(f"{part}: {name} is only in the {'first' if name in one else 'second'}")
            elif one[name] != other[name]:
                pairs = zip(Entry._fields, one[name], other[name], strict=True)
                words = ", ".join(f"{field} {before} and {after}" for field, before, after in pairs if before != after)
                found.append(f"{part}: {name}: {words}")
        if not found and list(one) != list(other):
            found.append(f"{part}: the same entries in another order")
    if not found and digest(first) != digest(second):
        found.append("every entry is the same, but it is packed in another way")
    return found


def _entries(package: Path, option: str) -> Iterator[tuple[str, Entry]]:
    with (
        subprocess.Popen(["dpkg-deb", option, str(package)], stdout=subprocess.PIPE) as unpacking,
        tarfile.open(fileobj=unpacking.stdout, mode="r|") as archive,
    ):
        for member in archive:
            content = archive.extractfile(member) if member.isfile() else None
            yield (
                member.name,
                Entry(
                    kind=member.type.decode(),
                    mode=f"{member.mode:o}",
                    owner=f"{member.uid}/{member.gid} {member.uname}/{member.gname}",
                    size=member.size,
                    modified_s=int(member.mtime),
                    link=member.linkname,
                    sha256="" if content is None else hashlib.sha256(content.read()).hexdigest(),
                ),
            )


def main() -> int:
    """Exit code 0: the same to the last bit."""
    if len(sys.argv) != 3:
        print("usage: python -m release.compare FIRST.deb SECOND.deb", file=sys.stderr)
        return 2
    found = differences(Path(sys.argv[1]), Path(sys.argv[2]))
    print("\n".join(found) or f"the same: {digest(Path(sys.argv[1]))}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
