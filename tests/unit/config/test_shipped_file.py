"""etc/chargemon-edge/config.toml: every setting present, commented, at its default."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from chargemon_edge.balancing.policy import Policy
from chargemon_edge.config import load, tables
from chargemon_edge.csms.settings import CsmsSettings
from chargemon_edge.meters.settings import MeterSettings
from chargemon_edge.store.settings import StoreSettings
from chargemon_edge.upstream.settings import UpstreamSettings
from chargemon_edge.web.settings import WebSettings

SHIPPED = Path(__file__).parents[3] / "etc/chargemon-edge/config.toml"
TABLES: dict[str, type[msgspec.Struct]] = {
    "site": tables.SiteTable,
    "authorisation": tables.AuthorisationTable,
    "chargers": CsmsSettings,
    "page": WebSettings,
    "store": StoreSettings,
    "balancing": Policy,
    "log": tables.LogTable,
    "circuit": tables.CircuitTable,
    "charge_point": tables.ChargePointTable,
    "connector": tables.ConnectorTable,
    "meter": MeterSettings,
    "id_tag": tables.IdTagTable,
    "upstream": UpstreamSettings,
}
# settings that are written elsewhere: as tables of their own, or in the examples of docs/meters.md
ELSEWHERE = {("chargers", "charge_points"), ("charge_point", "connector"), ("meter", "map")}


def uncommented() -> dict[str, Any]:
    """The file with every example switched on; the example circuit is the main fuse."""
    setting = re.compile(r"^(?:# ?)+(\[.*\]|[a-z_0-9]+ = .*)$")
    lines = [setting.sub(r"\1", line) for line in SHIPPED.read_text(encoding="utf-8").splitlines()]
    return tomllib.loads("\n".join(line for line in lines if line != 'parent = "main"'))


def shipped_table(name: str) -> dict[str, Any]:
    document = uncommented()
    if name == "connector":
        return dict(document["charge_point"][0]["connector"][0])
    table = document[name]
    shown = dict(table[0] if isinstance(table, list) else table)
    shown.pop("connector", None)
    return shown


def test_file_as_shipped_changes_nothing() -> None:
    settings = load(SHIPPED.read_text(encoding="utf-8"), SHIPPED.parent)

    assert settings == load("", SHIPPED.parent)


@pytest.mark.parametrize("name", TABLES)
def test_every_setting_is_shown_and_none_is_invented(name: str) -> None:
    known = {field.encode_name for field in msgspec.structs.fields(TABLES[name])}
    expected = known - {key for table, key in ELSEWHERE if table == name}
    if name == "circuit":
        expected -= {"parent"}

    assert set(shipped_table(name)) == expected


@pytest.mark.parametrize("name", TABLES)
def test_every_setting_is_shown_at_its_default(name: str) -> None:
    shown = shipped_table(name)
    for field in msgspec.structs.fields(TABLES[name]):
        if field.encode_name in shown and field.default not in (msgspec.NODEFAULT, None):
            if isinstance(field.default, msgspec.Struct):
                # a table of its own, whose settings have no defaults
                continue
            value = msgspec.convert(shown[field.encode_name], field.type)
            assert value == field.default, f"{name}.{field.encode_name}"


def test_file_with_every_example_switched_on_is_good(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    for name in ("CP-GARAGE-1", "broker.password", "broker-ca.pem", "broker-client.pem", "broker-client.key"):
        (tmp_path / "credentials" / name).write_text("a secret of sixteen")
    setting = re.compile(r"^(?:# ?)+(\[.*\]|[a-z_0-9]+ = .*)$")
    lines = [setting.sub(r"\1", line) for line in SHIPPED.read_text(encoding="utf-8").splitlines()]

    settings = load("\n".join(line for line in lines if line != 'parent = "main"'), tmp_path)

    assert settings.site.root.fuse_ma.l1 == 63_000
    assert settings.meters[0].circuit == "main"
