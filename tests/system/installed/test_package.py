"""What is in the package, seen from outside: complete, honest about itself, the same for both architectures."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from release import papers
from release.build import version
from release.target import Target
from tests.system.installed.packages import RELEASE

TARGET = Target(RELEASE, "amd64")
PAGE_64K = 0x10000


@pytest.fixture(scope="module", params=["amd64", "arm64"])
def package(request: pytest.FixtureRequest) -> Path:
    """The package of each architecture."""
    made: Path = request.getfixturevalue(request.param)
    return made


@pytest.fixture(scope="module")
def tree(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its files."""
    folder = tmp_path_factory.mktemp("tree")
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
    return folder


def _listed(package: Path) -> list[tuple[str, str, str]]:
    """(mode, owner, path) of everything in the package."""
    listing = subprocess.run(["dpkg-deb", "-c", str(package)], capture_output=True, text=True, check=True).stdout
    return [(fields[0], fields[1], fields[5]) for line in listing.splitlines() if (fields := line.split(maxsplit=5))]


def test_name_says_version_release_and_architecture(package: Path) -> None:
    fields = ("Version", "Architecture", "Depends")
    said = subprocess.run(["dpkg-deb", "-f", str(package), *fields], capture_output=True, text=True, check=True).stdout
    about = dict(line.split(": ", 1) for line in said.splitlines())

    assert about["Version"] == f"{version()}~{TARGET.suffix}"
    assert package.name == f"chargemon-edge_{about['Version']}_{about['Architecture']}.deb"
    assert f"python{TARGET.python}," in about["Depends"]


# a quarter of a minute on a quiet machine
@pytest.mark.timeout(600)
def test_lintian_finds_nothing_that_has_no_reason(package: Path) -> None:
    done = subprocess.run(
        ["lintian", "--allow-root", "--fail-on", "error,warning", "--display-info", str(package)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "-override" not in done.stdout, "a reason for something that is not found (any more)"


def test_everything_is_roots_and_only_the_passwords_folder_is_closed(package: Path) -> None:
    listed = _listed(package)

    assert {owner for _, owner, _ in listed} == {"root/root"}
    assert [path for mode, _, path in listed if mode == "drwx------"] == ["./etc/chargemon-edge/credentials/"]
    assert [path for mode, _, path in listed if mode.startswith("-") and "x" in mode] == ["./usr/bin/chargemon-edge"]
    others = {mode for mode, _, path in listed if "x" not in mode}
    assert others == {"-rw-r--r--"}


def test_every_module_is_compiled_and_nothing_needless_is_shipped(tree: Path) -> None:
    site_packages = tree / TARGET.site_packages
    tag = f"cpython-{TARGET.python.replace('.', '')}"
    modules = list(site_packages.rglob("*.py"))

    assert len(modules) > 500
    missing = [str(path) for path in modules if not (path.parent / "__pycache__" / f"{path.stem}.{tag}.pyc").is_file()]
    assert missing == []
    needless = re.compile(r"/tests/|\.pyx$|\.c$|/RECORD$|/INSTALLER$|/direct_url\.json$|uv_")
    assert [str(path) for path in site_packages.rglob("*") if needless.search(str(path))] == []
    assert (tree / "usr/lib/chargemon-edge/bin/python3").readlink().name == f"python{TARGET.python}"


def test_byte_code_names_the_place_it_is_installed_at(tree: Path) -> None:
    compiled = next((tree / TARGET.site_packages / "chargemon_edge" / "__pycache__").glob("app.*.pyc")).read_bytes()

    assert f"/{TARGET.site_packages}/chargemon_edge/app.py".encode() in compiled
    # unchecked: the source's hash decides nothing at a start
    assert compiled[4:8] == b"\x01\x00\x00\x00"


@pytest.mark.demand("S26")
def test_bill_of_materials_lists_exactly_what_is_there(tree: Path) -> None:
    documents = tree / "usr/share/doc/chargemon-edge"
    bill = json.loads((documents / "sbom.cdx.json").read_text())
    there = {
        (str(about["Name"]).lower().replace("_", "-"), str(about["Version"]))
        for _, about in papers.metadata(tree / TARGET.site_packages)
    }

    listed = {(one["name"], one["version"]) for one in bill["components"]}
    assert {name for name, _ in listed - there} == {"openssl"}
    assert there <= listed
    licensed = {path.name.replace("_", "-") for path in (documents / "licences").iterdir() if any(path.iterdir())}
    assert licensed == {name for name, _ in there}


def test_libraries_run_on_large_pages_and_on_older_systems(tree: Path) -> None:
    """A Raspberry Pi 5 has pages of 16 KiB; Debian 12 has glibc 2.36."""
    libraries = [path for path in tree.rglob("*.so*") if re.search(r"\.so(\.\d+)*$", path.name)]
    assert len(libraries) >= 10
    for path in libraries:
        headers = subprocess.run(["readelf", "-lW", str(path)], capture_output=True, text=True, check=True).stdout
        alignments = {int(line.split()[-1], 16) for line in headers.splitlines() if line.split()[:1] == ["LOAD"]}
        if "AArch64" in _machine(path):
            assert min(alignments) >= PAGE_64K, path.name
        symbols = subprocess.run(["readelf", "-VW", str(path)], capture_output=True, text=True, check=True).stdout
        needed = [tuple(map(int, found.split("."))) for found in re.findall(r"GLIBC_(\d+\.\d+)", symbols)]
        assert max(needed, default=(0,)) <= (2, 28), path.name


def _machine(path: Path) -> str:
    return subprocess.run(["readelf", "-h", str(path)], capture_output=True, text=True, check=True).stdout
