"""Frames as the log may show them at DEBUG: cut short, id tags masked, keys left out. And how ``cp=`` is spelt."""

from __future__ import annotations

import re

from chargemon_edge.log import masked

_SHOWN = 300
_ID_TAG = re.compile(r'("(?:idTag|parentIdTag)"\s*:\s*")((?:[^"\\]|\\.)*)"?')
# a configuration key's value may be a password, whatever stands around it
_SECRET = re.compile(r'("(?:value|data|csr|certificateChain|location|remoteLocation)"\s*:\s*")(?:[^"\\]|\\.)*"?')


def shown(data: bytes) -> str:
    """A frame for a log line: one line, printable, bounded. Masked before it is cut: no cut uncovers anything."""
    text = data[: 16 * _SHOWN].decode("utf-8", "replace")
    text = _SECRET.sub(r'\1…"', text)
    text = _ID_TAG.sub(lambda found: f'{found[1]}{masked(found[2])}"', text)
    elided = f"{text[:_SHOWN]}… ({len(data)} bytes)" if len(text) > _SHOWN else text
    return "".join(character if character.isprintable() else "�" for character in elided)


def named(identity: str | None) -> str:
    """An identity for a log line: as it is when it is plain, else quoted, never with a line break."""
    if identity is None:
        return "-"
    if identity.isascii() and identity.isprintable() and not set(identity) & set(" \"'="):
        return identity[:64]
    return ascii(identity[:64])
