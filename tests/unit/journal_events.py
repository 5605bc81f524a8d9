"""The table of journal entries in docs/operating.md, from the log lines in the code: ``make events`` writes it anew."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chargemon_edge.journald import message_id, shape_of

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "chargemon_edge"
DOCUMENT = ROOT / "docs" / "operating.md"
HEADING = "## Events in the journal"
# debug is for us, not for whoever searches a site's journal
_LEVELS = ("info", "warning", "error", "exception", "critical")
_LOGGERS = ("log", "_log", "logger", "_logger")


class Line(NamedTuple):
    """One log line of the code."""

    event: str
    level: str
    fields: tuple[str, ...]
    template: str


@functools.cache
def lines() -> tuple[Line, ...]:
    """Every log line of the daemon whose words are written in the code; the simulated site's are not the daemon's."""
    return tuple(
        line
        for path in sorted(PACKAGE.rglob("*.py"))
        if not path.is_relative_to(PACKAGE / "sim")
        for node in ast.walk(ast.parse(path.read_text()))
        if _is_log_call(node)
        for line in _lines(node)
    )


def _is_log_call(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in (*_LEVELS, "log")
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in _LOGGERS
    )


def _lines(call: ast.AST) -> Iterator[Line]:
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Attribute)
    level = {"exception": "error", "log": "varies"}.get(call.func.attr, call.func.attr)
    for template in _templates(call.args[1 if call.func.attr == "log" else 0]):
        shape = shape_of(template)
        yield Line(shape.event, level, tuple(name for _, _, name in shape.keys), template)


def _templates(argument: ast.expr) -> Iterator[str]:
    if isinstance(argument, ast.IfExp):
        yield from _templates(argument.body)
        yield from _templates(argument.orelse)
    elif isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        yield argument.value
    else:
        raise AssertionError(f"line {argument.lineno}: a log line's words stand in the code: {ast.unparse(argument)}")


def table() -> str:
    """The rows, by event."""
    found: dict[str, tuple[set[str], dict[str, None]]] = {}
    for line in lines():
        levels, fields = found.setdefault(line.event, (set(), {}))
        levels.add(line.level)
        fields.update(dict.fromkeys(name.removeprefix("CHARGEMON_") for name in line.fields))
    rows = ["| event | level | MESSAGE_ID | fields |", "| --- | --- | --- | --- |"]
    for event, (levels, fields) in sorted(found.items()):
        named = ", ".join(f"`{name}`" for name in fields)
        rows.append(f"| `{event}` | {', '.join(sorted(levels))} | `{message_id(event)}` | {named} |")
    return "\n".join(rows)


def written(document: str) -> str:
    """*document* with the table as it should be; the section is its last one."""
    head, heading, rest = document.partition(f"{HEADING}\n")
    assert heading, f"{DOCUMENT} has no section {HEADING!r}"
    words = rest.partition("| event |")[0]
    return f"{head}{heading}{words}{table()}\n"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
