"""Takes secrets and id tags out of texts that leave the box for somebody who helps. Pure.

Two ways at once: what is known to be secret is hidden wherever it stands, and what is called a secret is hidden
whatever it is.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Any

from chargemon_edge.store.tag_mask import TagMask

HIDDEN = "…"
# a shorter one stands in many words; where it is called a secret it is hidden all the same
SHORTEST_SECRET = 6
_SECRET_NAME = re.compile(r"key$|password$|passwd|passphrase|secret|token$|credential|pin$|psk", re.IGNORECASE)
_TAG_NAME = re.compile(r"id_?tag$", re.IGNORECASE)
# also in a comment, and within an inline table
_SETTING = re.compile(r"""(([A-Za-z0-9_.-]+)["']?\s*=\s*)("[^"\n]*"?|'[^'\n]*'?|[^\s,}\]]+)""")
_USERINFO = re.compile(r"(?<=://)[^/@\s\"']+@")


def texts_in(document: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Each text of a TOML document with the name of its setting."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from texts_in(value, key)
    elif isinstance(document, list):
        for value in document:
            yield from texts_in(value, name)
    elif isinstance(document, str):
        yield name, document


class Scrub:
    """Knows what to hide. *named*: pairs of :func:`texts_in`; *secrets* are whole contents of password files."""

    def __init__(self, secrets: Iterable[str], tags: Iterable[str], named: Iterable[tuple[str, str]] = ()) -> None:
        pairs = list(named)
        self._mask = TagMask({*tags, *(value for name, value in pairs if _TAG_NAME.search(name))})
        known = {
            secret.strip() for secret in (*secrets, *(value for name, value in pairs if _SECRET_NAME.search(name)))
        }
        forms = {form for secret in known if len(secret) >= SHORTEST_SECRET for form in _forms(secret)}
        longest_first = sorted(forms, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if forms else None

    def text(self, text: str) -> str:
        """*text* as it may leave."""
        if self._secrets is not None:
            text = self._secrets.sub(HIDDEN, text)
        return self._mask.text(_USERINFO.sub(f"{HIDDEN}@", text)) or ""

    def settings(self, text: str) -> str:
        """A TOML file, readable or not, as it may leave."""

        def one(found: re.Match[str]) -> str:
            name = found[2].rpartition(".")[2]
            if _TAG_NAME.search(name):
                tag = found[3].strip("\"'")
                return f'{found[1]}"{self._mask.tag(tag)}"'
            return f'{found[1]}"{HIDDEN}"' if _SECRET_NAME.search(name) else found[0]

        return self.text(_SETTING.sub(one, text))


def _forms(secret: str) -> Iterator[str]:
    """As it may stand in a log: itself, in hexadecimal as chargers get it, and within a login."""
    yield secret
    yield secret.encode().hex()
    # the ends depend on what stands beside it: the middle is enough
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + secret.encode()).decode()
        middle = coded[4 if shift else 0 : len(coded) // 4 * 4 - 4]
        if len(middle) >= SHORTEST_SECRET:
            yield middle
