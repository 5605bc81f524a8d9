"""A charge point on the PyPI package ``ocpp`` that climbs the security profiles when told to, as a real one would.

It keeps its key, its trusted root and its certificate over its resets, and dials the way its profile demands.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from ocpp.routing import after, on
from ocpp.v16 import ChargePoint as OcppChargePoint
from ocpp.v16 import call, call_result
from ocpp.v16.enums import Action

SERIAL = "SN-0042"


class SecureCharger:
    """Everything that outlives a reset, and the loop that dials."""

    def __init__(self, identity: str, urls: dict[int, str]) -> None:
        self.identity = identity
        # where each security profile is served
        self.urls = urls
        self.profile = 0
        self.password: str | None = None
        # applied at the next connection, as the white paper has it
        self.next_profile = 0
        self.root_pem: str | None = None
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate_pem: str | None = None
        self.logins: list[int] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.refuse: set[str] = set()
        # told where it stands, for tests that strike there
        self.strike: Callable[[str], None] = lambda _point: None
        self.connection: Any = None

    async def run(self) -> None:
        """Dial, serve, dial again."""
        while True:
            with contextlib.suppress(OSError, websockets.WebSocketException):
                async with self.dial(self.profile) as connection:
                    self.connection = connection
                    self.logins.append(self.profile)
                    self.strike("logged in")
                    await _Session(self, connection).start()
            self.profile = self.next_profile
            await asyncio.sleep(0.05)

    def dial(self, profile: int) -> websockets.connect:
        """A connection with what it has for that profile."""
        headers = {}
        if profile in (1, 2) and self.password is not None:
            # the octets that the key spells, as some chargers do
            secret = self.identity.encode() + b":" + bytes.fromhex(self.password)
            headers["Authorization"] = "Basic " + base64.b64encode(secret).decode()
        return websockets.connect(
            f"{self.urls[min(profile, 3)]}/{self.identity}",
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            additional_headers=headers,
            ssl=self.tls(profile),
            proxy=None,
        )

    def tls(self, profile: int) -> ssl.SSLContext | None:
        """Trusts what was installed, shows what was signed."""
        if profile < 2:
            return None
        context = ssl.create_default_context(cadata=self.root_pem)
        if profile == 3 and self.certificate_pem is not None:
            private = self.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "pair.pem"
                file.write_bytes(private + self.certificate_pem.encode())
                context.load_cert_chain(file)
        return context

    def signing_request(self) -> str:
        """Named after its serial number, as the white paper has it."""
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, SERIAL)])
        request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(self.key, hashes.SHA256())
        return request.public_bytes(serialization.Encoding.PEM).decode()


class _Session(OcppChargePoint):  # type: ignore[misc]  # the library is untyped
    def __init__(self, charger: SecureCharger, connection: Any) -> None:
        super().__init__(charger.identity, connection)
        self.charger = charger

    async def start(self) -> None:
        """Boot and serve."""
        booting = asyncio.create_task(self._boot())
        try:
            await super().start()
        finally:
            booting.cancel()

    async def _boot(self) -> None:
        await self.call(
            call.BootNotification(
                charge_point_vendor="Acme", charge_point_model="Post", charge_point_serial_number=SERIAL
            )
        )

    def _answer(self, action: str, told: dict[str, Any]) -> str:
        self.charger.told.append((action, told))
        return "Rejected" if action in self.charger.refuse else "Accepted"

    @on(Action.change_configuration)  # type: ignore[untyped-decorator]  # as above
    async def _set(self, key: str, value: str) -> Any:
        self.charger.strike(f"{key} came")
        status = self._answer(key, {"value": value})
        if status == "Accepted" and key == "AuthorizationKey":
            self.charger.password = value
        elif status == "Accepted" and key == "SecurityProfile":
            self.charger.next_profile = int(value)
        self.charger.strike(f"{key} taken")
        return call_result.ChangeConfiguration(status=status)

    @on(Action.install_certificate)  # type: ignore[untyped-decorator]  # as above
    async def _install(self, certificate_type: str, certificate: str) -> Any:
        status = self._answer("InstallCertificate", {"type": certificate_type})
        if status == "Accepted":
            self.charger.root_pem = certificate
        return call_result.InstallCertificate(status=status)

    @on(Action.extended_trigger_message)  # type: ignore[untyped-decorator]  # as above
    async def _trigger(self, requested_message: str, **rest: Any) -> Any:
        return call_result.ExtendedTriggerMessage(
            status=self._answer("ExtendedTriggerMessage", {"message": requested_message, **rest})
        )

    @after(Action.extended_trigger_message)  # type: ignore[untyped-decorator]  # as above
    async def _sign(self, **_what: Any) -> None:
        if "ExtendedTriggerMessage" not in self.charger.refuse:
            # noted before: the certificate may come in one packet with the answer
            answered: dict[str, Any] = {}
            self.charger.told.append(("SignCertificate", answered))
            answered["status"] = (await self.call(call.SignCertificate(csr=self.charger.signing_request()))).status

    @on(Action.certificate_signed)  # type: ignore[untyped-decorator]  # as above
    async def _signed(self, certificate_chain: str) -> Any:
        status = self._answer("CertificateSigned", {"chain": certificate_chain})
        if status == "Accepted":
            self.charger.certificate_pem = certificate_chain
        return call_result.CertificateSigned(status=status)

    @on(Action.reset)  # type: ignore[untyped-decorator]  # as above
    async def _reset(self, type: str) -> Any:
        return call_result.Reset(status=self._answer("Reset", {"type": type}))

    @after(Action.reset)  # type: ignore[untyped-decorator]  # as above
    async def _restart(self, **_what: Any) -> None:
        await self._connection.close()

    @on(Action.get_configuration)  # type: ignore[untyped-decorator]  # as above
    async def _get(self, **_keys: Any) -> Any:
        return call_result.GetConfiguration(configuration_key=[])

    @on(Action.set_charging_profile)  # type: ignore[untyped-decorator]  # as above
    async def _limit(self, **_profile: Any) -> Any:
        return call_result.SetChargingProfile(status="Accepted")

    @on(Action.clear_charging_profile)  # type: ignore[untyped-decorator]  # as above
    async def _clear(self, **_criteria: Any) -> Any:
        return call_result.ClearChargingProfile(status="Accepted")

    @on(Action.trigger_message)  # type: ignore[untyped-decorator]  # as above
    async def _trigger_message(self, **_what: Any) -> Any:
        return call_result.TriggerMessage(status="NotImplemented")
