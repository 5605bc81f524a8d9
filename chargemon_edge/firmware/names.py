"""Names that others give, made harmless, and the addresses that we give. Pure.

No name from outside ever becomes part of a path on disk: files are called by digests and numbers there. A name made
here is for people and for the end of an address.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple
from urllib.parse import unquote

Way = Literal["firmware", "uploads"]
"""To fetch, and to deliver; the first part of the path."""

TOKEN_BYTES: Final = 24
_TARGET = re.compile(r"/(firmware|uploads)/([A-Za-z0-9_-]{32})(?:/.*)?", re.DOTALL)
_LONGEST = 80
_UNWANTED = re.compile(r"[^A-Za-z0-9._+-]+")


class Target(NamedTuple):
    """What an address of ours asks for."""

    way: Way
    token: str
    name: str
    """The rest of the path, which says nothing but how the peer calls the file."""


def target_of(path: str) -> Target | None:
    """The parts of a path that we have given; None: it cannot be one of ours."""
    found = _TARGET.fullmatch(path.partition("?")[0].partition("#")[0])
    if found is None:
        return None
    rest = path.partition("?")[0].rpartition("/")[2] if path.count("/") > 2 else ""
    return Target("firmware" if found[1] == "firmware" else "uploads", found[2], unquote(rest, errors="replace"))


def concerns_files(path: str) -> bool:
    """Whether a request for *path* is about files at all."""
    return path.startswith(("/firmware/", "/uploads/"))


def harmless(name: str, otherwise: str) -> str:
    """*name* as a plain file name: its last part, in characters that mean nothing anywhere; *otherwise*: if none are
    left."""
    last = re.split(r"[/\\]", name)[-1]
    plain = _UNWANTED.sub("_", last).strip("._-")
    if len(plain) > _LONGEST:
        stem, dot, ending = plain.rpartition(".")
        plain = f"{stem[: _LONGEST - len(ending) - 1]}.{ending}" if dot and len(ending) <= 10 else plain[:_LONGEST]
    return plain or otherwise


def absolute(folder: str, path: str) -> str:
    """*path*, seen from *folder*, without dots and doubled slashes; nothing lies above ``/``."""
    parts: list[str] = []
    for part in (path if path.startswith("/") else f"{folder}/{path}").split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)
