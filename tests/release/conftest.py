"""The packages as they are shipped, each made once for all tests."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from release.build import build
from release.target import Target


@pytest.fixture(scope="session")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Given a release and an architecture: the package, compressed as it is shipped."""

    @functools.cache
    def make(release: str, architecture: str) -> Path:
        folder = tmp_path_factory.mktemp("shipped")
        return build(Target(release, architecture), folder / "work", folder)

    return make
