"""The catalogue of charger models as docs/quirks.md shows it. Run as a module, writes it there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from chargemon_edge.config.charger_models import catalogue
from chargemon_edge.site.charger_model import QUIRKS, Entry

DOCUMENT = Path(__file__).parents[3] / "docs" / "quirks.md"
_SECTION = re.compile(r"(?s)(<!-- models: python -m tests\.unit\.config\.model_table -->\n).*?(<!-- end -->)")


def section() -> str:
    """The lines between the marks."""
    head = "| model | what it does | what we do | source |\n| --- | --- | --- | --- |\n"
    return head + "".join(f"{_row(entry)}\n" for entry in catalogue())


def _row(entry: Entry) -> str:
    meant = f"`{entry.identifier}`: {entry.name}" + (f", firmware {entry.firmware}" if entry.firmware else "")
    stated = [(quirk, getattr(entry.quirks, quirk)) for quirk in QUIRKS]
    done = [f"`{quirk}` {_value(value)}" for quirk, value in stated if value is not None]
    done += [entry.general] if entry.general else []
    return f"| {meant} | {entry.about} | {'; '.join(done)} | {', '.join(entry.source)} |"


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}={text}" for key, text in value.items())
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def with_section(document: str) -> str:
    """*document* with the section made anew; it must have one."""
    made, times = _SECTION.subn(lambda found: found[1] + section() + found[2], document)
    assert times == 1
    return made


if __name__ == "__main__":
    DOCUMENT.write_text(with_section(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
