"""Images on their way into the library: over the API and by the command line, as a stream."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import io
from pathlib import Path
from typing import Any

from chargemon_edge.__main__ import main
from tests.certification.certificates import Authority, new_key, pem
from tests.integration.files.depot import Depot, content, curl, depot
from tests.unit.keys.test_firmware_signature import IMAGE, signed

WISH: dict[str, Any] = {"file_name": "image.bin", "vendor": "Maker", "models": ["Model"], "version": "2.0"}


async def command(house: Depot, *words: str) -> tuple[int, str]:
    """Exit code and output of the command line, which blocks."""
    assert house.laboratory.addresses.unix is not None

    def run() -> tuple[int, str]:
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = main([*words, "--socket", house.laboratory.addresses.unix or ""])
        return code, output.getvalue()

    return await asyncio.to_thread(run)


async def send(house: Depot, path: str, octets: bytes, **how: Any) -> int:
    """PUT bytes; the status of the answer."""
    async with house.laboratory.operator.put(f"http://daemon{path}", data=io.BytesIO(octets), **how) as answer:
        return answer.status


async def test_an_image_is_announced_and_sent(tmp_path: Path) -> None:
    octets = content(5_000_000)
    wish = {**WISH, "size_bytes": len(octets), "sha256": hashlib.sha256(octets).hexdigest()}
    async with depot(tmp_path) as house:
        announced = await house.laboratory.http("POST", "/firmware/images", wish)
        assert announced.status == 202
        assert await send(house, announced.body["content"], octets) == 201
        assert await send(house, announced.body["content"], octets) == 404
        (listed,) = await house.laboratory.get("/firmware/images")
        again = await house.laboratory.http("POST", "/firmware/images", wish)
        fetched = await curl((await house.offer(next(iter(house.desk.images())))).url)

    assert (listed["sha256"], listed["usable"], listed["signed"]) == (wish["sha256"], True, False)
    assert again.status == 409
    assert fetched.output == octets


async def test_what_is_not_what_was_announced_leaves_nothing(tmp_path: Path) -> None:
    octets = content(1_000_000)
    async with depot(tmp_path, "image_max_mb = 1") as house:
        too_large = await house.laboratory.http("POST", "/firmware/images", {**WISH, "size_bytes": 1_000_001})
        assert too_large.status == 413
        for size, sent in ((len(octets) - 1, octets), (len(octets), octets[:-1])):
            wish = {**WISH, "size_bytes": size}
            announced = await house.laboratory.http("POST", "/firmware/images", wish)
            assert await send(house, announced.body["content"], sent) == 400
        announced = await house.laboratory.http("POST", "/firmware/images", {**WISH, "size_bytes": len(octets)})
        _, writer = await asyncio.open_unix_connection(house.laboratory.addresses.unix)
        head = f"PUT {announced.body['content']} HTTP/1.1\r\nHost: daemon\r\nContent-Length: {len(octets)}\r\n\r\n"
        writer.write(head.encode() + octets[:500_000])
        await writer.drain()
        await house.until(lambda: bool(list((tmp_path / "files" / "images").iterdir())))
        writer.close()
        await house.until(lambda: not list((tmp_path / "files" / "images").iterdir()))
        assert await house.laboratory.get("/firmware/images") == []


async def test_the_command_line_adds_lists_shows_and_removes(tmp_path: Path) -> None:
    file = tmp_path / "image v2.bin"
    file.write_bytes(IMAGE)
    key = new_key()
    (tmp_path / "signer.pem").write_text(pem(Authority("Maker").signed("signer", key)))
    (tmp_path / "signature").write_text(signed(key))
    words = ("firmware", "add", str(file), "--vendor", "Maker*", "--model", "A*", "--model", "B", "--version", "2.0")
    signature = ("--signature", str(tmp_path / "signature"), "--certificate", str(tmp_path / "signer.pem"))
    async with depot(tmp_path, "require_signature = true") as house:
        unsigned = await command(house, *words)
        file.write_bytes(b"tampered")
        tampered = await command(house, *words, *signature)
        file.write_bytes(IMAGE)
        added = await command(house, *words, "--from", ">= 1, < 2", *signature)
        twice = await command(house, *words, *signature)
        listed = await command(house, "firmware", "list")
        digest = hashlib.sha256(IMAGE).hexdigest()
        shown = await command(house, "firmware", "show", digest[:4])
        removed = await command(house, "firmware", "remove", digest[:6])
        gone = await command(house, "firmware", "show", digest[:4])
        missing = await command(house, *words[:2], str(tmp_path / "none"), *words[3:], *signature)

    assert (unsigned[0], "require_signature" in unsigned[1]) == (1, True)
    assert (tampered[0], "was changed" in tampered[1]) == (1, True)
    assert added == (0, f"added {digest[:16]}  SHA-256 {digest}\n")
    assert (twice[0], "has it already" in twice[1]) == (1, True)
    assert all(word in listed[1] for word in (digest[:16], "2.0", "signed", "Maker* A*, B"))
    assert "image_v2.bin" in shown[1]
    assert removed == (0, f"removed {digest[:16]}\n")
    assert gone[0] == 1
    assert (missing[0], "No such file" in missing[1]) == (1, True)


async def test_the_command_line_takes_files_away(tmp_path: Path) -> None:
    sent = tmp_path / "log.zip"
    sent.write_bytes(content(300_000))
    target = tmp_path / "taken.zip"
    async with depot(tmp_path) as house:
        assert (await curl("--upload-file", str(sent), (await house.offer_upload()).url)).status == 200
        await house.offer(await house.add(content(10)))
        listed = await command(house, "files", "list")
        transfers = await command(house, "files", "transfers")
        taken = await command(house, "files", "get", "1", "--output", str(target))
        not_over = await command(house, "files", "get", "1", "--output", str(target))
        removed = await command(house, "files", "remove", "1")
        gone = await command(house, "files", "get", "1")
        not_a_number = await command(house, "files", "get", "../1")
        not_connected = await command(house, "files", "ask", "CP9")

    assert all(word in listed[1] for word in ("CP1", "Diagnostics", "log.zip"))
    assert all(word in transfers[1] for word in ("CP1", "HTTP", "waits", "0 of 10"))
    assert taken[0] == 0
    assert target.read_bytes() == sent.read_bytes()
    assert (not_over[0], "exists" in not_over[1]) == (1, True)
    assert removed[0] == 0
    assert (gone[0], not_a_number[0], not_connected[0]) == (1, 2, 1)
