"""The table of endpoints as docs/api.md shows it. Run as a module, writes it there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from chargemon_edge.control.records import Paging
from chargemon_edge.web.endpoints import Endpoint
from chargemon_edge.web.openapi import parameters_of
from chargemon_edge.web.resources.live import Live
from chargemon_edge.web.table import Rooms, table

DOCUMENT = Path(__file__).parents[3] / "docs" / "api.md"
_SECTION = re.compile(r"(?s)(<!-- endpoints: python -m tests\.unit\.web\.route_table -->\n).*?(<!-- end -->)")


class _Unbound:
    """Stands for every room: nothing is asked of it while the table is only read."""

    def __getattr__(self, name: str) -> Any:
        return self


def endpoints() -> tuple[Endpoint[Any, Any], ...]:
    """The whole table, bound to nothing."""
    nothing: Any = _Unbound()
    return table(Live(nothing, nothing), Rooms(**dict.fromkeys(Rooms.__struct_fields__, nothing)))


def section() -> str:
    """The lines between the marks."""
    head = "| endpoint | role | |\n| --- | --- | --- |\n"
    return head + "".join(f"{_row(endpoint)}\n" for endpoint in endpoints())


def _row(endpoint: Endpoint[Any, Any]) -> str:
    role = endpoint.role.value + ("; none on this machine" if endpoint.open_on_loopback else "")
    query = [one["name"] for one in parameters_of(endpoint) if one["in"] == "query"]
    filters = [name for name in query if name not in Paging.__struct_fields__]
    notes = [endpoint.summary]
    notes += [f"filters: {', '.join(f'`{name}`' for name in filters)}"] if filters else []
    notes += ["paged"] if len(filters) < len(query) else []
    return f"| `{endpoint.method} {endpoint.path}` | {role} | {'; '.join(notes)} |"


def with_section(document: str) -> str:
    """*document* with the section made anew; it must have one."""
    made, times = _SECTION.subn(lambda found: found[1] + section() + found[2], document)
    assert times == 1
    return made


if __name__ == "__main__":
    DOCUMENT.write_text(with_section(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
