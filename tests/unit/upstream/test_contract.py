"""The contract that is shipped is the one that the types make, and says what it should."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from chargemon_edge.upstream import contract
from chargemon_edge.upstream.contract import CHANNELS
from tests.unit.upstream.contract import complaints

DOCUMENT = Path(__file__).parents[3] / "docs" / "mqtt.md"


def test_the_shipped_files_are_up_to_date() -> None:
    folder = files("chargemon_edge.upstream").joinpath("contract")
    shipped = {entry.name: entry.read_bytes() for entry in folder.iterdir()}

    assert shipped == contract.written(), "try: make contract"


@pytest.mark.parametrize("name", contract.schemas())
def test_each_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(contract.schemas()[name])


def test_every_reference_of_the_document_leads_somewhere() -> None:
    document = contract.document()
    text = json.dumps(document)

    for reference in set(re.findall(r'"\$ref": "#/([^"]+)"', text)):
        found = document
        for part in reference.split("/"):
            found = found[part]
    assert document["asyncapi"] == "3.0.0"
    assert len(document["channels"]) == len(document["operations"]) == len(CHANNELS)


def test_a_message_that_breaks_the_contract_is_found() -> None:
    good = {"v": 1, "ep": 1, "s": 1, "ts": "2026-05-01T12:30:00.250Z", "k": "cert.taken", "cp": "A"}

    assert complaints("cm/v1/hof/ev", json.dumps({**good, "d": {"serial": "a1"}}).encode()) == []
    for wrong, why in (
        ({"d": {}}, "'serial' is a required property"),
        ({"d": {"serial": "a1"}, "x": 1}, "Additional properties are not allowed ('x' was unexpected)"),
        ({"d": {"serial": "a1", "x": 1}}, "Additional properties are not allowed ('x' was unexpected)"),
    ):
        assert complaints("cm/v1/hof/ev", json.dumps({**good, **wrong}).encode()) == [f"Event: {why}"]
    assert complaints("cm/v1/hof/somewhere", b"{}") == ["there is no topic cm/v1/hof/somewhere"]
    assert complaints("cm/v1/hof/cp/A", b"") == []
    assert complaints("cm/v1/hof/ev", json.dumps({**good, "k": "cert.take", "d": {}}).encode()) != []


def test_the_tables_for_people_are_up_to_date() -> None:
    document = DOCUMENT.read_text()

    assert contract.filled_in(document) == document, "try: make contract"
