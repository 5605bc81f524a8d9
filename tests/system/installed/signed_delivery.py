"""What a site is sent (package, checksums, signature, and by another way the key), good or spoiled, and installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import pytest

from release import sums
from release.stage import ROOT
from tests.system.installed.container import Container

_STEPS = re.compile(r"(?m)(^ {4}package=chargemon-edge_.*\n(?: {4}.*\n)+)")


def documented_steps(package: str) -> str:
    """The commands in docs/install.md, for that package."""
    found = _STEPS.search((ROOT / "docs" / "install.md").read_text())
    assert found is not None
    return re.sub(r"package=\S+", f"package={package}", found[1])


class Key:
    """Somebody's key for signing, in a folder of gpg's, until the end of the with statement."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self._home = home
        self.public = home / "release-key.gpg"

    def __enter__(self) -> Key:
        self._gpg("--quick-generate-key", "--passphrase", "", "Releaser", "ed25519", "sign", "never")
        self._gpg("--output", str(self.public), "--export", "Releaser")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # gpg has begun an agent for this folder
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "gpg-agent"], check=True)

    def _gpg(self, *arguments: str) -> None:
        subprocess.run(["gpg", "--homedir", str(self._home), "--batch", "--quiet", *arguments], check=True)

    def sign(self, folder: Path) -> None:
        """The checksums in *folder*, as ``make deb SIGN_KEY=…`` signs them."""
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("GNUPGHOME", str(self._home))
            sums.sign(folder / sums.SUMS, "Releaser")


class Delivery:
    """A folder with all of it."""

    def __init__(self, folder: Path, package: Path, key: Key) -> None:
        folder.mkdir(parents=True)
        self.folder, self.package, self.key = folder, folder / package.name, key
        shutil.copyfile(package, self.package)
        sums.write(folder)
        key.sign(folder)
        shutil.copyfile(key.public, folder / key.public.name)

    def spoiled(self, place: Path, somebody: Key) -> Iterator[Delivery]:
        """This delivery in the hands of *somebody* who has not the releaser's key."""
        changed = self.package.read_bytes()
        middle = len(changed) // 2
        changed = changed[:middle] + bytes([changed[middle] ^ 1]) + changed[middle + 1 :]

        def spoil(name: str) -> Delivery:
            one = Delivery(place / name, self.package, self.key)
            one.package.write_bytes(changed)
            return one

        yield spoil("one bit of the package")

        summed = spoil("its checksum, too")
        signature = (summed.folder / sums.SIGNATURE).read_bytes()
        sums.write(summed.folder)
        (summed.folder / sums.SIGNATURE).write_bytes(signature)
        yield summed

        signed = spoil("signed anew")
        sums.write(signed.folder)
        somebody.sign(signed.folder)
        yield signed

        renamed = spoil("another name")
        renamed.package = renamed.package.rename(renamed.package.with_name(f"chargemon-edge_9{self.package.suffix}"))
        shutil.copyfile(self.package, renamed.folder / self.package.name)
        yield renamed

        unsigned = spoil("no signature")
        sums.write(unsigned.folder)
        yield unsigned

    def install(self, box: Container) -> str:
        """As documented; what the commands said. They may fail."""
        inside = "/opt/delivery"
        box.run("mkdir", "-p", inside)
        for file in self.folder.iterdir():
            box.give(file, inside)
        # without waiting for the disk at each of two thousand files
        steps = documented_steps(self.package.name).replace("dpkg -i", "dpkg --force-unsafe-io -i")
        said = box.run("sh", "-c", f"cd {inside}\n{steps}", check=False)
        box.run("rm", "-r", inside)
        return said
