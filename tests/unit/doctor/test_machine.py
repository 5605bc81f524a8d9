"""Disk, flash, serial adapters and the unit's file, on a machine made of files."""

from __future__ import annotations

import grp
import hashlib
import os
from pathlib import Path

import pytest

from chargemon_edge.doctor import disk, serial_lines, unit
from chargemon_edge.doctor.finding import State
from tests.unit.doctor.subjects import states, subject


def test_no_state_directory_is_broken(tmp_path: Path) -> None:
    (found,) = disk.examine(subject(tmp_path))

    assert found.state is State.BROKEN


def test_a_directory_that_its_owner_may_not_write_is_broken(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    good = states(list(disk.examine(subject(tmp_path))))
    state.chmod(0o500)
    bad = states(list(disk.examine(subject(tmp_path))))
    state.chmod(0o700)

    assert not any("its owner" in what for what in good)
    assert any(what.endswith("may not be written by its owner") or "is not chargemon" in what for what in bad)
    assert State.BROKEN in bad.values()


@pytest.mark.parametrize(
    ("file", "text", "state"),
    [
        ("life_time", "0x0a 0x01\n", State.ATTENTION),
        ("life_time", "0x03 0x02\n", None),
        ("pre_eol_info", "0x03\n", State.BROKEN),
        ("pre_eol_info", "0x01\n", None),
        ("life_time", "nonsense\n", None),
    ],
)
def test_worn_flash_is_told(tmp_path: Path, file: str, text: str, state: State | None) -> None:
    (tmp_path / "state").mkdir()
    number = (tmp_path / "state").stat().st_dev
    card = tmp_path / "sys" / "devices" / "mmcblk0"
    (card / "device").mkdir(parents=True)
    (card / "mmcblk0p2").mkdir()
    (card / "device" / file).write_text(text)
    block = tmp_path / "sys" / "dev" / "block" / f"{os.major(number)}:{os.minor(number)}"
    block.parent.mkdir(parents=True)
    block.symlink_to(card / "mmcblk0p2")

    told = [one.state for one in disk.examine(subject(tmp_path)) if one.what.startswith("the flash")]
    assert told == ([] if state is None else [state])


def _adapter(folder: Path, *, mode: int, latency: str | None) -> None:
    (folder / "dev" / "serial" / "by-id").mkdir(parents=True)
    node = folder / "dev" / "ttyUSB0"
    node.touch()
    node.chmod(mode)
    (folder / "dev" / "serial" / "by-id" / "usb-FTDI_FT232R-if00").symlink_to(node)
    device = folder / "sys" / "class" / "tty" / "ttyUSB0" / "device"
    device.mkdir(parents=True)
    (folder / "sys" / "drivers" / "ftdi_sio").mkdir(parents=True)
    (device / "driver").symlink_to(folder / "sys" / "drivers" / "ftdi_sio")
    if latency is not None:
        (device / "latency_timer").write_text(latency)


def test_an_adapter_that_the_service_may_not_use_is_told(tmp_path: Path) -> None:
    _adapter(tmp_path, mode=0o600, latency=None)

    (found,) = serial_lines.examine(subject(tmp_path))

    assert found.state is State.ATTENTION
    assert "mode 600" in found.what
    assert serial_lines.GROUP in found.advice


def test_a_driver_that_holds_answers_back_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _adapter(tmp_path, mode=0o660, latency="16\n")
    own = grp.getgrgid((tmp_path / "dev" / "ttyUSB0").stat().st_gid).gr_name
    monkeypatch.setattr(serial_lines, "GROUP", own)

    found = list(serial_lines.examine(subject(tmp_path)))

    assert [one.state for one in found] == [State.OK, State.ATTENTION]
    assert "ftdi_sio" in found[0].what
    assert "16 ms" in found[1].what


def _unit(folder: Path, content: str, shipped: str) -> dict[str, str]:
    path = folder / "lib" / "systemd" / "system" / unit.SERVICE
    path.parent.mkdir(parents=True)
    path.write_text(content)
    (folder / "dpkg").mkdir()
    digest = hashlib.md5(shipped.encode(), usedforsecurity=False).hexdigest()
    (folder / "dpkg" / "chargemon-edge.md5sums").write_text(f"{digest}  {str(path)[1:]}\n")
    return {"FragmentPath": str(path)}


@pytest.mark.parametrize(
    ("content", "state", "words"),
    [("[Unit]\n", State.OK, "as shipped"), ("[Unit]\n# mine\n", State.ATTENTION, "not as it was shipped")],
)
def test_a_changed_unit_is_told(tmp_path: Path, content: str, state: State, words: str) -> None:
    known = _unit(tmp_path, content, "[Unit]\n")

    (found,) = unit._files(known, subject(tmp_path).machine)

    assert found.state is state
    assert words in found.what


def test_a_unit_in_place_of_the_shipped_one_and_drop_ins_are_told(tmp_path: Path) -> None:
    known = _unit(tmp_path, "[Unit]\n", "[Unit]\n")
    other = tmp_path / "etc" / unit.SERVICE
    other.parent.mkdir()
    other.touch()
    known |= {"FragmentPath": str(other), "DropInPaths": "/etc/a.conf /etc/b.conf", "NeedDaemonReload": "yes"}

    found = list(unit._files(known, subject(tmp_path).machine))

    assert [one.state for one in found] == [State.ATTENTION, State.OK, State.ATTENTION]
    assert "/etc/a.conf, /etc/b.conf" in found[1].what


@pytest.mark.parametrize(("state", "restarts", "judged"), [("active", "0", State.OK), ("active", "3", State.ATTENTION)])
def test_a_service_that_keeps_being_restarted_is_told(state: str, restarts: str, judged: State) -> None:
    found = next(unit._standing({"ActiveState": state, "NRestarts": restarts, "UnitFileState": "enabled"}))

    assert found.state is judged
    assert next(unit._standing({"ActiveState": "failed"})).state is State.BROKEN
