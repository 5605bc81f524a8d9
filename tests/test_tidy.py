"""The rules of the house that no linter knows: sizes, names, reasons, and documents that must agree with the code."""

from __future__ import annotations

import argparse
import ast
import datetime
import functools
import itertools
import re
import subprocess
import tomllib
import typing
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

import chargemon_edge
from chargemon_edge.__main__ import _parser
from chargemon_edge.config import load
from chargemon_edge.config.loading import File
from chargemon_edge.config.reader import read
from chargemon_edge.control.requests import handled_actions
from chargemon_edge.ocpp.v16.messages import FROM_CHARGE_POINT, TO_CHARGE_POINT
from release.build import version as release_version
from tests import demands, promises
from tests.certification import cases

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "chargemon_edge"
LONGEST_FUNCTION = 60
LONGEST_FILE = 500
# Names that say nothing about a subject
EMPTY_NAMES = {"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"}


def _python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


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
        for path in _python_files("chargemon_edge", "bench", "release")
        for node in ast.walk(_parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > LONGEST_FUNCTION
    ]

    assert long == []


def test_every_file_can_be_read_in_one_go() -> None:
    long = [
        str(path.relative_to(ROOT))
        for path in _python_files("chargemon_edge", "bench", "release")
        if len(path.read_text().splitlines()) > LONGEST_FILE
    ]

    assert long == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in _python_files("chargemon_edge", "bench", "release", "tests")
        if (path.name != "__init__.py" or path.is_relative_to(PACKAGE)) and ast.get_docstring(_parsed(path)) is None
    ]

    assert silent == []


def test_no_module_is_named_after_nothing() -> None:
    empty = [
        str(path.relative_to(ROOT))
        for path in _python_files("chargemon_edge", "bench", "release", "tests")
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
        if not _NAMES_ITS_CODE.search(comment) or not reason:
            yield number


def test_every_suppression_has_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _python_files("chargemon_edge", "bench", "release", "tests")
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
    for name in ("run", "dev", "build"):
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


def test_every_decision_has_a_number_of_its_own() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))

    assert [page.name[:5] for page in pages] == [f"{number:04}-" for number in range(1, len(pages) + 1)]
    assert [page.read_text().partition(" ")[2].partition(".")[0] for page in pages] == [
        str(number) for number in range(1, len(pages) + 1)
    ]


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


def _actions(text: str) -> set[str]:
    """The first column of every table row of a document that names an action."""
    return set(re.findall(r"(?m)^\| ([A-Z][a-z]\w+) \|", text)) - {"Action"}


def _sections(text: str) -> dict[str, str]:
    """A document's text by its headings of the second level."""
    return dict(re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^## |\Z)", text))


def test_the_actions_handled_are_the_actions_documented() -> None:
    sections = _sections((ROOT / "docs" / "ocpp.md").read_text())
    sent = {
        name
        for path in [*(PACKAGE / "control").glob("*.py"), *(PACKAGE / "ocpp").glob("*.py")]
        for name in re.findall(r"\b([A-Z]\w+)Request\(", path.read_text())
    }

    assert _actions(sections["What charge points may ask"]) == handled_actions()
    assert handled_actions() == set(FROM_CHARGE_POINT)
    assert _actions(sections["What the daemon asks of charge points"]) == sent
    assert sent <= set(TO_CHARGE_POINT)
    assert _actions(sections["What people can ask of charge points"]) == set(TO_CHARGE_POINT)


def test_every_compliance_case_has_its_test_and_the_table_says_which() -> None:
    shown = cases.tests()
    document = cases.WRITTEN.document.read_text()

    assert shown.pop("") == []
    assert len(shown) == 77
    assert [case for case, tests in shown.items() if not tests] == []
    assert cases.WRITTEN.written(document) == document, "try: make cases"


def test_every_demand_of_security_has_its_test_and_the_table_says_which() -> None:
    shown = demands.tests()
    document = demands.WRITTEN.document.read_text()

    assert sorted(shown) == sorted(demands.DEMANDS)
    assert [number for number, tests in shown.items() if not tests] == []
    assert demands.WRITTEN.written(document) == document, "try: make cases"


def test_every_promise_has_its_test_and_its_figure_and_the_table_says_which() -> None:
    shown = promises.tests()
    document = promises.WRITTEN.document.read_text()

    assert sorted(shown) == sorted(promises.PROMISES)
    assert [number for number, tests in shown.items() if not tests] == []
    assert promises.WRITTEN.written(document) == document, "try: make cases"
    # what nothing shows yet is said to be so
    unshown = document.partition(promises.WRITTEN.end)[2]
    assert [number for number in range(1, 16) if f"R{number}" not in shown and f"R{number} " not in unshown] == []


SHIPPED = ROOT / "etc" / "chargemon-edge" / "config.toml"


def _uncommented(text: str) -> str:
    """The shipped configuration with every setting and table taken out of its comment."""
    return re.sub(r"(?m)^# (?=\[|# |[a-z0-9_]+ = )", "", text)


def test_every_shipped_setting_is_known_and_explained() -> None:
    lines = SHIPPED.read_text().splitlines()
    unexplained = [
        line
        for above, line in itertools.pairwise(lines)
        if re.fullmatch(r"(# )?[a-z0-9_]+ = .+", line) and not above.startswith("#")
    ]
    everything = tomllib.loads(_uncommented(SHIPPED.read_text()))
    mistakes: list[str] = []
    read(File, everything, "", mistakes)

    assert unexplained == []
    assert mistakes == []


def _every_setting(struct: type[msgspec.Struct], where: str = "") -> Iterator[str]:
    """The dotted path of each setting that the configuration file can hold."""
    hints = typing.get_type_hints(struct)
    for field in msgspec.structs.fields(struct):
        inner = _struct_within(hints[field.name])
        if inner is None:
            yield f"{where}{field.encode_name}"
        else:
            yield from _every_setting(inner, f"{where}{field.encode_name}.")


def _struct_within(hint: object) -> type[msgspec.Struct] | None:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    return next((found for part in typing.get_args(hint) if (found := _struct_within(part)) is not None), None)


def _written(table: dict[str, Any], where: str = "") -> Iterator[str]:
    for key, value in table.items():
        entries = value if isinstance(value, list) and value and isinstance(value[0], dict) else [value]
        for entry in entries:
            if isinstance(entry, dict):
                yield f"{where}{key}"
                yield from _written(entry, f"{where}{key}.")
            else:
                yield f"{where}{key}"


def test_every_setting_is_shipped() -> None:
    written = set(_written(tomllib.loads(_uncommented(SHIPPED.read_text()))))
    # A meter's own register map has its own document; the listener's list is filled from [[charge_point]]
    elsewhere = ("meter.map.", "chargers.charge_points.")

    assert [one for one in sorted(_every_setting(File)) if one not in written and not one.startswith(elsewhere)] == []


def test_the_shipped_configuration_loads_as_it_is() -> None:
    settings = load(SHIPPED.read_text(), SHIPPED.parent)

    assert settings.site.charge_points == ()


def test_shipped_values_are_the_defaults() -> None:
    """A setting with a default is shown at it; example values are for settings that have none."""
    as_written = msgspec.convert(tomllib.loads(_uncommented(SHIPPED.read_text())), File)
    different = [
        f"{table}.{field.encode_name}"
        for table in (
            "site",
            "log",
            "authorisation",
            "chargers",
            "page",
            "store",
            "balancing",
            "keys",
            "files",
            "clock",
        )
        for field in msgspec.structs.fields(getattr(File(), table))
        if getattr(getattr(File(), table), field.name) not in (None, getattr(getattr(as_written, table), field.name))
    ]

    assert different == []


def test_an_installed_package_has_all_its_files() -> None:
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    left_out = [
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".py"
        if not any(path.match(pattern) for pattern in patterns)
    ]

    assert left_out == []


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    assert chargemon_edge.__version__ == project
    assert re.fullmatch(rf"{re.escape(project)}-\d+", release_version())


@pytest.mark.demand("S29")
def test_support_lasts_five_years_and_is_promised_as_it_is_shown() -> None:
    signed = re.findall(r"(?m)^ -- .*>  (.*)$", (ROOT / "debian" / "changelog").read_text())
    released = parsedate_to_datetime(signed[0]).date()
    until = datetime.date.fromisoformat(chargemon_edge.SUPPORTED_UNTIL)

    assert until >= released.replace(year=released.year + 5)
    promised = (ROOT / "SECURITY.md").read_text()
    major, minor, _ = chargemon_edge.__version__.split(".")
    assert f"version {major}.{minor} are made until **{until}**" in promised
    assert all(duty in promised for duty in ("within 24 hours", "within 72 hours", "Report a weakness"))


def _subcommands(parser: argparse.ArgumentParser | None = None, before: str = "") -> dict[str, set[str]]:
    """Each command of the command line, with the topic behind it if it has some, and its long options."""
    parser = parser or _parser()
    subparsers = next((action for action in parser._actions if isinstance(action, argparse._SubParsersAction)), None)
    if subparsers is None:
        options = {option for action in parser._actions for option in action.option_strings}
        return {before: {option for option in options if option.startswith("--")}}
    return {
        name: options
        for word, inner in subparsers.choices.items()
        for name, options in _subcommands(inner, f"{before} {word}".strip()).items()
    }


def test_every_command_is_in_the_manual_page() -> None:
    page = (ROOT / "debian" / "chargemon-edge.8").read_text().replace("\\-", "-")
    entries = re.findall(r"(?m)^\.TP\n\.BR? ([a-z-]+)(.*)$", page)

    for name, options in _subcommands().items():
        command, _, topic = name.partition(" ")
        (entry,) = [rest for word, rest in entries if word == command and (not topic or f'" {topic} ' in rest)]
        assert sorted(option for option in options - {"--help"} if option not in entry) == [], name


def test_every_command_is_completed() -> None:
    script = ROOT / "debian" / "completion" / "chargemon-edge"

    def offered(*words: str) -> set[str]:
        line = " ".join(f'"{word}"' for word in ("chargemon-edge", *words, ""))
        program = (
            f'. "{script}"; COMP_WORDS=({line}); COMP_CWORD={len(words) + 1}; _chargemon_edge; echo "${{COMPREPLY[@]}}"'
        )
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
        return set(done.stdout.split())

    assert {name.partition(" ")[0] for name in _subcommands()} <= offered()
    for name, options in _subcommands().items():
        positional = options == {"--help"}
        *command, last = name.split()
        assert not command or last in offered(*command)
        assert positional or options <= offered(*command, last), name
