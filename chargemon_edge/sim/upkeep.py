"""What a simulated charger does with files: it really fetches firmware, delivers diagnostics and logs, and says so."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chargemon_edge.sim.calls import Outgoing
from chargemon_edge.sim.fetching import FetchError, deliver, fetch
from chargemon_edge.sim.firmware_file import BadImageError, is_signed, version_in

if TYPE_CHECKING:
    # the charger holds one of these; this file needs only its type
    from chargemon_edge.sim.charger import Charger

Payload = dict[str, Any]

_INSTALL_FAILS = {"install-fails", "refuses-image"}
_RETRY_S = 30.0


class Upkeep:
    """The last status of each kind, and what is still to come."""

    def __init__(self, charger: Charger) -> None:
        self._charger = charger
        self.firmware_status = "Idle"
        self.diagnostics_status = "Idle"
        self.log_status = "Idle"
        self.file_requests: list[tuple[str, str]] = []
        """Every (action, location) it was given."""
        self.fetched: list[bytes] = []
        """Every image that arrived."""
        self._jobs: dict[str, asyncio.Task[None]] = {}

    def power_off(self) -> None:
        """Whatever was going on ends in the middle."""
        for job in self._jobs.values():
            job.cancel()
        self._jobs.clear()
        self.firmware_status = self.diagnostics_status = self.log_status = "Idle"

    def update(self, payload: Payload) -> None:
        """UpdateFirmware (§4.5, §6.19): the statuses, a restart, and then the new version."""
        self.file_requests.append(("UpdateFirmware", payload["location"]))
        if payload.get("retries") == 0:
            # one common implementation takes this for: do not even try once
            return
        self._begin("firmware", self._update(payload, payload["location"], self._say_firmware, signed=False))

    def update_signed(self, payload: Payload) -> None:
        """SignedUpdateFirmware (security white paper): as above, but what is not signed as it says is not installed."""
        request_id, firmware = payload["requestId"], payload["firmware"]
        self.file_requests.append(("SignedUpdateFirmware", firmware["location"]))
        say = partial(self._say_signed, request_id=request_id)
        self._begin("firmware", self._update(payload, firmware["location"], say, signed=True))

    async def _update(self, payload: Payload, location: str, say: Callable[[str], None], *, signed: bool) -> None:
        behaviour = self._charger.personality.firmware_update
        await self._step()
        say("Downloading")
        image = None if behaviour == "download-fails" else await self._fetched(payload, location)
        await self._step()
        if image is None:
            say("DownloadFailed")
            return
        say("Downloaded")
        await self._step()
        if signed:
            firmware = payload["firmware"]
            genuine = is_signed(image, firmware["signature"], firmware["signingCertificate"])
            if not genuine or behaviour == "refuses-image":
                self._charger.say_security_event("InvalidFirmwareSignature")
                say("InvalidSignature")
                return
            say("SignatureVerified")
            await self._step()
        say("Installing")
        if behaviour == "stuck":
            return
        await self._step()
        version = _version(image, location)
        if version is None or behaviour in _INSTALL_FAILS:
            say("InstallationFailed")
            return
        say("InstallRebooting" if signed else "Installed")
        await self._step()
        if behaviour == "dead":
            self._charger.power_off()
            return
        if behaviour != "old-version":
            self._charger.firmware_version = version
            if self._charger.personality.firmware_forgets:
                self._charger.profiles.held.clear()
        # this task ends with the restart
        self._jobs.pop("firmware", None)
        self._charger.reboot("Reboot")

    async def _fetched(self, payload: Payload, location: str) -> bytes | None:
        for attempt in range(max(1, payload.get("retries") or 0)):
            if attempt:
                await asyncio.sleep(payload.get("retryInterval") or _RETRY_S)
            if not self._speaks(location):
                continue
            with contextlib.suppress(FetchError):
                image = await fetch(location[: self._charger.personality.url_longest or None])
                self.fetched.append(image)
                return image
        return None

    def diagnostics(self, payload: Payload) -> str | None:
        """GetDiagnostics (§6.25): the file's name, or None when there is nothing to upload."""
        self.file_requests.append(("GetDiagnostics", payload["location"]))
        name = f"diagnostics-{self._charger.identity}.log"
        self._begin("diagnostics", self._deliver(payload["location"], name, self._say_diagnostics, "UploadFailed"))
        return name

    def log(self, payload: Payload) -> str:
        """GetLog (security white paper)."""
        request_id, location = payload["requestId"], payload["log"]["remoteLocation"]
        self.file_requests.append(("GetLog", location))
        name = f"{payload['logType']}-{self._charger.identity}.log"
        say = partial(self._say_log, request_id=request_id)
        self._begin("log", self._deliver(location, name, say, "UploadFailure"))
        return name

    async def _deliver(self, location: str, name: str, say: Callable[[str], None], failed: str) -> None:
        await self._step()
        say("Uploading")
        status = failed
        if self._speaks(location):
            text = "".join(f"{self._charger.text_now()} line {number}\n" for number in range(200))
            with contextlib.suppress(FetchError):
                await deliver(location, name, text.encode())
                status = "Uploaded"
        await self._step()
        say(status)

    def _begin(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """One of a kind at a time: a new request ends the one before."""
        before = self._jobs.pop(name, None)
        if before is not None:
            before.cancel()
        self._jobs[name] = asyncio.get_running_loop().create_task(work)

    async def _step(self) -> None:
        await asyncio.sleep(self._charger.personality.file_step_s)

    def _speaks(self, location: str) -> bool:
        """Whether it speaks that protocol."""
        known = self._charger.configuration.text("SupportedFileTransferProtocols")
        return urlsplit(location).scheme.upper() in {one.strip().upper() for one in known.split(",")}

    def say(self, what: str) -> None:
        """The last status of ``firmware``, ``diagnostics`` or ``log``, because it was asked for."""
        if what == "firmware":
            self._say_firmware(self.firmware_status)
        elif what == "diagnostics":
            self._say_diagnostics(self.diagnostics_status)
        else:
            self._say_log(self.log_status, None)

    def _say_firmware(self, status: str) -> None:
        self._firmware_is(status)
        self._charger.calls.add(Outgoing(action="FirmwareStatusNotification", payload={"status": status}))

    def _firmware_is(self, status: str) -> None:
        self.firmware_status = "Idle" if status.endswith("Failed") or status.startswith("Invalid") else status

    def _say_signed(self, status: str, request_id: int) -> None:
        self._firmware_is(status)
        payload = {"status": status, "requestId": request_id}
        self._charger.calls.add(Outgoing(action="SignedFirmwareStatusNotification", payload=payload))

    def _say_diagnostics(self, status: str) -> None:
        self.diagnostics_status = status if status == "Uploading" else "Idle"
        self._charger.calls.add(Outgoing(action="DiagnosticsStatusNotification", payload={"status": status}))

    def _say_log(self, status: str, request_id: int | None) -> None:
        self.log_status = status if status == "Uploading" else "Idle"
        payload: Payload = {"status": status}
        if request_id is not None:
            payload["requestId"] = request_id
        self._charger.calls.add(Outgoing(action="LogStatusNotification", payload=payload))


def _version(image: bytes, location: str) -> str | None:
    """What it will say when it boots with that image: named by its file where the image itself does not say; None: it
    is damaged."""
    try:
        version = version_in(image)
    except BadImageError:
        return None
    name = urlsplit(location).path.rpartition("/")[2]
    return version or name.rpartition(".")[0] or name or "new"
