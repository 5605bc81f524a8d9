"""A frame as people may see it: whole, but without secrets, and with id tags masked wherever they stand.

What can be read is changed member by member. Of what cannot, only the words that OCPP itself uses are shown: a broken
frame may hold anything anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

import msgspec

from chargemon_edge.control.redaction import is_secret
from chargemon_edge.log import masked
from chargemon_edge.ocpp.v16.messages import FROM_CHARGE_POINT, RESPONSE_OF, TO_CHARGE_POINT

HIDDEN = "…"
_ID_TAGS = frozenset({"idtag", "parentidtag"})
# what a vendor's own message or a signed reading carries, nobody here knows
_UNKNOWABLE = frozenset({"data"})
_USERINFO = re.compile(r"(?<=://)[^/@\s\"]+@")
_WORD = re.compile(r"[^\s\[\]{}:,\"\\]+")
# a shorter text is no id tag: it would be found everywhere
_TAG_MIN = 4


def presentable(data: bytes, id_tags: Collection[str] = ()) -> str:
    """*data* as JSON text; *id_tags* are masked even where no member says that they are one."""
    try:
        frame = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _words_of_ocpp(data)
    return without_tags(msgspec.json.encode(_shown(frame, {})).decode(), id_tags)


def without_tags(text: str, id_tags: Collection[str]) -> str:
    """*text* with each of these masked."""
    for tag in sorted(id_tags, key=len, reverse=True):
        if len(tag) >= _TAG_MIN:
            text = re.sub(re.escape(tag), lambda found: masked(found[0]), text, flags=re.IGNORECASE)
    return text


def id_tags_in(data: bytes) -> Iterator[str]:
    """Every id tag that a frame names as one."""
    if b"dtag" not in data.lower():
        return
    try:
        frame = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    yield from _tags(frame)


def _tags(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name.casefold() in _ID_TAGS and isinstance(inner, str):
                yield inner
                yield inner.strip()
            else:
                yield from _tags(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _tags(inner)


def _shown(value: Any, beside: dict[str, Any], name: str = "") -> Any:
    member = name.casefold()
    if member in _ID_TAGS:
        return masked(value) if isinstance(value, str) else HIDDEN
    if member in _UNKNOWABLE or (member == "value" and is_secret(_key_beside(beside))):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _shown(inner, value, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shown(inner, beside) for inner in value]
    return _USERINFO.sub(f"{HIDDEN}@", value) if isinstance(value, str) else value


def _key_beside(beside: dict[str, Any]) -> str:
    return next((str(value) for name, value in beside.items() if name.casefold() == "key"), "")


def _vocabulary() -> frozenset[str]:
    words = {*FROM_CHARGE_POINT, *TO_CHARGE_POINT}
    for request, response in RESPONSE_OF.items():
        words |= {*_members(request), *_members(response)}
    return frozenset(words)


def _members(message: type[msgspec.Struct]) -> Iterator[str]:
    for field in msgspec.structs.fields(message):
        yield field.encode_name


_OCPP = _vocabulary()


def _words_of_ocpp(data: bytes) -> str:
    text = data[:2_000].decode("utf-8", "replace")
    shown = _WORD.sub(lambda found: found[0] if found[0] in _OCPP or len(found[0]) == 1 else HIDDEN, text)
    return f"{shown}{HIDDEN}" if len(data) > 2_000 else shown
