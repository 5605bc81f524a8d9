"""The catalogue of charger models: sound, documented, and overridden by the site."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from chargemon_edge.config import ConfigError, load
from chargemon_edge.config.charger_models import CatalogueError, catalogue, parse
from chargemon_edge.site.charger_model import QUIRKS, Quirks
from tests.unit.config.model_table import DOCUMENT, with_section

MODELS = Path(__file__).parents[3] / "chargemon_edge" / "config" / "charger_models"


def test_the_catalogue_is_documented_as_it_is() -> None:
    document = DOCUMENT.read_text()

    assert with_section(document) == document, "try: python -m tests.unit.config.model_table"
    assert len(catalogue()) == len(list(MODELS.glob("*.toml")))


def test_every_quirk_is_explained() -> None:
    document = DOCUMENT.read_text()

    assert [quirk for quirk in QUIRKS if f"| `{quirk}` |" not in document] == []


def test_every_quirk_is_read_by_somebody() -> None:
    """A key that nothing consumes would promise what nobody does."""
    package = MODELS.parents[1]
    readers = [path for room in ("control", "csms", "firmware") for path in (package / room).glob("*.py")]
    code = "\n".join(path.read_text() for path in readers)

    assert [quirk for quirk in QUIRKS if not re.search(rf"quirks(\([\w.]+\))?\.{quirk}\b", code)] == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("name = ", "Invalid value"),
        ('name = "x"\nsource = ["a#1"]\nabout = "odd"\nvendor = ["X"]\n[quirks]\nping = false', "unknown field `ping`"),
        ('name = "x"\nsource = ["a#1"]\nabout = "odd"\nvendor = ["X"]', "neither states a quirk"),
    ],
)
def test_a_wrong_entry_is_named_with_its_mistake(text: str, says: str) -> None:
    with pytest.raises(CatalogueError, match=re.escape(says)):
        parse(text, "odd-one")


CHARGE_POINT = """
[[circuit]]
name = "main"
fuse_a = 63
[[charge_point]]
identity = "CP1"
allow_without_password = true
{lines}
[[charge_point.connector]]
number = 1
circuit = "main"
"""


def test_the_site_states_quirks_in_its_own_configuration() -> None:
    lines = """
model = "abb-terra-ac"
start_answer_delay_s = 0.5
configuration = { ConnectionTimeOut = "90" }
[charge_point.quirks]
websocket_ping = false
"""
    says = load(CHARGE_POINT.format(lines=lines), Path()).models["CP1"]

    assert says.model == "abb-terra-ac"
    assert says.quirks == Quirks(
        start_answer_delay_s=0.5, websocket_ping=False, configuration={"ConnectionTimeOut": "90"}
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('model = "trabant"', "model 'trabant' is not in the catalogue"),
        ("[charge_point.quirks]\nwebsocket_pings = true", "did you mean 'websocket_ping'?"),
        ("configuration = { ConnectionTimeOut = 90 }", "Expected `str`"),
    ],
)
def test_a_mistake_in_it_is_explained(lines: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)):
        load(CHARGE_POINT.format(lines=lines), Path())
