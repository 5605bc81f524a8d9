"""The shipped file and the site's own files count as one; a mistake is found in the file it was made in."""

from pathlib import Path

import pytest

from chargemon_edge.config import ConfigError, load, load_file

SHIPPED = "[site]\n[page]\nport = 8180\nstreams_max = 5\n"
SITE = """
[site]
name = "Yard"
[page]
port = 8181
[[circuit]]
name = "main"
fuse_a = 63
[[charge_point]]
identity = "CP1"
password_file = "credentials/CP1"
[[charge_point.connector]]
number = 1
circuit = "main"
fallback_a = 0
"""
OUTLET = '[[charge_point.connector]]\nnumber = {number}\ncircuit = "main"\nfallback_a = 0\n'
MORE = """
[page]
allowed_hosts = ["box"]
[[charge_point]]
identity = "CP2"
allow_without_password = true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "CP1").write_text("a secret of sixteen")
    (tmp_path / "config.toml").write_text(SHIPPED)
    return tmp_path


def _mistakes(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_file(folder / "config.toml")
    return caught.value.mistakes


def test_without_a_folder_the_file_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(SHIPPED)

    assert load_file(tmp_path / "config.toml") == load(SHIPPED, tmp_path)


def test_settings_of_later_files_count_and_lists_add_up(folder: Path) -> None:
    (folder / "conf.d" / "10-site.toml").write_text(SITE)
    (folder / "conf.d" / "20-more.toml").write_text(MORE + OUTLET.format(number=1))

    settings = load_file(folder / "config.toml")

    assert (settings.page.port, settings.page.streams_max, settings.page.allowed_hosts) == (8181, 5, ("box",))
    assert [one.identity for one in settings.site.charge_points] == ["CP1", "CP2"]
    assert settings.chargers.charge_points[0].password_file == folder / "credentials" / "CP1"


def test_what_dpkg_and_editors_leave_behind_is_not_read(folder: Path) -> None:
    for name in ("site.toml.dpkg-dist", "site.toml~", ".site.toml.swp"):
        (folder / "conf.d" / name).write_text("this is no TOML")

    assert load_file(folder / "config.toml").site.name == "site"


def test_a_mistake_names_its_file_and_counts_as_that_file_does(folder: Path) -> None:
    (folder / "conf.d" / "10-site.toml").write_text(SITE)
    (folder / "conf.d" / "20-more.toml").write_text(
        '[page]\nport = "80"\n[stoer]\n[[charge_point]]\nidentity = 7\n[[charge_point]]\n'
    )

    wrong = _mistakes(folder)

    assert [line.partition(" ")[0] + " " + line.split(" ")[1] for line in wrong] == [
        "conf.d/20-more.toml: stoer:",
        "conf.d/20-more.toml: charge_point[1].identity:",
        "conf.d/20-more.toml: charge_point[2].identity:",
        "conf.d/20-more.toml: page.port:",
    ]


def test_a_mistake_inside_an_entry_is_located(folder: Path) -> None:
    (folder / "conf.d" / "10-site.toml").write_text(SITE)
    (folder / "conf.d" / "20-more.toml").write_text(
        MORE + '[[charge_point.connector]]\nnumber = "1"\ncircuit = "main"\n'
    )

    (line,) = _mistakes(folder)

    assert line.startswith("conf.d/20-more.toml: charge_point[1].connector[1].number: ")


def test_every_file_that_is_no_use_is_named(folder: Path) -> None:
    (folder / "conf.d" / "a.toml").write_text("[page\n")
    (folder / "conf.d" / "b.toml").write_bytes(b"\xff")

    unreadable, no_toml = _mistakes(folder)

    assert "b.toml: is not UTF-8 text" in unreadable
    assert "conf.d/a.toml: not valid TOML" in no_toml
    assert "the line reads '[page'" in no_toml


def test_under_systemd_passwords_are_read_from_what_it_hands_over(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "conf.d" / "site.toml").write_text(SITE)
    (folder / "credentials" / "CP1").unlink()
    handed_over = tmp_path / "handed-over"
    handed_over.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed_over))

    assert "systemctl restart" in _mistakes(folder)[0]

    (handed_over / "credentials_CP1").write_text("a secret of sixteen")
    settings = load_file(folder / "config.toml")

    assert settings.chargers.charge_points[0].password_file == handed_over / "credentials_CP1"
