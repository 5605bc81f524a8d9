"""The configuration's files → one TOML document: the shipped file, then ``conf.d/*.toml`` in the order of names.

Tables are put together setting by setting, where the later file counts; entries of ``[[lists]]`` add up. Remembers
which file each part came from, so that a mistake can be found.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

FOLDER = "conf.d"
_LEADING_PATH = re.compile(r"[A-Za-z0-9_-]+(?:\[\d+\])?(?:\.[A-Za-z0-9_-]+(?:\[\d+\])?)*(?=: )")


class UnreadableError(Exception):
    """A text that is no TOML: one line for each reason in *mistakes*."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class _Origin(NamedTuple):
    file: str
    path: str
    """As it is counted in that file."""


class Documents:
    """All files as one document."""

    def __init__(self) -> None:
        self.document: dict[str, Any] = {}
        self._files: list[str] = []
        self._origins: dict[str, _Origin] = {}

    def add(self, file: str, document: dict[str, Any]) -> None:
        """Put *document* on top of what is there."""
        self._files.append(file)
        self._merge(self.document, document, "", file)

    def _merge(self, into: dict[str, Any], new: dict[str, Any], where: str, file: str) -> None:
        for key, value in new.items():
            path = f"{where}{key}"
            old = into.get(key)
            self._origins[path] = _Origin(file, path)
            if isinstance(value, dict):
                if not isinstance(old, dict):
                    into[key] = old = {}
                self._merge(old, value, f"{path}.", file)
            elif _is_table_list(value):
                before: list[Any] = old if isinstance(old, list) and _is_table_list(old) else []
                into[key] = [*before, *value]
                for number in range(1, len(value) + 1):
                    self._origins[f"{path}[{len(before) + number}]"] = _Origin(file, f"{path}[{number}]")
            else:
                into[key] = value

    def located(self, mistake: str) -> str:
        """*mistake* with the file that its leading path is in, and counted as in that file."""
        found = _LEADING_PATH.match(mistake)
        if len(self._files) < 2 or found is None:
            return mistake
        path = found[0]
        known = path
        while known not in self._origins:
            # up to what contains it: 'list[2].key' is in 'list[2]', that in 'list'
            shorter = known.rpartition("[" if known.endswith("]") else ".")[0]
            if not shorter:
                return mistake
            known = shorter
        origin = self._origins[known]
        return f"{origin.file}: {origin.path}{mistake[len(known) :]}"


def read_texts(path: Path) -> tuple[dict[str, str], list[str]]:
    """The files at *path* and in ``conf.d`` beside it, each one's text by its name in the order in which they count;
    and a line for each that cannot be read."""
    texts: dict[str, str] = {}
    mistakes: list[str] = []
    for file in (path, *sorted((path.parent / FOLDER).glob("*.toml"))):
        try:
            texts[file.name if file is path else f"{FOLDER}/{file.name}"] = file.read_text(encoding="utf-8")
        except OSError as error:
            mistakes.append(f"{file}: cannot be read ({error.strerror}); check the path and its permissions")
        except UnicodeDecodeError as error:
            mistakes.append(f"{file}: is not UTF-8 text ({error.reason} at byte {error.start})")
    return texts, mistakes


def merge(texts: Mapping[str, str]) -> tuple[Documents, list[str]]:
    """Those of *texts* that are TOML as one document; and a line for each that is none."""
    documents = Documents()
    mistakes: list[str] = []
    for name, text in texts.items():
        try:
            documents.add(name, parse(text))
        except UnreadableError as error:
            mistakes.extend(f"{name}: {words}" for words in error.mistakes)
    return documents, mistakes


def parse(text: str) -> dict[str, Any]:
    """TOML; UnreadableError quotes the line at fault."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableError([f"not valid TOML: {error}; {_advice(str(error), text)}"]) from error


def _advice(message: str, text: str) -> str:
    found = re.search(r"line (\d+)", message)
    if found is None:
        return "check that every quote and bracket is closed"
    line = text.splitlines()[int(found[1]) - 1 : int(found[1])]
    return f"the line reads {line[0].strip()!r}" if line else "check the end of the file"


def _is_table_list(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(entry, dict) for entry in value)
