"""Files over FTP, for chargers that know nothing else: the addresses of HTTP as paths, to fetch or to deliver one file.

Off by default. There is no directory to look into and no account: a path holds its token, user and password are taken
as they come. Passive only: this box never dials where a stranger tells it to. With certificates the session can be
within TLS from its first byte (FTPS) or become so (AUTH TLS, RFC 4217).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Mapping
from functools import partial

from chargemon_edge.firmware.disk import Disk
from chargemon_edge.firmware.ftp_session import FtpSession, Office
from chargemon_edge.firmware.http_side import Desk
from chargemon_edge.firmware.intake import Intake
from chargemon_edge.firmware.sending import Sender
from chargemon_edge.firmware.settings import FilesSettings
from chargemon_edge.firmware.transfers import Transfers
from chargemon_edge.site.file_protocol import FileProtocol

log = logging.getLogger(__name__)

# sessions beside those that transfer
_TALKING = 16
_LINE_BYTES = 1024


class FtpSide:
    """Serves between :meth:`start` and :meth:`stop`, on the ports that the settings name."""

    def __init__(
        self,
        desk: Desk,
        settings: FilesSettings,
        disk: Disk,
        transfers: Transfers,
        sender: Sender,
        intake: Intake,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._settings = settings
        self._tls = tls
        self._office = Office(
            desk=desk,
            disk=disk,
            transfers=transfers,
            sender=sender,
            intake=intake,
            passive_ports=settings.ftp_passive_ports,
            tls=tls,
        )
        self._servers: list[asyncio.Server] = []
        self._sessions: set[asyncio.Task[None]] = set()

    async def start(self, host: str) -> Mapping[FileProtocol, int]:
        """Listen where the settings say; returns the ports. One that cannot be had is told of and left out."""
        wanted: tuple[tuple[FileProtocol, int | None, bool], ...] = (
            ("FTP", self._settings.ftp_port, False),
            ("FTPS", self._settings.ftps_port, True),
        )
        ports: dict[FileProtocol, int] = {}
        for protocol, port, secure in wanted:
            if port is None or (secure and self._tls is None):
                continue
            try:
                server = await asyncio.start_server(
                    partial(self._serve, secure=secure),
                    host,
                    port,
                    limit=_LINE_BYTES,
                    ssl=self._tls if secure else None,
                )
            except OSError as error:
                log.error("%s is not served: cannot listen on %s port %d: %s", protocol, host, port, error)
                continue
            self._servers.append(server)
            ports[protocol] = server.sockets[0].getsockname()[1]
            log.info("listening for charge points on %s:%d (%s)", host, ports[protocol], protocol)
        return ports

    async def stop(self) -> None:
        """End every session."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        sessions = list(self._sessions)
        for session in sessions:
            session.cancel()
        await asyncio.gather(*sessions, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._sessions) >= self._settings.max_transfers + _TALKING:
            writer.write(b"421 too many sessions\r\n")
            writer.close()
            return
        self._sessions.add(task)
        try:
            await FtpSession(self._office, reader, writer, secure=secure).run()
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError) as error:
            log.debug("FTP session ended: %s", type(error).__name__)
        except asyncio.CancelledError:
            # cut by a newer request, a withdrawn ticket or our own end: nobody waits for this task
            pass
        except Exception:
            log.exception("FTP session failed")
        finally:
            self._sessions.discard(task)
            with contextlib.suppress(OSError):
                writer.transport.abort()
