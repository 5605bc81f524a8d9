"""The listener for charge points: lets sockets in, within limits, and keeps one live link per identity.

The rule for a second connection (neither "newest wins" nor "oldest wins" is safe): a stranger never disturbs a link; a
peer with the right password has the older link asked for a sign of life, and replaces it only if there is none.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import msgspec

from chargemon_edge.control.failures import source_key
from chargemon_edge.control.ports import AccessRecords, Clock, FileVisits, LinkEnds, Ordinary, QuirksOf, Reception
from chargemon_edge.csms import websocket
from chargemon_edge.csms.arrival import Arrival
from chargemon_edge.csms.connection import Connection
from chargemon_edge.csms.credentials import Credentials, read_credentials
from chargemon_edge.csms.directory import Directory
from chargemon_edge.csms.doorkeeper import Doorkeeper, Question
from chargemon_edge.csms.handshake import Admitted, Refused, RequestHead, too_many
from chargemon_edge.csms.listener import PLAIN_PROFILES, Listener
from chargemon_edge.csms.outgoing import Outgoing
from chargemon_edge.csms.password_checks import PasswordChecks
from chargemon_edge.csms.recorder import Recorder
from chargemon_edge.csms.refusals import RefusalTally
from chargemon_edge.csms.settings import CsmsSettings
from chargemon_edge.csms.throttle import LoginThrottle
from chargemon_edge.csms.trace import named
from chargemon_edge.csms.wire import CLOSE_WAIT_S

_log = logging.getLogger(__name__)

SECOND_CONNECTION = "second connection"
NO_ROOM = "too many sockets"
_RECEIVE_BYTES = 65_536
_BACKLOG = 512
_UNIT = "chargemon-edge.socket"


class _Probe(msgspec.Struct, eq=False):
    """An older link that is being asked for a sign of life, and the newcomer that waits for the outcome."""

    older: Connection
    arrival: Arrival
    admitted: Admitted
    timer: asyncio.TimerHandle


class ChargerServer:
    """Open it with :meth:`start`, end it with :meth:`stop`."""

    def __init__(
        self,
        settings: CsmsSettings,
        reception: Reception,
        directory: Directory,
        clock: Clock,
        *,
        credentials: Credentials | None = None,
        models: QuirksOf | None = None,
        records: AccessRecords | None = None,
        tls: ssl.SSLContext | None = None,
        mutual_tls: ssl.SSLContext | None = None,
        files: FileVisits | None = None,
        inline: bool = False,
    ) -> None:
        """*tls* and *mutual_tls* are needed where the settings name a port for them; *inline*: no threads."""
        self._settings = settings
        self._reception = reception
        self._directory = directory
        self._clock = clock
        self._credentials = credentials
        self._models = models or Ordinary()
        self.recorder = Recorder(clock)
        self._records = records
        self._tls = tls
        self._mutual_tls = mutual_tls
        self._files = files
        self._checks = PasswordChecks(inline=inline)
        # whose passwords are being looked at, by source and identity: one at a time
        self._checking: set[tuple[str, str]] = set()
        self._refusals = RefusalTally()
        self._throttle = LoginThrottle(settings.login_failures, settings.login_window_s)
        self._servers: list[asyncio.Server] = []
        # where it listens, by the names of its listeners
        self.addresses: dict[str, tuple[str, int]] = {}
        self._doorkeeper: Doorkeeper
        self._buffer = bytearray(_RECEIVE_BYTES)
        self._outgoing = Outgoing()
        # sockets that have not logged in, oldest first; and all that have
        self._arrivals: dict[Arrival, None] = {}
        self._connections: set[Connection] = set()
        # the open link of each charge point
        self._links: dict[str, Connection] = {}
        self._probes: dict[str, _Probe] = {}
        # set while the last sockets go
        self._emptied: asyncio.Event | None = None

    # ------------------------------------------------------------ life

    async def start(self, opened: Mapping[str, Sequence[socket.socket]] | None = None) -> tuple[str, int]:
        """Listen; returns the first listener's host and port: the plain one's, where that is on.

        Raises CredentialsError or OSError, with nothing open. *opened*: sockets that systemd has opened, by name
        (:attr:`.listener.Listener.descriptor_name`); they count instead of the settings' host and ports.
        """
        opened = opened or {}
        settings = self._settings
        # a handful of small local files, before anything else runs
        credentials = self._credentials or read_credentials(settings.charge_points)
        self._doorkeeper = self._new_doorkeeper(credentials)
        for one in () if settings.plain else opened.get("chargers", ()):
            _log.warning(
                "the plain listener is off; nobody answers on systemd's socket: systemctl disable --now %s", _UNIT
            )
            one.close()
        try:
            for listener, port in self._listeners():
                await self._listen(listener, port, opened.get(listener.descriptor_name, ()))
        except BaseException:
            await self.stop()
            raise
        return next(iter(self.addresses.values()))

    def _new_doorkeeper(self, credentials: Credentials) -> Doorkeeper:
        return Doorkeeper(
            self._settings.charge_points,
            credentials,
            self._throttle,
            self._models,
            records=self._records,
            checks=self._checks,
        )

    def _listeners(self) -> Iterator[tuple[Listener, int]]:
        settings = self._settings
        if settings.plain:
            yield Listener(name="plain", profiles=PLAIN_PROFILES), settings.port
        if settings.tls_port is not None:
            assert self._tls is not None
            yield Listener(name="tls", profiles=frozenset((2,)), tls=self._tls), settings.tls_port
        if settings.mutual_tls_port is not None:
            assert self._mutual_tls is not None
            yield Listener(name="mutual-tls", profiles=frozenset((3,)), tls=self._mutual_tls), settings.mutual_tls_port

    async def _listen(self, listener: Listener, port: int, opened: Sequence[socket.socket]) -> None:
        loop = asyncio.get_running_loop()
        accept = partial(self._accept, listener)
        servers = [await loop.create_server(accept, sock=one, backlog=_BACKLOG) for one in opened]
        if not servers:
            servers = [await loop.create_server(accept, self._settings.host, port, backlog=_BACKLOG)]
        self._servers += servers
        host, actual = servers[0].sockets[0].getsockname()[:2]
        self.addresses[listener.name] = (str(host), int(actual))
        _log.info("listening for charge points on %s:%d (%s)", host, actual, listener.name)
        if opened and (host, actual) != (self._settings.host, port):
            _log.warning(
                "chargers' address comes from chargemon-edge.socket: %s:%d counts, not host=%s port=%d of [chargers]",
                host,
                actual,
                self._settings.host,
                port,
            )

    def replace(self, settings: CsmsSettings) -> None:
        """Judge whoever comes from now on by *settings*; links stand, but for charge points that are taken out.

        Raises CredentialsError and changes nothing. Host, port and the times that links were told stay as they are.
        """
        credentials = self._credentials or read_credentials(settings.charge_points)
        known = {one.identity for one in self._settings.charge_points}
        self._settings = settings
        self._doorkeeper = self._new_doorkeeper(credentials)
        for identity in known - {one.identity for one in settings.charge_points}:
            connection = self._links.get(identity)
            if connection is not None:
                connection.wire.end("taken out of the configuration", websocket.POLICY)

    def configured_profile(self, identity: str) -> int | None:
        """The security profile in the configuration; None: it is not configured."""
        return next((one.profile for one in self._settings.charge_points if one.identity == identity), None)

    async def stop(self) -> None:
        """Stop listening and close every link with 1001 (going away); returns when all sockets are gone."""
        self._checks.close()
        if not self._servers:
            return
        for server in self._servers:
            server.close()
        for probe in list(self._probes.values()):
            self._end_probe(probe)
        for arrival in list(self._arrivals):
            arrival.transport.abort()
        for connection in list(self._connections):
            if connection.wire.open:
                connection.wire.end("central system stops", websocket.GOING_AWAY)
            else:
                connection.wire.abort()
        self._emptied = asyncio.Event()
        if self._connections or self._arrivals:
            try:
                async with asyncio.timeout(CLOSE_WAIT_S + 1.0):
                    await self._emptied.wait()
            except TimeoutError:
                for connection in list(self._connections):
                    connection.wire.abort()
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()

    def _accept(self, listener: Listener) -> Arrival:
        return Arrival(
            self,
            listener,
            timeout_s=self._settings.handshake_timeout_s,
            max_head_bytes=self._settings.max_request_head_bytes,
        )

    # ------------------------------------------------------------ arrivals (arrival.Gate)

    def arrived(self, arrival: Arrival) -> bool:
        """Room for one more? Whoever has not logged in yet makes room, the oldest first."""
        settings = self._settings
        same = [other for other in self._arrivals if other.source == arrival.source]
        if len(same) >= settings.max_handshakes_per_source:
            self._make_room(same[0])
        elif len(self._arrivals) + len(self._connections) >= settings.max_sockets:
            if not self._arrivals:
                self.refused(
                    arrival, Refused(status=503, why=f"{settings.max_sockets} sockets are open", event=NO_ROOM)
                )
                return False
            self._make_room(next(iter(self._arrivals)))
        self._arrivals[arrival] = None
        return True

    def _make_room(self, oldest: Arrival) -> None:
        self._arrivals.pop(oldest, None)
        oldest.transport.abort()
        self.refused(oldest, Refused(status=503, why="made room for a newer socket", event=NO_ROOM))

    def asked(self, arrival: Arrival, head: RequestHead) -> None:
        """Judge a request head."""
        if self._files is not None and "sec-websocket-key" not in head.headers and self._files.concerns(head.target):
            self._give_away(arrival, self._files)
            return
        now_s = self._clock.monotonic_s()
        verdict = self._doorkeeper.judge(head, now_s, commissioning=self._reception.commissioning())
        if isinstance(verdict, Question):
            self._ask(arrival, verdict)
        else:
            self._answer(arrival, verdict)

    def _give_away(self, arrival: Arrival, files: FileVisits) -> None:
        """It wants a file, not a link: what it may have, whoever serves files decides."""
        if arrival.give_away(files.take):
            self.gone(arrival)
        else:
            why = "too many sockets for files"
            arrival.refuse(Refused(status=503, why=why, event=NO_ROOM, headers=(("Retry-After", "60"),)))

    def _answer(self, arrival: Arrival, verdict: Admitted | Refused) -> None:
        if isinstance(verdict, Refused):
            arrival.refuse(verdict)
        elif not arrival.transport.is_closing():
            self._let_in(arrival, verdict)

    def _ask(self, arrival: Arrival, question: Question) -> None:
        """Have the password looked at; one at a time for each source and identity, so that failures are counted."""
        asking = (source_key(arrival.source), question.access.identity)

        def told(kept: str | None) -> None:
            self._checking.discard(asking)
            self._answer(arrival, self._doorkeeper.answered(question, kept, self._clock.monotonic_s()))

        if asking in self._checking:
            arrival.refuse(too_many(question.access.identity, 0.0))
            return
        self._checking.add(asking)
        if not self._checks.check(question.kept, question.password, told):
            self._checking.discard(asking)
            why = "too many logins wait"
            arrival.refuse(Refused(status=503, why=why, event=NO_ROOM, identity=question.access.identity))

    def refused(self, arrival: Arrival, refusal: Refused) -> None:
        """Tell of it, unless this source is told of often enough."""
        untold = self._refusals.tell(source_key(arrival.source), self._clock.monotonic_s(), repeated=refusal.repeated)
        if untold is None:
            return
        more = f" (and {untold} more from there)" if untold else ""
        _log.warning(
            "refused cp=%s remote=%s status=%d reason=%s%s",
            named(refusal.identity),
            arrival.remote,
            refusal.status,
            ascii(refusal.why),
            more,
        )
        detail = refusal.why if refusal.identity is None else f"{refusal.identity}: {refusal.why}"
        self._safely(lambda: self._reception.noticed(refusal.event, arrival.source, detail + more))

    def gone(self, arrival: Arrival) -> None:
        """Its socket is closed, or now belongs to a connection."""
        self._arrivals.pop(arrival, None)
        for probe in [probe for probe in self._probes.values() if probe.arrival is arrival]:
            self._end_probe(probe)
        self._note_empty()

    # ------------------------------------------------------------ one link per identity

    def _let_in(self, arrival: Arrival, admitted: Admitted) -> None:
        older = self._links.get(admitted.identity)
        if older is None:
            self._open(arrival, admitted)
        elif admitted.identity in self._probes:
            self._refuse_second(arrival, admitted, "while another one waits")
        else:
            wait_s = self._settings.second_connection_wait_s
            timer = asyncio.get_running_loop().call_later(wait_s, self._probed, admitted.identity, False)
            self._probes[admitted.identity] = _Probe(older, arrival, admitted, timer)
            older.wire.challenge(lambda alive: self._probed(admitted.identity, alive))

    def _probed(self, identity: str, alive: bool) -> None:
        """The older link has shown life, or has not in time, or is closed by now."""
        probe = self._probes.get(identity)
        if probe is None:
            return
        self._end_probe(probe)
        if alive:
            self._refuse_second(probe.arrival, probe.admitted, "while the first one is alive")
        elif not probe.arrival.transport.is_closing():
            self._open(probe.arrival, probe.admitted)

    def _end_probe(self, probe: _Probe) -> None:
        probe.timer.cancel()
        probe.older.wire.unchallenge()
        self._probes.pop(probe.admitted.identity, None)

    def _refuse_second(self, arrival: Arrival, admitted: Admitted, why: str) -> None:
        refusal = Refused(
            status=409,
            why=f"a second connection with the right login, {why}",
            event=SECOND_CONNECTION,
            identity=admitted.identity,
        )
        arrival.refuse(refusal)

    def _open(self, arrival: Arrival, admitted: Admitted) -> None:
        early = arrival.hand_over()
        transport, identity = arrival.transport, admitted.identity
        connection = Connection(
            admitted.access,
            arrival.remote,
            transport,
            settings=self._settings,
            reception=self._reception,
            clock=self._clock,
            keeper=self,
            buffer=self._buffer,
            outgoing=self._outgoing,
            quirks=self._models.quirks(identity),
            tape=self.recorder.tape(identity),
            ends=LinkEnds(theirs=arrival.source, ours=_own_host(transport), profile=admitted.profile),
        )
        transport.set_protocol(connection.wire)
        self._connections.add(connection)
        self._arrivals.pop(arrival, None)
        older = self._links.get(identity)
        self._links[identity] = connection
        self._directory.put(identity, connection)
        if older is not None:
            older.wire.end("replaced by a newer connection", None)
            older.wire.abort()
        transport.write(admitted.response())
        _log.info(
            "link opened cp=%s remote=%s profile=%d subprotocol=%s%s",
            named(identity),
            arrival.remote,
            admitted.profile,
            admitted.subprotocol or "none",
            "" if admitted.known else " unknown: let in by the commissioning window",
        )
        self._safely(
            lambda: self._reception.link_opened(
                identity, arrival.remote, known=admitted.known, profile=admitted.profile, key=admitted.key
            )
        )
        connection.wire.feed(early)

    def set_quirks(self, identity: str) -> None:
        """More is known of its model: from now on its link is handled accordingly."""
        connection = self._links.get(identity)
        if connection is not None:
            connection.set_quirks(self._models.quirks(identity))

    # ------------------------------------------------------------ connections (connection.Keeper)

    def link_ended(self, connection: Connection, reason: str) -> None:
        """Forget the link, unless it was replaced: then its successor stands and nothing is reported."""
        identity = connection.identity
        self._directory.remove(identity, connection)
        if self._links.get(identity) is connection:
            del self._links[identity]
            self._safely(lambda: self._reception.link_closed(identity, reason))

    def socket_gone(self, connection: Connection) -> None:
        """Its socket is closed."""
        self._connections.discard(connection)
        self._note_empty()

    def _note_empty(self) -> None:
        if self._emptied is not None and not self._connections and not self._arrivals:
            self._emptied.set()

    def _safely(self, report: Callable[[], None]) -> None:
        """Hand something in; a fault there must not leave a socket half open or half closed."""
        try:
            report()
        except Exception:  # noqa: BLE001 - the edge: the fault is logged with its traceback, the socket's state stays whole
            _log.exception("reception failed")


def _own_host(transport: asyncio.Transport) -> str:
    """The address of ours that was dialled; empty: the socket is gone already."""
    address = transport.get_extra_info("sockname")
    return str(address[0]).partition("%")[0] if address else ""
