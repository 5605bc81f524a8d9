"""The meters we know, one TOML file each: register maps as data."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Any

import msgspec

from chargemon_edge.meters import register_map
from chargemon_edge.meters.register_map import RegisterMap


class CatalogueError(Exception):
    """A register map that does not exist or cannot be used; the text says what to do."""


@cache
def models() -> tuple[str, ...]:
    """Every name that :func:`load` takes, in alphabetical order."""
    files = resources.files(__name__).iterdir()
    return tuple(sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml")))


@cache
def load(model: str) -> RegisterMap:
    """The map of that model. Raises :class:`CatalogueError`."""
    if model not in models():
        raise CatalogueError(f"meter model {model!r} is not in the catalogue; it knows {', '.join(models())}")
    text = resources.files(__name__).joinpath(f"{model}.toml").read_text(encoding="utf-8")
    return parse(text, model)


def parse(text: str, name: str) -> RegisterMap:
    """The map written in *text*. Raises :class:`CatalogueError` that names *name* and every mistake."""
    try:
        table: dict[str, Any] = tomllib.loads(text)
        found = msgspec.convert(table, RegisterMap)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CatalogueError(f"register map {name!r}: {error}") from error
    wrong = register_map.mistakes(found)
    if wrong:
        raise CatalogueError(f"register map {name!r}: {'; '.join(wrong)}")
    return found
