"""What the configuration may say about one broker and the operator behind it. Data and its checks; opens nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from chargemon_edge.control.desired import NAMES
from chargemon_edge.upstream import topics
from chargemon_edge.upstream.bodies import SITE_PATTERN
from chargemon_edge.upstream.command_rules import OPERATIONS
from chargemon_edge.upstream.event_kinds import KINDS, passes
from chargemon_edge.upstream.topics import DEFAULT_PREFIX

Pace = Literal["live", "normal", "lte"]


class UpstreamSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One upstream. Ask :func:`mistakes` before using it."""

    name: str
    """How the page, the log and the records call it; its place in the journal hangs on it."""
    host: str
    port: int = 8883
    site: str
    """This site in the topics: small letters, digits, hyphens; each site of a broker needs its own."""
    prefix: str = DEFAULT_PREFIX
    """What all topics begin with."""
    group: str | None = None
    """Of sites that are told a common limit."""
    client_id: str | None = None
    """Unless given ``cm-`` and the site; two boxes with the same throw each other out."""
    tls: bool = True
    ca_file: str | None = None
    """Authorities that the broker's certificate must come from; unless given, those of the machine."""
    certificate_file: str | None = None
    """Our own certificate with its chain, and …"""
    key_file: str | None = None
    """… its key."""
    alpn: str | None = None
    """A protocol to name in the TLS handshake: some brokers share port 443 that way."""
    username: str | None = None
    password_file: str | None = None
    clear_password: bool = False
    """Sends the password also where there is no TLS."""
    keepalive_s: int = 60
    pace: Pace = "normal"
    """How often states and telemetry are sent."""
    retain: bool = True
    """False: for brokers where retained messages are dear; then whoever connects asks for a birth."""
    events: tuple[str, ...] = ("*",)
    """Kinds of events that are sent: ``tx.start``, families like ``tx.*``, or ``*``."""
    state: bool = True
    telemetry: bool = True
    log: bool = False
    """Warnings and errors of the daemon's log, thinned; may be lost."""
    commands: tuple[str, ...] = ()
    """Operations that this upstream may ask for, or ``*``."""
    answers_below: tuple[str, ...] = ()
    """Where a command may ask for its results, too (MQTT 5's response topic): topics below these."""
    desired: tuple[str, ...] = ()
    """What it may want to be: ``config``, ``local_list``, ``firmware``."""
    limit: bool = False
    """It may limit what the whole site draws."""
    failsafe_a: float | None = None
    """What the site may draw on each phase when a limit has run out and no newer one came."""
    failsafe_min_s: int = 7_200
    """For so long, at least."""
    recovery_spread_s: float = 300.0
    """Before it rises again the site waits a random time of at most so long."""
    ramp_a_per_min: float = 20.0
    """Then it rises by so much."""
    retain_until_ack: bool = False
    """Events stay on disk until they are told on ``in/ack`` to be stored, as far as the disk has room for them."""
    hold_if_no_subscriber: bool = False
    """Where the broker says that nobody listens (MQTT 5), events wait."""
    home_assistant: str | None = None
    """The discovery prefix of a Home Assistant on this broker, usually ``homeassistant``: the site, its circuits and
    charge points become devices there."""
    drain_per_s: float = 50.0
    """After an outage so many events are sent in a second, …"""
    drain_spread_s: float = 60.0
    """… beginning after a random time of at most so long."""

    @property
    def identifier(self) -> str:
        """The client id."""
        return self.client_id or f"cm-{self.site}"


def mistakes(settings: UpstreamSettings) -> list[str]:
    """Everything that makes it unusable, one sentence each with a line of advice; empty: sound."""
    return [
        *_name_mistakes(settings),
        *_wish_mistakes(settings),
        *_security_mistakes(settings),
        *_number_mistakes(settings),
    ]


def mistakes_together(upstreams: Sequence[UpstreamSettings]) -> list[str]:
    """What is wrong only because there are several."""
    names = [one.name for one in upstreams]
    wrong = [
        f"upstream {name!r} is defined more than once" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    places = [(one.host, one.port, one.identifier) for one in upstreams]
    wrong += [
        f"two upstreams are on {host} port {port} as {client!r}: the broker would throw them out in turn; "
        "give one a client_id of its own"
        for host, port, client in sorted({place for place in places if places.count(place) > 1})
    ]
    return wrong


def _name_mistakes(settings: UpstreamSettings) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", settings.name):
        yield "name must be 1 to 40 of A-Z a-z 0-9 . _ -"
    if not settings.host:
        yield "host is empty; give the broker's name or address"
    if not 1 <= settings.port <= 65_535:
        yield f"port {settings.port} is not between 1 and 65535; MQTT uses 8883 with TLS and 1883 without"
    if not re.fullmatch(SITE_PATTERN, settings.site):
        yield f"site {settings.site!r} must be 1 to 40 small letters, digits and hyphens: it stands in every topic"
    if not re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,3}", settings.prefix):
        yield f"prefix {settings.prefix!r} must be one to four plain words with slashes between them, like cm/v1"
    if settings.home_assistant is not None and not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", settings.home_assistant):
        yield f"home_assistant {settings.home_assistant!r} must be one plain word, Home Assistant's discovery prefix"
    if settings.home_assistant is not None and not (settings.state and settings.retain):
        yield "home_assistant needs state and retain: its devices show what is retained"
    if settings.group is not None and not re.fullmatch(SITE_PATTERN, settings.group):
        yield f"group {settings.group!r} must be 1 to 40 small letters, digits and hyphens"
    if settings.client_id is not None and not 1 <= len(settings.client_id.encode()) <= 128:
        yield "client_id must be 1 to 128 bytes long"


def _wish_mistakes(settings: UpstreamSettings) -> Iterator[str]:
    for op in settings.commands:
        if op != "*" and op not in OPERATIONS:
            yield f"commands: there is no operation {op!r}; known are {', '.join(OPERATIONS)}, or *"
    for below in settings.answers_below:
        if not re.fullmatch(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+){0,5}", below):
            yield f"answers_below: {below!r} must be plain words with slashes between them, like desk/answers"
        elif topics.lies_below(below, settings.prefix) or topics.lies_below(settings.prefix, below):
            yield f"answers_below: {below!r} has what sites say and hear below it; take another than {settings.prefix}"
    for name in settings.desired:
        if name not in NAMES:
            yield f"desired: {name!r} cannot be desired; known are {', '.join(NAMES)}"
    kinds = [kind for kind, _ in KINDS.values()]
    for wanted in settings.events:
        if not any(passes(kind, (wanted,)) for kind in kinds):
            yield f"events: {wanted!r} lets no kind of event through; docs/mqtt.md lists them"


def _security_mistakes(settings: UpstreamSettings) -> Iterator[str]:
    if (settings.certificate_file is None) != (settings.key_file is None):
        yield "certificate_file and key_file belong together; give both or neither"
    if settings.password_file is not None and settings.username is None:
        yield "password_file is given without username; brokers want both"
    if settings.password_file is not None and not settings.tls and not settings.clear_password:
        yield (
            "the password would be sent in the clear; use tls = true, or on a network of your own clear_password = true"
        )
    if not settings.tls and (settings.certificate_file or settings.ca_file or settings.alpn):
        yield "certificate_file, ca_file and alpn mean nothing with tls = false"


def _number_mistakes(settings: UpstreamSettings) -> Iterator[str]:
    if not 5 <= settings.keepalive_s <= 3_600:
        yield "keepalive_s must be between 5 and 3600; 60 is usual, 240 spares data on mobile networks"
    limited = settings.limit or settings.group is not None
    if limited and settings.failsafe_a is None:
        yield "failsafe_a is missing: it is what the site may draw on each phase when a limit was not renewed"
    if settings.failsafe_a is not None and not 0 <= settings.failsafe_a <= 10_000:
        yield "failsafe_a must be between 0 and 10000"
    if not 0 <= settings.failsafe_min_s <= 86_400:
        yield "failsafe_min_s must be between 0 and 86400"
    if not 0 <= settings.recovery_spread_s <= 3_600:
        yield "recovery_spread_s must be between 0 and 3600"
    if not 0.1 <= settings.ramp_a_per_min <= 10_000:
        yield "ramp_a_per_min must be between 0.1 and 10000"
    if not 0.1 <= settings.drain_per_s <= 100_000:
        yield "drain_per_s must be between 0.1 and 100000; clouds cut off at about 100"
    if not 0 <= settings.drain_spread_s <= 3_600:
        yield "drain_spread_s must be between 0 and 3600"
