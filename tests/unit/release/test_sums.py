"""Checksums beside the packages; a signature never outlives what it was made for."""

from pathlib import Path

import pytest

from release import sums


def test_every_package_is_summed_up_as_sha256sum_reads_it(tmp_path: Path) -> None:
    (tmp_path / "b.deb").write_bytes(b"")
    (tmp_path / "a.deb").write_bytes(b"abc")
    (tmp_path / "other").write_bytes(b"")

    assert sums.write(tmp_path).read_text() == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.deb\n"
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  b.deb\n"
    )


def test_a_signature_of_other_checksums_goes(tmp_path: Path) -> None:
    (tmp_path / sums.SIGNATURE).write_bytes(b"")

    sums.write(tmp_path)

    assert not (tmp_path / sums.SIGNATURE).exists()


def test_without_the_key_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GNUPGHOME", str(tmp_path))

    with pytest.raises(sums.SigningError, match="did not sign"):
        sums.sign(sums.write(tmp_path), "nobody")
