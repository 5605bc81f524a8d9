"""What goes with the libraries: the bill of materials (CycloneDX 1.5) and every licence.

Both are read from what is really staged, not from the lock, so that they cannot name anything else.
"""

from __future__ import annotations

import email.message
import email.parser
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_LICENCE_FILES = re.compile(r"(licen[cs]e|copying|notice|epl-|edl-)", re.IGNORECASE)
_OPENSSL = re.compile(rb"OpenSSL (\d+\.\d+\.\d+) \d{1,2} [A-Z][a-z]{2} \d{4}")


def metadata(site_packages: Path) -> Iterator[tuple[Path, email.message.Message]]:
    """Each installed library's folder of metadata, and what its METADATA says; in the order of names."""
    for folder in sorted(site_packages.glob("*.dist-info"), key=lambda path: path.name.lower()):
        yield folder, email.parser.Parser().parsestr((folder / "METADATA").read_text(encoding="utf-8"))


def bill_of_materials(site_packages: Path, version: str) -> str:
    """CycloneDX 1.5 in JSON: the daemon, each library, and the OpenSSL that cryptography carries inside."""
    components = [_component(about) for _, about in metadata(site_packages)]
    components += _openssl(site_packages)
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "chargemon-edge",
                "name": "chargemon-edge",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": "chargemon-edge", "dependsOn": [one["bom-ref"] for one in components]}],
    }
    return json.dumps(bill, indent=2, sort_keys=True) + "\n"


def _component(about: email.message.Message) -> dict[str, Any]:
    name, version = str(about["Name"]).lower().replace("_", "-"), str(about["Version"])
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "licenses": [{"license": {"name": _licence_name(about)}}],
    }


def _openssl(site_packages: Path) -> list[dict[str, Any]]:
    libraries = sorted((site_packages / "cryptography").rglob("*.so"))
    versions = {found[1].decode() for library in libraries if (found := _OPENSSL.search(library.read_bytes()))}
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:generic/openssl@{version}",
            "name": "openssl",
            "version": version,
            "purl": f"pkg:generic/openssl@{version}",
            "description": "linked into cryptography",
            "licenses": [{"license": {"id": "Apache-2.0"}}],
        }
        for version in sorted(versions)
    ]


def _licence_name(about: email.message.Message) -> str:
    expression = about["License-Expression"]
    if expression:
        return str(expression)
    classifiers = [str(one).split(" :: ")[-1] for one in about.get_all("Classifier", []) if "License ::" in str(one)]
    written = str(about["License"] or "").splitlines()
    return ", ".join(classifiers) or (written[0] if written else "see its licence file")


def collect_licences(site_packages: Path, folder: Path) -> None:
    """Every library's licence files, by its name; METADATA where it ships none, since that is all its authors say."""
    for place, about in metadata(site_packages):
        found = [path for path in sorted(place.rglob("*")) if path.is_file() and _LICENCE_FILES.search(path.name)]
        destination = folder / str(about["Name"]).lower()
        destination.mkdir(parents=True)
        for path in found or [place / "METADATA"]:
            name = "-".join(path.relative_to(place).parts).removeprefix("licenses-")
            shutil.copyfile(path, destination / name)
            (destination / name).chmod(0o644)
