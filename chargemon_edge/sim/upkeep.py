"""What a simulated charger does with files: firmware, diagnostics and logs, as chains of statuses. No byte moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from chargemon_edge.sim.calls import Outgoing

if TYPE_CHECKING:
    # the charger holds one of these; this file needs only its type
    from chargemon_edge.sim.charger import Charger

Payload = dict[str, Any]

STEP_S = 5.0
"""From one status to the next."""
_FIRMWARE = {
    "works": ("Downloading", "Downloaded", "Installing", "Installed"),
    "download-fails": ("Downloading", "DownloadFailed"),
    "install-fails": ("Downloading", "Downloaded", "Installing", "InstallationFailed"),
    "stuck": ("Downloading", "Downloaded", "Installing"),
}
_SIGNED = {
    "works": ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"),
    "download-fails": ("Downloading", "DownloadFailed"),
    "install-fails": ("Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallationFailed"),
    "stuck": ("Downloading", "Downloaded", "SignatureVerified", "Installing"),
}
_BAD_SIGNATURE = ("Downloading", "Downloaded", "InvalidSignature")


class Upkeep:
    """The last status of each kind, and what is still to come."""

    def __init__(self, charger: Charger) -> None:
        self._charger = charger
        self.firmware_status = "Idle"
        self.diagnostics_status = "Idle"
        self.log_status = "Idle"
        self.file_requests: list[tuple[str, str]] = []
        """Every (action, location) it was given."""

    def update(self, payload: Payload) -> None:
        """UpdateFirmware (§4.5, §6.19): the statuses, a restart, and then the new version."""
        self.file_requests.append(("UpdateFirmware", payload["location"]))
        if payload.get("retries") == 0:
            # one common implementation takes this for: do not even try once
            return
        statuses = _FIRMWARE[self._charger.personality.firmware_update]
        if not self._reaches(payload["location"]):
            statuses = _FIRMWARE["download-fails"]
        self._chain("firmware", statuses, self._say_firmware)
        if statuses[-1] == "Installed":
            self._restart_after(len(statuses), payload["location"])

    def update_signed(self, payload: Payload) -> None:
        """SignedUpdateFirmware (security white paper): the signature *bad* is one that does not hold."""
        request_id, firmware = payload["requestId"], payload["firmware"]
        self.file_requests.append(("SignedUpdateFirmware", firmware["location"]))
        statuses: tuple[str, ...] = _SIGNED[self._charger.personality.firmware_update]
        if firmware["signature"] == "bad":
            statuses = _BAD_SIGNATURE
            self._charger.say_security_event("InvalidFirmwareSignature")
        self._chain("firmware", statuses, lambda status: self._say_signed(status, request_id))
        if statuses[-1] == "InstallRebooting":
            self._restart_after(len(statuses), firmware["location"])

    def diagnostics(self, payload: Payload) -> str | None:
        """GetDiagnostics (§6.25): the file's name, or None when there is nothing to upload."""
        self.file_requests.append(("GetDiagnostics", payload["location"]))
        good = self._reaches(payload["location"])
        self._chain("diagnostics", ("Uploading", "Uploaded" if good else "UploadFailed"), self._say_diagnostics)
        return f"diagnostics-{self._charger.identity}.log"

    def log(self, payload: Payload) -> str:
        """GetLog (security white paper)."""
        request_id, location = payload["requestId"], payload["log"]["remoteLocation"]
        self.file_requests.append(("GetLog", location))
        statuses = ("Uploading", "Uploaded" if self._reaches(location) else "UploadFailure")
        self._chain("log", statuses, lambda status: self._say_log(status, request_id))
        return f"{payload['logType']}-{self._charger.identity}.log"

    def _reaches(self, location: str) -> bool:
        """Whether it speaks that protocol."""
        known = self._charger.configuration.text("SupportedFileTransferProtocols")
        return urlsplit(location).scheme.upper() in {one.strip().upper() for one in known.split(",")}

    def _chain(self, name: str, statuses: Iterable[str], say: Callable[[str], None]) -> None:
        first = self._charger.personality.answer_delay_s
        for number, status in enumerate(statuses):
            self._charger.timers.after(f"{name} {number}", first + (number + 1) * STEP_S, partial(say, status))

    def _restart_after(self, steps: int, location: str) -> None:
        self._charger.timers.after("new firmware", (steps + 1) * STEP_S, lambda: self._restart(location))

    def _restart(self, location: str) -> None:
        name = urlsplit(location).path.rpartition("/")[2]
        self._charger.firmware_version = name.rpartition(".")[0] or name or "new"
        self.firmware_status = "Idle"
        self._charger.reboot("Reboot")

    def say(self, what: str) -> None:
        """The last status of ``firmware``, ``diagnostics`` or ``log``, because it was asked for."""
        if what == "firmware":
            self._say_firmware(self.firmware_status)
        elif what == "diagnostics":
            self._say_diagnostics(self.diagnostics_status)
        else:
            self._say_log(self.log_status, None)

    def _say_firmware(self, status: str) -> None:
        self.firmware_status = "Idle" if status.endswith("Failed") else status
        self._charger.calls.add(Outgoing(action="FirmwareStatusNotification", payload={"status": status}))

    def _say_signed(self, status: str, request_id: int) -> None:
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
