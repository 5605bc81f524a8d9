"""docs/api.md names every route, member, state and alarm that there is, so that neither runs away from the other."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import msgspec
import pytest

from chargemon_edge.control import records
from chargemon_edge.web import alarms, resources, shapes, states
from tests.unit.web.route_table import with_section

DOCUMENT = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
RESOURCES = [
    importlib.import_module(f"{resources.__name__}.{one.name}") for one in pkgutil.iter_modules(resources.__path__)
]
SHAPES = [
    shape
    for module in (shapes, records, *RESOURCES)
    for _name, shape in inspect.getmembers(module, inspect.isclass)
    if issubclass(shape, msgspec.Struct) and shape.__module__ == module.__name__
]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_every_member_is_documented(shape: type[msgspec.Struct]) -> None:
    # what is written as OCPP writes it, OCPP's specification explains
    ours = [name for name in shape.__struct_fields__ if name in shape.__struct_encode_fields__ or "_" not in name]
    missing = [name for name in ours if not re.search(rf"[`\"]{name}[`\"]", DOCUMENT)]

    assert missing == []


def test_every_endpoint_is_documented_as_it_is() -> None:
    assert with_section(DOCUMENT) == DOCUMENT, "try: python -m tests.unit.web.route_table"


def test_every_alarm_is_documented_with_its_severity() -> None:
    source = inspect.getsource(alarms)
    raised = re.findall(r'code="(\w+)",\s+severity=Severity\.(\w+)', source)

    assert len(raised) == source.count("AlarmView(")
    assert [(code, severity) for code, severity in raised if f"| `{code}` | {severity.lower()} |" not in DOCUMENT] == []


def test_every_state_is_documented() -> None:
    codes = [
        state.code
        for state in [*states._STATES.values(), states.OFFLINE, states.UNKNOWN, states.WAITING, states.UPDATING]
    ]

    assert [code for code in codes if f"`{code}`" not in DOCUMENT] == []
