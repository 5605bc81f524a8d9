"""Debian's own judge of maintainer scripts: installs, upgrades, removes and purges, and looks for what is left."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from release import debian_mirror, trees
from release.target import RELEASES
from tests.system.installed.packages import as_version


@pytest.mark.parametrize("release", RELEASES)
def test_nothing_is_left_and_an_upgrade_goes_through(
    release: str, shipped: Callable[[str, str], Path], tmp_path: Path
) -> None:
    package = shipped(release, "amd64")
    # what a site may have: the release before, in a repository that piuparts takes it from
    repository = tmp_path / "repository"
    repository.mkdir()
    before = as_version(package, "0.0.9-1", repository)
    listing = subprocess.run(
        ["dpkg-scanpackages", "--multiversion", ".", "/dev/null"],
        cwd=repository,
        capture_output=True,
        text=True,
        check=True,
    )
    (repository / "Packages").write_text(listing.stdout)
    # with systemd and Python there already: what is left then is ours, not theirs
    base = trees.unpack(trees.booting(release), tmp_path / "base")
    of_release, *others = debian_mirror.sources(release)
    mirror = of_release.split()[1]

    done = subprocess.run(
        [
            *("piuparts", "--existing-chroot", str(base), "--distribution", release),
            *("--mirror", f"{mirror} main", *(word for line in others for word in ("--extra-repo", line))),
            *("--bindmount", str(repository), "--extra-repo", f"deb [trusted=yes] file:{repository} ./"),
            # debconf's own, where apt asks it before it installs
            *("--ignore-regex", "/var/cache/debconf/tmp[.]ci.*", "--no-eatmydata", str(package)),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-8000:]
    assert "PASS: Installation and purging test" in done.stdout
    assert "PASS: Installation, upgrade and purging tests" in done.stdout
    assert before.name.split("_")[1] in done.stdout
    # other packages' own are none of our business
    assert not re.search(r"(?m)^.*chargemon.* -> .*$|^.* -> .*chargemon.*$", done.stdout)
