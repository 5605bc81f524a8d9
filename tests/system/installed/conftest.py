"""What all tests of the installed package share: the packages, built once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.system.installed import packages


@pytest.fixture(scope="session")
def amd64(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package for this machine's kind."""
    return packages.made_for("amd64", tmp_path_factory.mktemp("amd64"))


@pytest.fixture(scope="session")
def arm64(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package for the other kind."""
    return packages.made_for("arm64", tmp_path_factory.mktemp("arm64"))


@pytest.fixture(scope="session", autouse=True)
def _root() -> None:
    if os.geteuid() != 0:
        pytest.skip("booting a Debian needs root")
