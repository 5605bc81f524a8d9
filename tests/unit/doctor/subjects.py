"""Installations to be examined, without a daemon, on a machine made of files."""

from __future__ import annotations

from pathlib import Path

from chargemon_edge.config import load
from chargemon_edge.doctor.finding import Finding, State
from chargemon_edge.doctor.subject import Daemon, Machine, Subject


def subject(folder: Path, text: str = "", *, daemon: Daemon | None = None) -> Subject:
    """An installation with that configuration, whose machine lies in *folder*."""
    return Subject(
        config=folder / "config.toml",
        settings=load(f'[store]\ndirectory = "{folder}/state"\n{text}', folder),
        mistakes=(),
        daemon=daemon,
        silence="it is not running",
        machine=Machine(
            proc=folder / "proc",
            sys=folder / "sys",
            dev=folder / "dev",
            dpkg=folder / "dpkg",
            systemd=folder / "systemd",
        ),
    )


def states(findings: list[Finding]) -> dict[str, State]:
    """By what was found."""
    return {one.what: one.state for one in findings}
