"""Ranges, coverage, bandwidth, names and protocols: arithmetic and words, without a file or a socket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chargemon_edge.firmware.bandwidth import PIECE_MAX, PIECE_MIN, Bandwidth, Pace
from chargemon_edge.firmware.coverage import Coverage
from chargemon_edge.firmware.names import absolute, concerns_files, harmless, target_of
from chargemon_edge.firmware.ranges import span
from chargemon_edge.firmware.settings import FilesSettings, mistakes
from chargemon_edge.site.file_protocol import choices

TOKEN = "AbC_-" + "x" * 27


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, (0, 100, False)),
        ("bytes=0-", (0, 100, True)),
        ("bytes=10-19", (10, 20, True)),
        ("BYTES = 10 - 19", (10, 20, True)),
        ("bytes=90-1000", (90, 100, True)),
        ("bytes=-10", (90, 100, True)),
        ("bytes=-1000", (0, 100, True)),
        ("bytes=-0", None),
        ("bytes=100-", None),
        ("bytes=99-", (99, 100, True)),
        # not understood: the whole file
        ("bytes=20-10", (0, 100, False)),
        ("bytes=0-1,5-6", (0, 100, False)),
        ("bytes=-", (0, 100, False)),
        ("lines=1-2", (0, 100, False)),
        ("bytes=٣-", (0, 100, False)),
        ("bytes=" + "9" * 30 + "-", (0, 100, False)),
    ],
)
def test_a_range_is_what_the_specification_says(header: str | None, expected: tuple[int, int, bool] | None) -> None:
    assert span(header, 100) == expected


@given(st.text(max_size=30), st.integers(1, 1_000))
def test_whatever_is_asked_lies_within_the_file(text: str, size: int) -> None:
    found = span(f"bytes={text}", size)

    assert found is None or 0 <= found.first < found.end <= size


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.booleans()), max_size=12))
def test_coverage_is_whole_when_every_byte_is_known_to_be_there(requests: list[tuple[int, int, bool]]) -> None:
    coverage, got, sent = Coverage(50), set[int](), set[int]()
    for first, end, whole in requests:
        if not whole:
            coverage.broke_off(first, end)
            sent |= set(range(first, end))
            continue
        coverage.arrived(first, end)
        got |= set(range(first, end))
        if end == 50:
            got |= {byte for byte in sent if byte < first}

        assert coverage.whole is (got >= set(range(50)))


def test_what_was_fetched_before_a_restart_counts_for_who_goes_on() -> None:
    coverage = Coverage(100, begun_before=True)
    coverage.arrived(10, 20)
    assert not coverage.whole
    coverage.arrived(60, 100)
    assert coverage.whole


def test_everybody_gets_a_turn_and_all_together_keep_to_the_rate() -> None:
    line = Bandwidth(1000)
    now_s, moved = 0.0, 0
    for _ in range(100):
        now_s += line.take(100, now_s)
        moved += 100

    assert moved / now_s == pytest.approx(1000, rel=0.05)
    # a pause saves nothing up
    assert line.take(100, now_s + 60) == 0.0
    assert line.take(100, now_s + 60) == pytest.approx(0.05)
    assert Bandwidth(None).take(10**12, 0.0) == 0.0


def test_pieces_grow_while_they_go_quickly_and_shrink_when_they_hold_others() -> None:
    pace = Pace(PIECE_MAX)
    for _ in range(10):
        pace.took(0.001)
    assert pace.piece_bytes == PIECE_MAX
    pace.took(0.02)
    assert pace.piece_bytes == PIECE_MAX
    for _ in range(10):
        pace.took(1.0)
    assert pace.piece_bytes == PIECE_MIN
    # no piece holds a narrow line for longer than a moment
    assert Bandwidth(2_000_000).piece_max == 100_000
    assert Bandwidth(1000).piece_max == PIECE_MIN
    assert Bandwidth(None).piece_max == PIECE_MAX


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"/firmware/{TOKEN}/image.bin", "image.bin"),
        (f"/firmware/{TOKEN}", ""),
        (f"/firmware/{TOKEN}/a/b%20c?x=1", "b c"),
        (f"/uploads/{TOKEN}/", ""),
    ],
)
def test_our_addresses_are_understood(path: str, name: str) -> None:
    target = target_of(path)

    assert target is not None
    assert (target.token, target.name) == (TOKEN, name)
    assert concerns_files(path)


@pytest.mark.parametrize(
    "path",
    [
        "/firmware/",
        f"/firmware/{TOKEN}x/image.bin",
        f"/firmware/{TOKEN[:-1]}/image.bin",
        f"/firmware/../{TOKEN}/x",
        f"//firmware/{TOKEN}/x",
        f"/firmware/{TOKEN[:-1]}%41/x",
        f"/x/firmware/{TOKEN}/x",
        f"http://box/firmware/{TOKEN}/x",
    ],
)
def test_anything_else_is_not(path: str) -> None:
    assert target_of(path) is None


@given(st.text(max_size=300))
def test_a_harmless_name_is_one_plain_word(name: str) -> None:
    plain = harmless(name, "otherwise")

    assert 0 < len(plain) <= 80
    assert plain.isascii()
    assert not set(plain) & set("/\\ \"'<>|&;$%=\r\n\t\0")
    assert not plain.startswith((".", "-"))


def test_a_long_name_keeps_its_ending() -> None:
    assert harmless("x" * 300 + ".tar.gz", "y").endswith("x.gz")
    assert harmless("...", "diagnostics-1") == "diagnostics-1"


@given(st.lists(st.sampled_from(["..", ".", "a", "", "b"]), max_size=10), st.booleans())
def test_nothing_lies_above_the_root(parts: list[str], from_root: bool) -> None:
    path = absolute("/a", ("/" if from_root else "") + "/".join(parts))

    assert path.startswith("/")
    assert ".." not in path.split("/")
    assert "//" not in path


def test_what_is_known_of_the_model_goes_before_what_the_charger_says() -> None:
    served = {"HTTP", "HTTPS", "FTP"}
    assert choices(served, quirk=("FTPS", "FTP"), key="HTTP", secure=True) == ("FTP",)  # type: ignore[arg-type]  # a set of the four
    assert choices(served, quirk=None, key=None, secure=False) == ("HTTP", "HTTPS", "FTP")  # type: ignore[arg-type]  # likewise
    assert choices(served, quirk=None, key=" ", secure=True) == ("HTTPS", "HTTP", "FTP")  # type: ignore[arg-type]  # likewise
    assert choices(served, quirk=None, key="SFTP", secure=True) == ()  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (FilesSettings(image_max_mb=3000), "image_max_mb"),
        (FilesSettings(upload_max_mb=2000), "upload_max_mb"),
        (FilesSettings(ftps_port=990), "tls_port"),
        (FilesSettings(ftp_passive_ports=(50_100, 50_000)), "ftp_passive_ports"),
        (FilesSettings(ftp_passive_ports=(21, 50_000)), "ftp_passive_ports"),
        (FilesSettings(address="http://box/"), "neither a host name"),
    ],
)
def test_settings_that_cannot_work_are_said(settings: FilesSettings, says: str) -> None:
    (mistake,) = mistakes(settings, tls=False)

    assert says in mistake


def test_settings_that_work_are_not() -> None:
    sound = FilesSettings(address="box.local", ftp_port=2121, ftps_port=2990)
    assert list(mistakes(sound, tls=True)) == []
    assert list(mistakes(FilesSettings(address="2001:db8::1"), tls=False)) == []
