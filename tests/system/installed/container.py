"""A clean Debian that boots with its own systemd, without a network: a site's machine, as far as that goes here.

It runs under systemd-nspawn. The test's own peers stay outside and reach in through sockets that are made in the
container's network.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

from release import trees

_CLONE_NEWNET = 0x40000000
_BOOT_S = 60.0


class Container:
    """Booted on entry, gone on exit."""

    def __init__(self, release: str, folder: Path, *, arguments: tuple[str, ...] = ()) -> None:
        """*arguments*: more options of systemd-nspawn."""
        self.release = release
        self.root = folder / "memory" / "root"
        self._folder = folder
        self._arguments = arguments
        self._nspawn: subprocess.Popen[bytes] | None = None
        # the container's first process
        self.leader = 0

    def __enter__(self) -> Container:
        self.root.parent.mkdir()
        # on a disk that others keep busy, its twelve thousand files take longer than all that is tried with them
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2g", "tmpfs", str(self.root.parent)], check=True)
        try:
            trees.unpack(trees.booting(self.release), self.root)
            self.boot()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and self.leader:
            print(self.run("journalctl", "--no-pager", "-n", "200", check=False))
        self.halt()
        subprocess.run(["umount", "--lazy", str(self.root.parent)], check=True)

    def boot(self) -> None:
        """Start it and wait until systemd has settled."""
        console = (self._folder / "console").open("wb")
        with console:
            self._nspawn = subprocess.Popen(
                [
                    # gone with the tests, even if those are killed
                    *("setpriv", "--pdeathsig", "TERM"),
                    *("systemd-nspawn", "--quiet", f"--directory={self.root}", f"--machine=chargemon-{os.getpid()}"),
                    *(
                        "--register=no",
                        "--keep-unit",
                        "--private-network",
                        "--system-call-filter=bpf",
                        *self._arguments,
                    ),
                    "--boot",
                ],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                # the unified hierarchy is what makes DevicePolicy= count, and what systemd 257 asks for
                env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
            )
        until = time.monotonic() + _BOOT_S
        while not self._find_leader() or not self._settled():
            if time.monotonic() > until or self._nspawn.poll() is not None:
                words = (self._folder / "console").read_text(errors="replace")
                raise AssertionError(f"the container did not boot:\n{words[-3000:]}")
            time.sleep(0.05)

    def _find_leader(self) -> bool:
        assert self._nspawn is not None
        children = Path(f"/proc/{self._nspawn.pid}/task/{self._nspawn.pid}/children").read_text().split()
        for child in children:
            # for its first milliseconds it is still systemd-nspawn itself
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                self.leader = int(child)
                return True
        return False

    def _settled(self) -> bool:
        return self.run("systemctl", "is-system-running", check=False).strip() in ("running", "degraded")

    def halt(self) -> None:
        """End it: with its first process everything in it ends."""
        if self._nspawn is None:
            return
        if self.leader:
            os.kill(self.leader, signal.SIGKILL)
        try:
            self._nspawn.wait(15)
        except subprocess.TimeoutExpired:
            self._nspawn.kill()
            self._nspawn.wait()
        self._nspawn, self.leader = None, 0

    def run(
        self,
        *command: str,
        check: bool = True,
        given: str | None = None,
        within_s: float = 120,
        namespaces: tuple[str, ...] = ("-a",),
    ) -> str:
        """A command inside, as root; what it printed, both ways."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), *namespaces, "--", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            input=given or "",
            text=True,
            timeout=within_s,
            check=False,
            # a signal that is sent to the command's own group must not reach ours
            start_new_session=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
        return done.stdout

    def run_online(self, *command: str, within_s: float = 900) -> str:
        """A command inside that sees this machine's network in place of the container's: what apt needs."""
        shutil.copyfile("/etc/resolv.conf", self.root / "etc/resolv.conf")
        everything_but_the_network = ("--mount", "--uts", "--ipc", "--pid", "--cgroup")
        return self.run(*command, within_s=within_s, namespaces=everything_but_the_network)

    def connect(self, port: int, host: str = "127.0.0.1", *, within_s: float = 10) -> socket.socket:
        """A connected socket of the container's network; raises what connecting raises."""
        made: list[socket.socket | OSError] = []

        def make() -> None:
            # a thread has a network of its own if it asks for one, and ends with it
            with Path(f"/proc/{self.leader}/ns/net").open() as network:
                if ctypes.CDLL(None, use_errno=True).setns(network.fileno(), _CLONE_NEWNET) != 0:
                    made.append(OSError(ctypes.get_errno(), "setns"))
                    return
            try:
                made.append(socket.create_connection((host, port), timeout=within_s))
            except OSError as error:
                made.append(error)

        thread = threading.Thread(target=make)
        thread.start()
        thread.join()
        if isinstance(made[0], OSError):
            raise made[0]
        return made[0]

    def give(self, file: Path, folder: str = "/root") -> str:
        """Put a copy of *file* into a folder inside; its path there."""
        inside = f"{folder}/{file.name}"
        shutil.copyfile(file, self.root / inside.lstrip("/"))
        return inside

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        """A file inside, which may lie on a file system that only exists there."""
        folder = path.rpartition("/")[0]
        self.run("sh", "-c", f"mkdir -p '{folder}' && cat > '{path}' && chmod {mode:o} '{path}'", given=text)
