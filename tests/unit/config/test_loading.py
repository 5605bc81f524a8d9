"""The configuration says every mistake at once, each with its key and what to do."""

from pathlib import Path

import pytest

from chargemon_edge.config import ConfigError, load, load_file
from chargemon_edge.site.units import PerPhase, Rotation

GOOD = """
[site]
name = "Yard"
[[circuit]]
name = "main"
fuse_a = 63
background_a = [10, 10.5, 11]
[[circuit]]
name = "garage"
parent = "main"
fuse_a = [32, 32, 25]
[[charge_point]]
identity = "CP1"
allow_without_password = true
[[charge_point.connector]]
number = 1
circuit = "garage"
phases = 1
rotation = "L2L3L1"
fallback_a = 0
[[meter]]
name = "grid"
circuit = "main"
host = "127.0.0.1"
model = "eastron-sdm630"
[[id_tag]]
id_tag = "A"
expires = 2031-01-01T00:00:00Z
"""


def mistakes(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(text, folder)
    return caught.value.mistakes


def test_good_file_becomes_the_site_in_milliamperes() -> None:
    settings = load(GOOD, Path())

    site = settings.site
    assert site.circuit_by_name["garage"].fuse_ma == PerPhase(32_000, 32_000, 25_000)
    assert site.root.background_ma == PerPhase(10_000, 10_500, 11_000)
    connector = site.charge_points[0].connectors[0]
    assert connector.conductors == (True, False, False)
    assert connector.rotation is Rotation.L2L3L1
    assert connector.fallback_ma == 0
    assert settings.authorisation.id_tags[0].expiry_utc_ms == 1_924_992_000_000


def test_empty_file_is_a_site_with_nothing_in_it() -> None:
    assert load("", Path()).site.charge_points == ()


def test_five_mistakes_are_said_in_five_lines() -> None:
    wrong = GOOD.replace("fuse_a = 63", 'fuse_a = "63"').replace("number = 1", "nummer = 1")
    wrong = wrong.replace('rotation = "L2L3L1"', 'rotation = "L1L1L1"').replace("phases = 1", "phases = 4")
    wrong += "[store]\nsamples_flush_s = true\n"

    said = mistakes(wrong)

    assert len(said) == 6  # the misspelt number is an unknown setting and a missing one
    text = "\n".join(said)
    assert "circuit[1].fuse_a" in text
    assert "charge_point[1].connector[1].nummer: unknown setting; did you mean 'number'?" in text
    assert "charge_point[1].connector[1].number: missing" in text
    assert "charge_point[1].connector[1].rotation" in text
    assert "charge_point[1].connector[1].phases" in text
    assert "store.samples_flush_s" in text


def test_wiring_mistakes_are_said_together_too() -> None:
    wrong = GOOD.replace('circuit = "garage"', 'circuit = "cellar"').replace('parent = "main"', 'parent = "attic"')
    wrong = wrong.replace('circuit = "main"\nhost', 'circuit = "roof"\nhost')

    said = "\n".join(mistakes(wrong))

    assert "'attic'" in said
    assert "'cellar'" in said
    assert "'roof'" in said


def test_circuits_that_hang_on_each_other_are_refused() -> None:
    wrong = GOOD.replace('name = "main"\nfuse_a', 'name = "main"\nparent = "garage"\nfuse_a')

    said = "\n".join(mistakes(wrong))

    assert "hangs on itself" in said


@pytest.mark.demand("S9")
def test_charge_point_without_password_needs_an_opt_in() -> None:
    (said,) = mistakes(GOOD.replace("allow_without_password = true", ""))

    assert "CP1" in said
    assert "password_file" in said


def test_password_file_must_be_there_and_hold_something(tmp_path: Path) -> None:
    text = GOOD.replace("allow_without_password = true", 'password_file = "secret"')
    assert "cannot be read" in mistakes(text, tmp_path)[0]

    (tmp_path / "secret").write_text("\n")

    assert "is empty" in mistakes(text, tmp_path)[0]


def test_settings_of_a_meter_are_checked() -> None:
    said = "\n".join(mistakes(GOOD.replace('model = "eastron-sdm630"', 'model = "abacus"')))

    assert "grid" in said
    assert "abacus" in said


def test_ports_of_files_must_be_their_own_and_have_certificates() -> None:
    wrong = "[files]\nftp_port = 8887\nftps_port = 8180\n"
    with pytest.raises(ConfigError) as caught:
        load(GOOD + wrong, Path())

    assert sorted(caught.value.mistakes) == [
        "files.ftp_port and chargers.port are both 8887",
        "files.ftps_port and page.port are both 8180",
        "files: ftps_port needs certificates: set chargers.tls_port as well",
    ]


def test_broken_toml_names_the_line() -> None:
    (said,) = mistakes('[site]\nname = "unclosed\n')

    assert "line 2" in said
    assert "unclosed" in said


def test_file_that_is_not_there_is_one_clear_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_file(tmp_path / "none.toml")


def test_file_that_is_not_text_is_one_clear_mistake(tmp_path: Path) -> None:
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="not UTF-8"):
        load_file(tmp_path / "binary.toml")
