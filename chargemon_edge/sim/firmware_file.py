"""Firmware for simulated chargers: a line that says which version it is and how the rest must read, and the rest."""

from __future__ import annotations

import hashlib
import re

_HEAD = re.compile(rb"SIMULATED FIRMWARE version=(\S{1,50}) sha256=([0-9a-f]{64})\n")


class BadImageError(Exception):
    """Damaged, or made for something else."""


def made(version: str, size: int = 1_000) -> bytes:
    """An image of that version, of about *size* bytes."""
    rest = hashlib.sha256(version.encode()).digest() * (size // 32 + 1)
    return f"SIMULATED FIRMWARE version={version} sha256={hashlib.sha256(rest).hexdigest()}\n".encode() + rest


def version_in(image: bytes) -> str | None:
    """The version that an image brings; None: it is no image for simulated chargers, who take it all the same."""
    head = _HEAD.match(image)
    if head is None:
        return None
    if hashlib.sha256(image[head.end() :]).hexdigest() != head[2].decode():
        raise BadImageError
    return head[1].decode()
