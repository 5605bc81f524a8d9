"""The bill of materials and the licences say what is really there."""

import json
from pathlib import Path

from release import papers


def _library(site_packages: Path, name: str, version: str, *lines: str, licence: str | None = None) -> None:
    folder = site_packages / f"{name}-{version}.dist-info"
    (folder / "licenses").mkdir(parents=True)
    (folder / "METADATA").write_text("\n".join([f"Name: {name}", f"Version: {version}", *lines, "", "words"]))
    if licence is not None:
        (folder / "licenses" / "LICENSE").write_text(licence)


def test_bill_lists_every_library_with_its_licence(tmp_path: Path) -> None:
    _library(tmp_path, "Two_Words", "1.2", "License-Expression: MIT")
    _library(tmp_path, "other", "3", "Classifier: License :: OSI Approved :: BSD License", "License: ignored")
    _library(tmp_path, "old", "0.1", "License: Apache 2")

    bill = json.loads(papers.bill_of_materials(tmp_path, "9.9"))

    assert bill["metadata"]["component"]["version"] == "9.9"
    assert [(one["purl"], one["licenses"][0]["license"]["name"]) for one in bill["components"]] == [
        ("pkg:pypi/old@0.1", "Apache 2"),
        ("pkg:pypi/other@3", "BSD License"),
        ("pkg:pypi/two-words@1.2", "MIT"),
    ]


def test_bill_names_the_openssl_inside_cryptography(tmp_path: Path) -> None:
    (tmp_path / "cryptography").mkdir()
    (tmp_path / "cryptography" / "_rust.abi3.so").write_bytes(b"\0\0OpenSSL 3.5.4 30 Sep 2025\0")

    bill = json.loads(papers.bill_of_materials(tmp_path, "1"))

    assert [one["bom-ref"] for one in bill["components"]] == ["pkg:generic/openssl@3.5.4"]


def test_every_library_has_a_licence_file(tmp_path: Path) -> None:
    site_packages = tmp_path / "lib"
    _library(site_packages, "one", "1", licence="do what you like")
    _library(site_packages, "none", "2", "License: MIT")

    papers.collect_licences(site_packages, tmp_path / "licences")

    assert (tmp_path / "licences/one/LICENSE").read_text() == "do what you like"
    assert "License: MIT" in (tmp_path / "licences/none/METADATA").read_text()
