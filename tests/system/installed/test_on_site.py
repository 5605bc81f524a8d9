"""One machine's life: installed without a network, described, served from, hurt, upgraded, removed. In this order."""

import asyncio
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import websockets

from chargemon_edge.journald import message_id
from tests.system.daemon import SECRET
from tests.system.installed import files, signed_delivery, site, take_over
from tests.system.installed.container import Container
from tests.system.installed.packages import RELEASE, as_version
from tests.waiting import until

EXPOSURE_MAX = 1.3
CHARGERS = ("CP1", "CP2", "CP3", "CP4")


@pytest.fixture(scope="module")
def before(amd64: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The version that is upgraded from."""
    return as_version(amd64, "0.0.9-1", tmp_path_factory.mktemp("before"))


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Container]:
    """The machine."""
    with Container(RELEASE, tmp_path_factory.mktemp("box")) as booted:
        yield booted


@pytest.mark.demand("S25")
def test_only_what_the_releaser_signed_is_installed(box: Container, before: Path, tmp_path: Path) -> None:
    """The documented steps, against whoever changes a package, its checksum, both, or signs it all anew."""
    with signed_delivery.Key(tmp_path / "releaser") as key, signed_delivery.Key(tmp_path / "somebody") as other:
        good = signed_delivery.Delivery(tmp_path / "good", before, key)
        wrong = list(good.spoiled(tmp_path / "wrong", other))

    assert len(wrong) == 5
    for one in wrong:
        said = one.install(box)
        status = box.run("dpkg-query", "-W", "-f", "${db:Status-Status}", "chargemon-edge", check=False)
        assert status.strip() != "installed", f"{one.folder.name}:\n{said}"
    assert "chargemon-edge" in (said := good.install(box)), said


@pytest.mark.demand("S25")
def test_installed_without_a_network_it_runs(box: Container) -> None:
    assert "lo" in box.run("ip", "-brief", "link")
    assert box.run("ip", "route") == ""
    assert box.run("systemctl", "is-active", site.UNIT, "chargemon-edge.socket").split() == ["active", "active"]
    assert box.run("systemctl", "is-enabled", site.UNIT, "chargemon-edge.socket").split() == ["enabled", "enabled"]
    assert site.property_of(box, "NRestarts") == "0"
    assert "0.0.9" in box.run("chargemon-edge", "--version")
    assert box.run("dpkg", "-V", "chargemon-edge") == ""


def test_fresh_it_is_healthy_accepts_nobody_and_says_what_to_do_next(box: Container) -> None:
    status, health = site.ask(box, "/api/v1/health")
    assert (status, health["charge_points"]) == (200, 0)
    for words in (box.run("chargemon-edge", "status"), box.run("journalctl", "-u", site.UNIT, "--no-pager")):
        told = " ".join(words.split())
        assert "/etc/chargemon-edge/conf.d/" in told
        assert "chargemon-edge check-config" in told
    assert "good: 0 circuits" in box.run("chargemon-edge", "check-config")
    for identity in ("CP1", "%2e%2e", "x" * 40):
        with pytest.raises(websockets.InvalidStatus) as refused:
            asyncio.run(_knock(box, identity))
        assert refused.value.response.status_code == 404


async def _knock(box: Container, identity: str) -> None:
    async with site.plugged_in(box, identity):
        pass


@pytest.mark.demand("S23")
def test_only_the_chargers_port_is_open_to_the_network(box: Container) -> None:
    lines = box.run("ss", "-Hltnu").splitlines()

    assert sorted(line.split()[4] for line in lines) == ["0.0.0.0:8887", "127.0.0.1:8180"]


@pytest.mark.demand("S24")
def test_exposure_is_small_and_the_unit_is_written_well(box: Container) -> None:
    said = box.run("systemd-analyze", "security", "--no-pager", site.UNIT)
    found = re.search(r"exposure level for .*: ([0-9.]+)", said)

    assert found is not None
    print(f"exposure {found[1]} under {box.run('systemctl', '--version').splitlines()[0]}")
    assert float(found[1]) <= EXPOSURE_MAX
    for unit in (site.UNIT, "chargemon-edge.socket", "chargemon-edge-page.socket"):
        assert box.run("systemd-analyze", "verify", "--man=no", unit) == ""


def test_described_site_serves_a_charger_of_another_maker(box: Container) -> None:
    site.describe(box, *CHARGERS)
    assert "good: 1 circuits, 4 charge points" in box.run("chargemon-edge", "check-config")
    box.run("systemctl", "restart", site.UNIT)

    async def charge() -> None:
        async with site.plugged_in(box, "CP1") as cp:
            assert (await cp.boot()).status == "Accepted"
            await cp.status(1, "Preparing")
            transaction_id = await cp.begin(1)
            await until(lambda: bool(cp.tx_limits()), within_s=20, what="a limit")
            assert cp.tx_limits()[-1][1] >= 6
            await cp.values(1, transaction_id, 6.0)
            assert str(transaction_id) in json.dumps(site.ask(box, "/api/v1/site")[1])
            await cp.end(transaction_id)

    asyncio.run(charge())


def test_firmware_goes_out_and_diagnostics_come_in(box: Container, tmp_path: Path) -> None:
    image, report = os.urandom(3_000_000), os.urandom(200_000)
    (tmp_path / "image.bin").write_bytes(image)
    added = box.run(
        *("chargemon-edge", "firmware", "add", box.give(tmp_path / "image.bin")),
        *("--vendor", "Acme", "--model", "Post", "--version", "2.0"),
    )
    found = re.search(r"[0-9a-f]{16}", added)
    assert found is not None, added

    async def exchange() -> None:
        async with site.plugged_in_as(files.FileTaker, box, "CP1") as cp:
            assert (await cp.boot()).status == "Accepted"
            for connector in (1, 2):
                await cp.status(connector, "Available")
            await asyncio.to_thread(box.run, "chargemon-edge", "firmware", "campaign", "start", found[0], "CP1")
            await until(lambda: cp.fetch_from != "", within_s=20, what="UpdateFirmware")
            assert await files.fetched(box, cp.fetch_from) == (200, image)
            async with asyncio.timeout(20):
                while await files.opens(box, cp.fetch_from):
                    await asyncio.sleep(0.1)
            await asyncio.to_thread(box.run, "chargemon-edge", "files", "ask", "CP1")
            assert await files.delivered(box, f"{cp.deliver_to}diagnostics.txt", report) in (200, 201, 204)

    asyncio.run(exchange())
    number = box.run("chargemon-edge", "files", "list").split("diagnostics.txt")[0].splitlines()[-1].split()[0]
    box.run("chargemon-edge", "files", "get", number, "--output", "/var/tmp/taken")
    assert (box.root / "var/tmp/taken").read_bytes() == report


def test_journal_entries_have_fields(box: Container) -> None:
    opened = site.journal(box, "CHARGEMON_CP=CP1", f"MESSAGE_ID={message_id('link-opened')}")

    assert opened[-1]["CHARGEMON_EVENT"] == "link-opened"
    assert opened[-1]["_SYSTEMD_UNIT"] == site.UNIT
    assert opened[-1]["PRIORITY"] == "6"
    refused = site.journal(box, "CHARGEMON_EVENT=refused", "PRIORITY=4")
    assert refused[-1]["CHARGEMON_STATUS"] == "404"


@pytest.mark.demand("S24")
def test_inside_the_sandbox_only_what_is_needed_is_possible(box: Container) -> None:
    box.run("mknod", "/dev/probe-disk", "b", "7", "0")
    box.run("mknod", "-m", "660", "/dev/probe-serial", "c", "4", "67")
    box.run("chgrp", "dialout", "/dev/probe-serial")
    box.write("/etc/hosts", "127.0.0.1 localhost\n")
    found = _probe(box)

    expected = {
        **dict.fromkeys(("write etc", "write usr", "write own code"), "EROFS"),
        **dict.fromkeys(("list root", "list home", "read passwords folder"), "EACCES"),
        **dict.fromkeys(("run a shell", "run what was written", "low port"), "EACCES"),
        **dict.fromkeys(("write state", "remove state", "high port", "resolve"), "done"),
        **dict.fromkeys(("packets", "netlink"), "EAFNOSUPPORT"),
        **dict.fromkeys(("raw", "namespace", "clock", "disk device"), "EPERM"),
        "outgoing": "ECONNREFUSED",
        "capabilities": ["0" * 16] * 5,
        "processes": 1,
        "credentials": sorted(f"credentials_{identity}" for identity in CHARGERS),
    }
    assert {key: found[key] for key in expected} == expected
    # refused by the filter of system calls, by later systemds also by the kernel itself
    assert found["writable code"] in ("EPERM", "EACCES")
    # allowed; whether there is hardware behind it is another question
    assert found["serial device"] in ("done", "EIO", "ENXIO", "ENODEV")


def _probe(box: Container) -> dict[str, object]:
    box.give(Path(__file__).with_name("probe.py"), "/opt")
    lines = _inside_the_sandbox(box, "probe", "/opt/probe.py").splitlines()
    said: dict[str, object] = json.loads(next(line for line in reversed(lines) if line.startswith("{")))
    return said


def _inside_the_sandbox(box: Container, name: str, program: str) -> str:
    """What the interpreter prints in a unit that differs from the daemon's in nothing but the program."""
    unit = box.run("systemctl", "cat", site.UNIT)
    unit = re.sub(r"(?m)^ExecStart=.*$", f"ExecStart=/usr/lib/chargemon-edge/bin/python3 -I {program}", unit)
    unit = re.sub(r"(?m)^(Type|Restart|WatchdogSec|Requires|NotifyAccess)=.*$", "", unit)
    # the daemon's own socket lies in the folder that both are given
    own = "Type=oneshot\nRuntimeDirectoryPreserve=yes\nSuccessExitStatus=0 1 2"
    box.write(f"/run/systemd/system/chargemon-{name}.service", unit.replace("[Service]", f"[Service]\n{own}"))
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", f"chargemon-{name}.service")
    return box.run("journalctl", "-u", f"chargemon-{name}.service", "-o", "cat", "--no-pager")


def test_the_doctor_finds_the_installation_in_order_and_what_was_changed(box: Container) -> None:
    sound = _doctor(box)
    box.write(
        "/etc/systemd/system/chargemon-edge.service.d/open.conf", "[Service]\nProtectSystem=no\nPrivateUsers=no\n"
    )
    box.run("systemctl", "daemon-reload")
    opened = _doctor(box)
    box.run("rm", "-r", "/etc/systemd/system/chargemon-edge.service.d")
    box.run("systemctl", "daemon-reload")

    assert [one for one in sound if one["state"] == "broken"] == []
    told = {f"{one['group']}: {one['what']}" for one in sound if one["state"] == "ok"}
    for words in (
        f"unit: {site.UNIT} is active",
        # where that is, differs between releases
        f"unit: {site.property_of(box, 'FragmentPath')} is as shipped",
        "ports: port 8887 (chargers): the daemon listens",
        "ports: port 8180 (page): the daemon listens",
        "disk: /var/lib/chargemon-edge can be written",
    ):
        assert words in told, sound
    # nobody keeps a container's clock
    assert [one for one in sound if one["group"] == "clock" and one["state"] == "attention"] != []
    assert any("the service's sandbox has been opened" in one["what"] for one in opened)
    assert any("open.conf" in one["what"] for one in opened)


def test_the_doctor_says_what_it_cannot_see_inside_the_sandbox(box: Container) -> None:
    said = _inside_the_sandbox(box, "doctor", "-m chargemon_edge doctor --json")
    told = json.loads(said[said.index("{\n") : said.rindex("\n}") + 2])["findings"]

    assert [one for one in told if one["state"] == "broken"] == []
    assert any("the daemon has been running" in one["what"] for one in told)
    assert any("systemctl cannot be run from here" in one["what"] for one in told)
    assert any("can be written" in one["what"] for one in told if one["state"] == "ok")


def _doctor(box: Container) -> list[dict[str, str]]:
    told: list[dict[str, str]] = json.loads(box.run("chargemon-edge", "doctor", "--json", check=False))["findings"]
    return told


def test_passwords_are_roots_alone_and_of_no_use_to_others(box: Container) -> None:
    assert box.run("stat", "-c", "%a %U", "/etc/chargemon-edge/credentials").split() == ["700", "root"]
    everything = box.run("journalctl", "--no-pager", "-o", "export") + json.dumps(site.ask(box, "/api/v1/site")[1])
    assert SECRET not in everything


def test_reload_keeps_the_link_and_takes_the_settings(box: Container) -> None:
    pid = site.main_pid(box)

    async def reload() -> None:
        async with site.plugged_in(box, "CP1") as cp:
            await cp.boot()
            transaction_id = await cp.begin(1)
            box.write("/etc/chargemon-edge/conf.d/more.toml", '[site]\nname = "Yard"\n[page]\nstreams_max = 3\n')
            await asyncio.to_thread(box.run, "systemctl", "reload", site.UNIT)
            await until(lambda: site.ask(box, "/api/v1/site")[1]["site"] == "Yard", within_s=10, what="its new name")
            await until(lambda: site.property_of(box, "ActiveState") == "active", within_s=5, what="active")
            # the same socket still serves
            await cp.end(transaction_id)

    asyncio.run(reload())
    assert site.main_pid(box) == pid
    assert "page.streams_max" in site.journal(box, "CHARGEMON_EVENT=configuration-taken-but-for")[-1]["MESSAGE"]

    box.write("/etc/chargemon-edge/conf.d/more.toml", "[site]\nname = 7\n")
    box.run("systemctl", "reload", site.UNIT)
    assert site.ask(box, "/api/v1/site")[1]["site"] == "Yard"
    assert "conf.d/more.toml: site.name" in site.journal(box, "CHARGEMON_EVENT=configuration-not-taken")[-1]["MESSAGE"]
    box.write("/etc/chargemon-edge/conf.d/more.toml", "")


def test_a_start_with_mistakes_goes_on_with_the_last_good_configuration(box: Container) -> None:
    box.write("/etc/chargemon-edge/conf.d/more.toml", "[site]\nname = 7\n")
    box.run("systemctl", "restart", site.UNIT)

    assert box.run("systemctl", "is-active", site.UNIT).strip() == "active"
    assert site.property_of(box, "NRestarts") == "0"
    assert "has 1 mistake" in site.property_of(box, "StatusText")
    told = site.journal(box, "PRIORITY=2", f"MESSAGE_ID={message_id('started-with-other-settings')}")
    assert "the last good one counts" in told[-1]["MESSAGE"]
    assert "conf.d/more.toml: site.name" in " ".join(box.run("chargemon-edge", "status").split())

    async def charge() -> None:
        async with site.plugged_in(box, "CP1") as cp:
            assert (await cp.boot()).status == "Accepted"

    asyncio.run(charge())

    box.write("/etc/chargemon-edge/conf.d/more.toml", "")
    box.run("systemctl", "reload", site.UNIT)
    assert "mistake" not in site.property_of(box, "StatusText")


@pytest.mark.promise("R3")
def test_killed_it_is_back_and_answers(box: Container) -> None:
    began = time.monotonic()
    pid = site.signal(box, "KILL")
    # nobody is refused: the socket is systemd's
    waiting = box.connect(site.PORT)
    site.wait_for_restart(box, pid, within_s=20)
    assert site.ask(box, "/api/v1/health")[0] == 200
    took_s = time.monotonic() - began
    waiting.close()

    ready = box.run(
        "systemctl", "show", "-p", "ExecMainStartTimestampMonotonic,ActiveEnterTimestampMonotonic", site.UNIT
    )
    stamps = dict(line.split("=") for line in ready.split())
    ready_s = (int(stamps["ActiveEnterTimestampMonotonic"]) - int(stamps["ExecMainStartTimestampMonotonic"])) / 1e6
    print(f"back and answering {took_s:.2f} s after kill -9; ready {ready_s:.2f} s after exec")
    # bounds for a loaded machine; docs/reliability.md has the figures of a quiet one
    assert took_s < 15


STATE = "/var/lib/chargemon-edge"
UNITS = ("chargemon-edge.socket", "chargemon-edge.service")


def owners(box: Container) -> set[str]:
    """Of whatever lies in the state directory."""
    return set(box.run("find", STATE, "-mindepth", "1", "-printf", "%U:%G %u\\n").split("\n")) - {""}


@pytest.mark.promise("R9")
def test_root_takes_backups_and_exports_away_and_brings_them_back_for_the_daemon(box: Container) -> None:
    assert "made and checked" in box.run("chargemon-edge", "backup", "/var/tmp/site.db")
    assert box.run("stat", "-c", "%U %a", "/var/tmp/site.db").split() == ["root", "600"]
    assert "transactions" in box.run("chargemon-edge", "export", "/var/tmp/export.db")
    before = owners(box)
    assert len(before) == 1
    assert "chargemon" in next(iter(before))
    refused = box.run("sh", "-c", "chargemon-edge restore /var/tmp/site.db 2>&1 || true")
    assert "another process uses" in refused

    box.run("systemctl", "stop", *UNITS)
    assert "is now what" in box.run("chargemon-edge", "restore", "/var/tmp/site.db")
    assert owners(box) == before
    box.run("systemctl", "start", *UNITS)
    assert site.ask(box, "/api/v1/health")[0] == 200
    assert owners(box) == before


@pytest.mark.promise("R8")
def test_a_damaged_database_is_replaced_by_the_newest_backup(box: Container) -> None:
    box.run("systemctl", "stop", *UNITS)
    box.run("dd", "if=/dev/zero", f"of={STATE}/site.db", "bs=4096", "seek=1", "count=1", "conv=notrunc", "status=none")
    box.run("systemctl", "start", *UNITS)

    assert site.property_of(box, "NRestarts") == "0"
    alarms = [alarm["code"] for alarm in site.ask(box, "/api/v1/site")[1]["alarms"]]
    assert alarms.count("database_damaged") == 1
    assert site.journal(box, f"MESSAGE_ID={message_id('database-restored')}")
    box.run("sh", "-c", f"rm {STATE}/site.db.*")


@pytest.mark.promise("R7")
def test_on_a_read_only_disk_it_serves_on_and_says_so(box: Container) -> None:
    box.run("systemctl", "stop", *UNITS)
    # what a worn card's file system becomes
    box.run("mount", "--bind", STATE, STATE)
    box.run("mount", "-o", "remount,ro,bind", STATE)
    try:
        box.run("systemctl", "start", *UNITS)
        assert "cannot be written" in site.property_of(box, "StatusText")
        assert "disk_trouble" in [alarm["code"] for alarm in site.ask(box, "/api/v1/site")[1]["alarms"]]

        async def refused() -> None:
            async with site.plugged_in(box, "CP1") as cp:
                assert (await cp.boot()).status == "Accepted"
                assert await cp.try_begin(1, meter_start=5) is None

        asyncio.run(refused())
        assert site.property_of(box, "NRestarts") == "0"
    finally:
        box.run("systemctl", "stop", *UNITS)
        box.run("umount", STATE)
    box.run("systemctl", "start", *UNITS)
    assert "cannot be written" not in site.property_of(box, "StatusText")


@pytest.mark.promise("R5")
def test_hung_it_is_replaced_by_the_watchdog(box: Container) -> None:
    """With a watchdog of 2 s in place of 30 s."""
    drop_in = "/run/systemd/system/chargemon-edge.service.d/quick.conf"
    box.write(drop_in, "[Service]\nWatchdogSec=2\n")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", site.UNIT)
    # fed: it stands longer than the watchdog would let it
    pid = site.main_pid(box)
    time.sleep(3)
    assert site.main_pid(box) == pid

    site.signal(box, "STOP")
    took_s = site.wait_for_restart(box, pid, within_s=30)

    print(f"hung loop replaced after {took_s:.1f} s at WatchdogSec=2")
    assert "Watchdog timeout" in box.run("journalctl", "-u", site.UNIT, "--no-pager")
    box.run("rm", drop_in)
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "restart", site.UNIT)


@pytest.mark.promise("R4")
def test_upgrade_under_load_refuses_nobody_and_splits_no_transaction(box: Container, amd64: Path) -> None:
    box.write("/etc/chargemon-edge/config.toml", "# edited by the site\n" + _config(box))

    chargers = asyncio.run(take_over.under_load(box, CHARGERS, lambda: site.install(box, amd64)))

    assert "0.0.9" not in box.run("chargemon-edge", "--version")
    assert site.ask(box, "/api/v1/health")[0] == 200
    assert _config(box).startswith("# edited by the site")
    take_over.check(box, chargers)


def _config(box: Container) -> str:
    return (box.root / "etc/chargemon-edge/config.toml").read_text()


@pytest.mark.promise("R14")
def test_downgrade_keeps_data_and_configuration(box: Container, before: Path) -> None:
    chargers = asyncio.run(take_over.under_load(box, CHARGERS, lambda: site.install(box, before)))

    assert "0.0.9" in box.run("chargemon-edge", "--version")
    assert _config(box).startswith("# edited by the site")
    take_over.check(box, chargers)


@pytest.mark.demand("S25")
def test_damaged_file_is_found_and_healed(box: Container, before: Path) -> None:
    library = next(box.root.glob("usr/lib/chargemon-edge/lib/*/site-packages/msgspec/_core*.so"))
    library.write_bytes(library.read_bytes()[:1000])
    assert "_core" in box.run("dpkg", "-V", "chargemon-edge", check=False)

    site.install(box, before)

    assert "_core" not in box.run("dpkg", "-V", "chargemon-edge", check=False)
    assert box.run("systemctl", "is-active", site.UNIT).strip() == "active"


def test_disabled_stays_disabled_over_an_upgrade(box: Container, amd64: Path) -> None:
    box.run("systemctl", "disable", "--now", site.UNIT, "chargemon-edge.socket")

    site.install(box, amd64)

    assert box.run("systemctl", "is-enabled", site.UNIT, check=False).strip() == "disabled"
    box.run("systemctl", "enable", "--now", "chargemon-edge.socket", site.UNIT)


def test_removed_it_leaves_data_and_configuration(box: Container) -> None:
    box.run("dpkg", "-r", "chargemon-edge")

    assert box.run("systemctl", "is-active", site.UNIT, check=False).strip() in ("inactive", "failed")
    assert (box.root / "var/lib/chargemon-edge/site.db").exists()
    assert (box.root / "etc/chargemon-edge/conf.d/site.toml").exists()
    assert not list((box.root / "usr/lib").glob("chargemon-edge/*"))
    with pytest.raises(ConnectionRefusedError):
        box.connect(site.PORT)


def test_purged_it_leaves_nothing_but_its_user(box: Container) -> None:
    box.run("dpkg", "-P", "chargemon-edge")

    left = box.run(
        "find", "/", "-xdev", "-iname", "*chargemon*", "-not", "-path", "/proc/*", "-not", "-path", "/root/*"
    )
    ours = [line for line in left.split() if "chargemon-probe" not in line]
    assert ours == []
    assert box.run("getent", "passwd", "chargemon").startswith("chargemon:")
