"""A TOML table → a msgspec Struct, field by field, so that one mistake does not hide the next.

Every mistake is one line: the key, what is wrong, and what to write instead.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec.structs import FieldInfo, fields

T = TypeVar("T", bound=msgspec.Struct)

_ADVICE = {
    "Expected `int`": "write a whole number without quotes",
    "Expected `float`": "write a number without quotes",
    "Expected `bool`": "write true or false without quotes",
    "Expected `str`": 'write a text in quotes, like "name"',
    "Expected `array`": "write a list, like [1, 2, 3]",
    "Expected `object`": "write a table, like [name]",
}


def read(struct: type[T], table: Mapping[str, Any], where: str, mistakes: list[str]) -> T | None:
    """The Struct that *table* describes, or None when something in it is wrong; *mistakes* then says what and where."""
    before = len(mistakes)
    known = {field.encode_name: field for field in fields(struct)}
    hints = typing.get_type_hints(struct, include_extras=True)
    mistakes.extend(
        f"{_path(where, key)}: unknown setting{_suggestion(key, known)}" for key in table if key not in known
    )
    values: dict[str, Any] = {}
    for key, field in known.items():
        if key in table:
            values[field.name] = _value(hints[field.name], table[key], _path(where, key), mistakes)
        elif field.required:
            mistakes.append(f"{_path(where, key)}: missing; this setting has no default")
    if len(mistakes) > before:
        return None
    try:
        # once more as a whole: constraints and __post_init__ rules of the Struct itself
        return struct(**values)
    except (ValueError, TypeError) as error:
        mistakes.append(f"{where or 'the file'}: {error}")
        return None


def _value(type_: Any, value: Any, where: str, mistakes: list[str]) -> Any:
    element = _struct_in(type_)
    if element is not None and isinstance(value, dict) and not _is_sequence(type_):
        return read(element, value, where, mistakes)
    if element is not None and isinstance(value, list) and _is_sequence(type_):
        return tuple(_entry(element, entry, where, number, mistakes) for number, entry in enumerate(value, start=1))
    try:
        return msgspec.convert(value, type_, strict=True)
    except msgspec.ValidationError as error:
        mistakes.append(f"{where}: {_in_words(str(error), value)}")
        return None


def _entry(element: type[msgspec.Struct], entry: Any, where: str, number: int, mistakes: list[str]) -> Any:
    if isinstance(entry, dict):
        return read(element, entry, f"{where}[{number}]", mistakes)
    mistakes.append(f"{where}[{number}]: write a table, like [[{where}]]")
    return None


def _struct_in(type_: Any) -> type[msgspec.Struct] | None:
    """The Struct class inside ``S``, ``S | None``, ``tuple[S, ...]`` or ``list[S]``, if there is one."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_
    for argument in typing.get_args(type_):
        found = _struct_in(argument)
        if found is not None:
            return found
    return None


def _is_sequence(type_: Any) -> bool:
    return typing.get_origin(type_) in (list, tuple)


def _in_words(message: str, value: Any) -> str:
    advice = next((words for start, words in _ADVICE.items() if message.startswith(start)), "")
    return f"{message}, found {value!r}" + (f"; {advice}" if advice else "")


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _suggestion(key: str, known: Mapping[str, FieldInfo]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known here: {', '.join(sorted(known))}"


def as_per_phase(value: float | tuple[float, float, float]) -> tuple[float, float, float]:
    """One figure for all phases, or one for each."""
    return value if isinstance(value, tuple) else (value, value, value)
