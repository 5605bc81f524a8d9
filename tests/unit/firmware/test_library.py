"""What comes into the library, what does not, and what may leave it."""

from __future__ import annotations

import asyncio
import errno
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from chargemon_edge.control.file_keeping import FileRefused
from chargemon_edge.control.ports import FileOffer, RestoredFiles
from chargemon_edge.firmware.disk import Disk
from chargemon_edge.site.file_facts import ImageAdded, ImageRemoved
from tests.unit.firmware.shelves import Shelves, wish


async def test_an_image_lies_under_its_digest_and_is_durable(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    image = await shelves.added(b"firmware", file_name="../../etc/passwd")

    digest = hashlib.sha256(b"firmware").hexdigest()
    assert (image.sha256, image.image_id, image.file_name) == (digest, digest[:16], "passwd")
    assert shelves.images_on_disk() == [digest]
    assert (tmp_path / "images" / digest).read_bytes() == b"firmware"
    assert [type(fact) for fact in shelves.journal.committed] == [ImageAdded]
    assert list(shelves.desk.images()) == [image]


@pytest.mark.parametrize(
    ("octets", "changes", "kind", "says"),
    [
        (b"firmware", {"cut": 5}, "invalid", "cut off: 5 of 8"),
        (b"firmware", {"size_bytes": 7}, "invalid", "longer than the 7 bytes"),
        (b"firmware", {"sha256": "0" * 64}, "invalid", "not the one announced"),
        (b"  <!DOCTYPE HTML><p>403", {}, "invalid", "a web page"),
        (b"firmware", {"size_bytes": 1_000_001}, "too large", "1 MB"),
        (b"firmware", {"from_versions": "above 4"}, "invalid", "'above 4' is not like"),
        (b"firmware", {"signature": "AAAA"}, "invalid", "or neither"),
        (b"firmware", {"vendor": "x\ny"}, "invalid", "printable"),
    ],
)
async def test_what_is_refused_leaves_nothing(
    tmp_path: Path, octets: bytes, changes: dict[str, Any], kind: str, says: str
) -> None:
    shelves = await Shelves(tmp_path, image_max_mb=1).opened()
    refused = await shelves.add(octets, **changes)

    assert isinstance(refused, FileRefused)
    assert refused.kind == kind
    assert says in refused.reason
    assert shelves.images_on_disk() == []
    assert shelves.journal.committed == []


async def test_a_duplicate_is_refused_before_or_after_its_bytes(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    image = await shelves.added(b"firmware")
    again = await shelves.add(b"firmware", version="3")
    announced = shelves.desk.wish_fault(wish(b"firmware", sha256=image.sha256.upper()))

    assert isinstance(again, FileRefused)
    assert again.kind == "duplicate"
    assert announced is not None
    assert image.image_id in announced.reason
    assert shelves.images_on_disk() == [image.sha256]


async def test_the_library_has_a_quota_that_what_is_coming_counts_in(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path, image_max_mb=1, library_max_mb=1).opened()
    seen = []

    async def content() -> AsyncIterator[bytes]:
        seen.append(shelves.desk.wish_fault(wish(b"x" * 600_000)))
        yield b"y" * 600_000

    await shelves.desk.add_image(wish(b"y" * 600_000), content(), "operator")
    later = shelves.desk.wish_fault(wish(b"z" * 600_000))

    assert [one.kind if one else None for one in (*seen, later)] == ["no room", "no room"]


async def test_a_sender_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()

    async def content() -> AsyncIterator[bytes]:
        yield b"firm"
        raise ConnectionResetError

    answer = await shelves.desk.add_image(wish(b"firmware"), content(), "operator")

    assert isinstance(answer, FileRefused)
    assert shelves.images_on_disk() == []
    assert shelves.desk.wish_fault(wish(b"firmware")) is None


async def test_a_disk_that_is_full_or_fails_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelves = await Shelves(tmp_path).opened()
    monkeypatch.setattr(Disk, "room_for", lambda _disk, count: count < 5)
    before = await shelves.add(b"firmware")
    monkeypatch.setattr(Disk, "room_for", lambda _disk, count: True)
    shelves.journal.at_once = False
    adding = asyncio.create_task(shelves.add(b"firmware"))
    while not shelves.journal.waiting:
        await asyncio.sleep(0)
    shelves.journal.flush(OSError(errno.EIO, "the disk fails"))
    after = await adding

    assert isinstance(before, FileRefused)
    assert before.kind == "no room"
    assert isinstance(after, FileRefused)
    assert after.kind == "not stored"
    assert shelves.images_on_disk() == []
    assert list(shelves.desk.images()) == []


async def test_a_tampered_image_is_refused_before_any_charger_hears_of_it(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path, require_signature=True).opened()
    signed: dict[str, Any] = {"signature": "c2ln", "signing_certificate": "PEM"}
    unsigned = await shelves.add(b"firmware")
    shelves.signatures.wrong = "the file was changed"
    tampered = await shelves.add(b"firmwarE", **signed)
    nothing = list(shelves.desk.images())
    shelves.signatures.wrong = None
    image = await shelves.added(b"firmware", **signed)

    assert isinstance(unsigned, FileRefused)
    assert isinstance(tampered, FileRefused)
    assert tampered.reason == "the file was changed"
    assert nothing == []
    assert shelves.signatures.asked[0] == (hashlib.sha256(b"firmwarE").digest(), "c2ln", "PEM")
    assert shelves.images_on_disk() == [image.sha256]


async def test_what_somebody_needs_is_not_removed(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    image = await shelves.added()
    offer = await shelves.desk.offer_image("CP1", image.image_id, good_for_s=60, by="a campaign")
    assert isinstance(offer, FileOffer)
    offered = await shelves.desk.remove_image(image.image_id, "operator")
    shelves.desk.withdraw(offer.ticket_id)
    shelves.desk.keep(lambda image_id: "campaign 7 needs it" if image_id == image.image_id else None)
    needed = await shelves.desk.remove_image(image.image_id, "operator")

    assert offered is not None
    assert offered.reason == "it is offered to CP1 now"
    assert needed == FileRefused(kind="in use", reason="campaign 7 needs it")
    assert shelves.images_on_disk() == [image.sha256]


async def test_what_nobody_needs_goes_with_its_file(tmp_path: Path) -> None:
    shelves = await Shelves(tmp_path).opened()
    image = await shelves.added()

    assert await shelves.desk.remove_image(image.image_id, "operator") is None
    assert shelves.images_on_disk() == []
    assert isinstance(shelves.journal.committed[-1], ImageRemoved)
    unknown = await shelves.desk.remove_image(image.image_id, "operator")
    assert unknown is not None
    assert unknown.kind == "unknown"
    # and may come again
    await shelves.added()


async def test_after_a_restart_rows_and_files_are_compared(tmp_path: Path) -> None:
    before = await Shelves(tmp_path).opened()
    whole, cut = await before.added(b"whole"), await before.added(b"cut off")
    (tmp_path / "images" / cut.sha256).write_bytes(b"cut")
    (tmp_path / "images" / "draft-0011223344556677").write_bytes(b"never finished")
    (tmp_path / "images" / ("f" * 64)).write_bytes(b"its row never came")

    after = await Shelves(tmp_path, RestoredFiles(images=(whole, cut))).opened()
    assert after.images_on_disk() == sorted([whole.sha256, cut.sha256])
    assert after.desk.image(whole.image_id) == whole
    assert after.desk.image(cut.image_id) is None
    assert set(after.desk.images()) == {whole, cut}
