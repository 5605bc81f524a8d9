"""A message as records may keep it: without secrets, with id tags masked, and short enough for a flash disk."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from chargemon_edge.log import masked
from chargemon_edge.ocpp.v16 import messages as m

TEXT_MAX = 200
"""Characters of one text that are kept; certificates and vendors' data are longer."""
LIST_MAX = 200
HIDDEN = "…"

_ID_TAGS = frozenset({"idTag", "parentIdTag"})
# configuration keys whose value nobody may read again: AuthorizationKey, and what vendors call theirs
_SECRET_KEY = re.compile(r"key$|password|passwd|passphrase|secret|token|credential|pin$|wifi.*psk|apn", re.IGNORECASE)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
# the addresses of files that this box gives: whoever knows one may use it
_FILE_TOKEN = re.compile(r"(/(?:firmware|uploads)/)[A-Za-z0-9_-]{32}(?=/)")
# what a vendor's own message carries, nobody here knows
_UNKNOWABLE = frozenset({"data"})


def fit_for_records(message: m.Request | m.Response) -> str:
    """*message* as JSON in OCPP's words, fit to be kept and shown."""
    members = msgspec.to_builtins(message)
    return msgspec.json.encode({name: _member(name, value, members) for name, value in members.items()}).decode()


def _member(name: str, value: Any, beside: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {inner: _member(inner, one, value) for inner, one in value.items()}
    if isinstance(value, list | tuple):
        kept = [_member(name, one, beside) for one in value[:LIST_MAX]]
        return kept if len(value) <= LIST_MAX else [*kept, f"{HIDDEN} {len(value)} in all"]
    if not isinstance(value, str):
        return value
    if name in _ID_TAGS:
        return masked(value)
    if name in _UNKNOWABLE or (name == "value" and is_secret(str(beside.get("key", "")))):
        return HIDDEN
    text = _FILE_TOKEN.sub(rf"\1{HIDDEN}", _USERINFO.sub(f"{HIDDEN}@", value))
    return text if len(text) <= TEXT_MAX else f"{text[:TEXT_MAX]}{HIDDEN} {len(text)} characters"


def is_secret(key: str) -> bool:
    """Whether a configuration key of this name holds a secret."""
    return _SECRET_KEY.search(key) is not None
