"""The rules of the house that no linter knows: sizes, names, reasons, and documents that must agree with the code."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "chargemon_edge"
LONGEST_FUNCTION = 60
LONGEST_FILE = 500
# Names that say nothing about a subject
EMPTY_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def _python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def _text_files() -> Iterator[tuple[str, str]]:
    """Everything that would be committed, by path from the root, as far as it is text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    for name in listed.stdout.splitlines():
        try:
            yield name, (ROOT / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue


def test_every_function_fits_one_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in _python_files("chargemon_edge", "bench")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert long == []


def test_every_file_can_be_read_in_one_go() -> None:
    long = [
        str(path.relative_to(ROOT))
        for path in _python_files("chargemon_edge", "bench")
        if len(path.read_text().splitlines()) > LONGEST_FILE
    ]

    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _python_files("chargemon_edge", "bench", "tests")
        if (path.name != "__init__.py" or path.is_relative_to(PACKAGE))
        and ast.get_docstring(ast.parse(path.read_text())) is None
    ]

    assert silent == []


def test_no_module_is_named_after_nothing() -> None:
    empty = [
        str(path.relative_to(ROOT))
        for path in _python_files("chargemon_edge", "bench", "tests")
        if {path.stem, *path.relative_to(ROOT).parts[:-1]} & EMPTY_NAMES
    ]

    assert empty == []


_SUPPRESSION = re.compile(r"#\s*(noqa\b|type:\s*ignore|pragma:\s*no cover)")
# One mark with its codes, to be cut off: what remains must be words
_MARK = re.compile(
    r"#\s*(noqa(:\s*[A-Z]+[0-9]+(\s*,\s*[A-Z]+[0-9]+)*)?"
    r"|type:\s*ignore(\[[a-z-]+(\s*,\s*[a-z-]+)*\])?"
    r"|pragma:\s*no cover)"
)
_NAMES_ITS_CODE = re.compile(r"noqa:\s*[A-Z]+[0-9]|type:\s*ignore\[|pragma:\s*no cover")


def _unreasoned(text: str) -> Iterator[int]:
    """Numbers of lines that silence a tool without naming the rule and giving a reason on the same line."""
    for number, line in enumerate(text.splitlines(), 1):
        mark = _SUPPRESSION.search(line)
        if mark is None:
            continue
        comment = line[mark.start() :]
        reason = _MARK.sub("", comment).strip(" #-:—")
        if not _NAMES_ITS_CODE.search(comment) or len(reason.split()) < 2:
            yield number


def test_every_suppression_has_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _python_files("chargemon_edge", "bench", "tests")
        if path != Path(__file__)
        for number in _unreasoned(path.read_text())
    ]

    assert bare == []


@pytest.mark.parametrize(
    ("line", "accepted"),
    [
        ("import x  # noqa: F401 - re-exported for callers", True),
        ("import x  # noqa: F401  # re-exported for callers", True),
        ("except Exception:  # noqa: BLE001 (an edge: costs one poll)", True),
        ("f()  # type: ignore[arg-type]  # the stub is wrong", True),
        ("import x  # noqa: F401", False),
        ("import x  # noqa", False),
        ("import x  # noqa because I say so", False),
        ("f()  # type: ignore[arg-type]", False),
        ("f()  # type: ignore  # the stub is wrong", False),
        ("if never:  # pragma: no cover", False),
        ("if never:  # pragma: no cover - only on 32-bit machines", True),
    ],
)
def test_the_reason_is_really_looked_for(line: str, accepted: bool) -> None:
    assert (list(_unreasoned(line)) == []) is accepted


def test_nothing_names_this_machine_or_its_package_hosts() -> None:
    # Written apart, so that this file does not find itself
    folders = r"(?<![\w.])/(" + "|".join(("work", "root", r"home/\w+", "tmp")) + r")/\w"
    hosts = "file:///" + r"\w|" + "py" + r"pi\.org/"
    machine = re.compile(f"{folders}|{hosts}")
    named = [f"{name}: {match.group()}" for name, text in _text_files() if (match := machine.search(text))]

    assert named == []


def test_locks_hold_hashes_and_no_addresses() -> None:
    for name in ("run", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        pins = re.findall(r"(?m)^[a-zA-Z0-9].*$", text)

        assert "://" not in text
        assert pins
        assert [pin for pin in pins if "==" not in pin or not pin.endswith("\\")] == []
        assert text.count("--hash=sha256:") >= len(pins)


def _names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=!~ ;\[]", line.strip())[0].lower() for line in requirements if line.strip()}


def test_the_daemon_asks_for_what_is_locked() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pinned = (ROOT / "requirements" / "run.in").read_text().splitlines()
    locked = re.findall(r"(?m)^([a-zA-Z0-9_.-]+)==", (ROOT / "requirements" / "run.txt").read_text())
    also_in_dev = re.findall(r"(?m)^([a-zA-Z0-9_.-]+==\S+)", (ROOT / "requirements" / "dev.txt").read_text())
    run_pins = re.findall(r"(?m)^([a-zA-Z0-9_.-]+==\S+)", (ROOT / "requirements" / "run.txt").read_text())

    assert _names(asked) == _names(pinned)
    assert _names(pinned) <= _names(locked)
    assert set(run_pins) <= set(also_in_dev)


def test_what_the_readme_tells_to_type_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"(?m)^([a-z0-9-]+):", (ROOT / "Makefile").read_text()))
    commands = set(re.findall(r"(?m)^ {4}make ([a-z0-9-]+)", readme))

    assert {"run", "check", "test", "bench"} <= commands
    assert commands <= targets
    for document in re.findall(r"\]\(([^)#:]+)\)", readme):
        assert (ROOT / document).exists(), document


def test_the_readme_shows_every_room() -> None:
    readme = (ROOT / "README.md").read_text()
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.name for path in PACKAGE.glob("*.py")} - {"__init__.py"}

    assert sorted(room for room in rooms if f"{room}/" not in readme) == []
    assert sorted(module for module in modules if module not in readme) == []
