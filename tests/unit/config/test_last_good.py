"""What the daemon starts with when its files have mistakes: what it last ran on, never with a larger fuse."""

from pathlib import Path

import pytest

from chargemon_edge.config import ConfigError, ConfigFiles
from chargemon_edge.control.not_taken import Instead
from chargemon_edge.site.units import PerPhase
from chargemon_edge.store.backup import SETTINGS_FILE

SITE = """
[site]
name = "Yard"
[[circuit]]
name = "main"
fuse_a = 63
max_power_w = 40000
[[circuit]]
name = "north"
parent = "main"
fuse_a = [32, 32, 25]
[[id_tag]]
id_tag = "A"
expires = 2031-01-01T00:00:00Z
"""
CHARGER = """
[[charge_point]]
identity = "{identity}"
password_file = "credentials/{identity}"
[[charge_point.connector]]
number = 1
circuit = "north"
"""
SECRET = "a secret of sixteen"


class Box:
    """A configuration folder and a state folder; each *files* is a new start of the daemon."""

    def __init__(self, place: Path) -> None:
        self.etc, self.state = place / "etc", place / "state"
        for folder in (self.etc / "conf.d", self.etc / "credentials", self.state):
            folder.mkdir(parents=True)
        (self.etc / "config.toml").write_text("# comments only\n")

    @property
    def files(self) -> ConfigFiles:
        return ConfigFiles(self.etc / "config.toml", self.state)

    def write(self, text: str, name: str = "site") -> None:
        (self.etc / "conf.d" / f"{name}.toml").write_text(text)

    def password(self, identity: str) -> Path:
        path = self.etc / "credentials" / identity
        path.write_text(SECRET)
        return path

    def run(self, text: str, now_utc_ms: int = 1_000) -> None:
        """The daemon comes up with *text*."""
        self.write(text)
        files = self.files
        _, wrong = files.begin()
        assert wrong is None
        files.keep(now_utc_ms)


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_good_files_are_what_it_starts_with(box: Box) -> None:
    box.run(SITE)
    box.write(SITE.replace("Yard", "Garden"))

    settings, wrong = box.files.begin()

    assert wrong is None
    assert settings.site.name == "Garden"


def test_with_mistakes_it_starts_with_what_it_last_ran_on(box: Box) -> None:
    for identity in ("CP1", "CP2"):
        box.password(identity)
    box.run(SITE + CHARGER.format(identity="CP1"), now_utc_ms=86_400_000)
    before, _ = box.files.begin()
    box.write('[site]\nname = 7\n[[circuit]]\nfuse_a = "x"\n')

    settings, wrong = box.files.begin()

    assert settings == before
    assert [one.identity for one in settings.chargers.charge_points] == ["CP1"]
    assert wrong is not None
    assert wrong.in_force is Instead.LAST_GOOD
    assert len(wrong.mistakes) == 3
    assert all(line.startswith("conf.d/site.toml: ") for line in wrong.mistakes)
    assert "1970-01-02 00:00 UTC" in wrong.summary


@pytest.mark.parametrize("content", [b"[page\n", b"\xff\xfe", b'[site]\nname = "unclosed\n'])
def test_whatever_the_file_holds_it_starts(box: Box, content: bytes) -> None:
    box.run(SITE)
    (box.etc / "conf.d" / "site.toml").write_bytes(content)

    settings, wrong = box.files.begin()

    assert settings.site.name == "Yard"
    assert wrong is not None
    assert len(wrong.mistakes) == 1


@pytest.mark.parametrize(
    ("stated", "fuse_a"),
    [
        # the electrician put in smaller fuses, and mistyped something else
        ("[32, 63, 80]", (32, 63, 63)),
        ("16", (16, 16, 16)),
        # larger: the copy counts
        ("100", (63, 63, 63)),
        # none that could be believed
        ("0", (63, 63, 63)),
        ("-5", (63, 63, 63)),
        ('"x"', (63, 63, 63)),
        ("nan", (63, 63, 63)),
        ("[1, 2]", (63, 63, 63)),
    ],
)
def test_a_smaller_fuse_counts_even_beside_mistakes(box: Box, stated: str, fuse_a: tuple[int, int, int]) -> None:
    box.run(SITE)
    box.write(SITE.replace("fuse_a = 63", f"fuse_a = {stated}") + "[page]\nprot = 1\n")

    settings, wrong = box.files.begin()

    assert wrong is not None
    assert settings.site.root.fuse_ma == PerPhase(*(1000 * one for one in fuse_a))
    assert settings.site.circuit_by_name["north"].fuse_ma == PerPhase(32_000, 32_000, 25_000)


def test_a_smaller_limit_of_power_counts_too(box: Box) -> None:
    box.run(SITE)
    box.write(SITE.replace("40000", "11000") + "[page]\nprot = 1\n")

    assert box.files.begin()[0].site.root.max_power_w == 11_000


def test_smaller_fuses_count_from_every_file_that_can_be_read(box: Box) -> None:
    box.run(SITE)
    box.write("this is no TOML")
    box.write('[[circuit]]\nname = "main"\nfuse_a = 20\n', name="fuses")

    assert box.files.begin()[0].site.root.fuse_ma == PerPhase(20_000, 20_000, 20_000)


def test_a_password_that_is_gone_shuts_out_its_charge_point_alone(box: Box) -> None:
    gone = box.password("CP1")
    box.password("CP2")
    box.run(SITE + CHARGER.format(identity="CP1") + CHARGER.format(identity="CP2"))
    gone.unlink()

    settings, wrong = box.files.begin()

    assert wrong is not None
    assert wrong.shut_out == ("CP1",)
    assert [one.identity for one in settings.chargers.charge_points] == ["CP2"]
    # its current stays reserved
    assert {one.identity for one in settings.site.charge_points} == {"CP1", "CP2"}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"kept_utc_ms": 1, "files": {"config.toml": "[site]\\nnme=1"}}']
)
def test_without_a_copy_of_use_nobody_may_connect(box: Box, content: bytes) -> None:
    (box.state / SETTINGS_FILE).write_bytes(content)
    box.password("CP1")
    box.write(SITE + CHARGER.format(identity="CP1") + '[page]\nhost = "0.0.0.0"\n[log]\nlevel = "loud"\n')

    settings, wrong = box.files.begin()

    assert wrong is not None
    assert wrong.in_force is Instead.NOTHING
    assert (settings.site.circuits, settings.site.charge_points, settings.chargers.charge_points) == ((), (), ())
    # the page is where it was said to be; what cannot be read has its default
    assert (settings.page.host, settings.log_level) == ("0.0.0.0", "info")


def test_where_nothing_is_kept_mistakes_end_the_start(box: Box) -> None:
    box.write("[site]\nname = 7\n")

    with pytest.raises(ConfigError, match=r"site\.name"):
        ConfigFiles(box.etc / "config.toml", None).begin()


def test_what_is_kept_is_what_was_read_last_and_written_only_when_it_differs(box: Box) -> None:
    box.run(SITE)
    kept = box.state / SETTINGS_FILE
    assert kept.stat().st_mode & 0o777 == 0o600
    before = kept.stat().st_ino

    box.run(SITE, now_utc_ms=2_000)
    assert kept.stat().st_ino == before

    # a reload in a running daemon
    files = box.files
    files.begin()
    box.write(SITE.replace("Yard", "Garden"))
    files.read()
    files.keep(3_000)
    box.write("[")
    settings, wrong = box.files.begin()
    assert wrong is not None
    assert (settings.site.name, wrong.kept_utc_ms) == ("Garden", 3_000)


def test_a_disk_that_does_not_take_the_copy_is_told_of(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    (box.state / "last-good.new").mkdir()

    box.run(SITE)

    assert "could not be kept" in caplog.text
    assert not (box.state / SETTINGS_FILE).exists()
