"""The charger models we know, one TOML file each: how they differ from an ordinary one, as data with its sources."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import msgspec
from msgspec.structs import replace

from chargemon_edge.site import charger_model
from chargemon_edge.site.charger_model import Entry


class CatalogueError(Exception):
    """An entry that cannot be used; the text names it and every mistake."""


@cache
def catalogue() -> tuple[Entry, ...]:
    """Every entry, in the order of their names. Raises :class:`CatalogueError`."""
    files = sorted(resources.files(__name__).iterdir(), key=lambda file: file.name)
    return tuple(
        parse(file.read_text(encoding="utf-8"), file.name.removesuffix(".toml"))
        for file in files
        if file.name.endswith(".toml")
    )


def parse(text: str, identifier: str) -> Entry:
    """The entry written in *text*. Raises :class:`CatalogueError`."""
    try:
        table: dict[str, Any] = tomllib.loads(text)
        entry = replace(msgspec.convert(table, Entry), identifier=identifier)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"charger model {identifier!r}: {error}") from error
    wrong = list(charger_model.mistakes(entry))
    if wrong:
        raise CatalogueError(f"charger model {identifier!r}: {'; '.join(wrong)}")
    return entry
