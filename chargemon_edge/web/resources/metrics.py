"""Figures for a monitoring system, in the text format that Prometheus and its kin read. Names stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chargemon_edge.control.upstream_records import Upstreams, UpstreamStanding
from chargemon_edge.site.token_facts import Role
from chargemon_edge.web.endpoints import Answer, Call, Endpoint, Media, Nothing, Reply
from chargemon_edge.web.shapes import SiteView

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def text(view: SiteView, upstreams: Sequence[UpstreamStanding]) -> str:
    """One line for each figure, with its meaning before it."""
    return "".join(f"{line}\n" for line in (*_site(view), *_upstreams(upstreams, view.at_utc_ms)))


def _site(view: SiteView) -> Iterator[str]:
    configured = [one for one in view.charge_points if one.configured]
    yield from _gauge("uptime_seconds", "Since the daemon was started", [({}, view.uptime_s)])
    yield from _gauge("balancing_armed", "1: limits are sent", [({}, int(view.armed))])
    yield from _gauge("charge_points", "Configured", [({}, len(configured))])
    yield from _gauge("charge_points_connected", "Of those", [({}, sum(one.linked for one in configured))])
    running = sum(one.transaction is not None for one in view.connectors)
    yield from _gauge("transactions_running", "Cars that charge or wait", [({}, running)])
    severities = ("critical", "warning", "notice")
    counts = [({"severity": one}, sum(alarm.severity.value == one for alarm in view.alarms)) for one in severities]
    yield from _gauge("alarms", "What a person should know of", counts)
    good = [({"meter": meter.name}, int(meter.state == "good")) for meter in view.meters]
    yield from _gauge("meter_good", "1: it gives good readings", good)


def _upstreams(upstreams: Sequence[UpstreamStanding], now_utc_ms: int) -> Iterator[str]:
    def each(figure: Callable[[UpstreamStanding], float]) -> list[tuple[dict[str, str], float]]:
        return [({"upstream": one.name}, figure(one)) for one in upstreams]

    def age_s(one: UpstreamStanding) -> float:
        return 0 if one.oldest_utc_ms is None else max(0, now_utc_ms - one.oldest_utc_ms) / 1000

    yield from _gauge("uplink_connected", "1: it is", each(lambda one: int(one.connected)))
    yield from _gauge("uplink_backlog_events", "Events that it does not have yet", each(lambda one: one.backlog))
    yield from _gauge("uplink_oldest_seconds", "Age of the oldest of those, as last looked up", each(age_s))
    yield from _gauge("uplink_connections_total", "Since the start", each(lambda one: one.connections), "counter")
    refused = [
        ({"upstream": one.name, "reason": reason}, count) for one in upstreams for reason, count in one.refused.items()
    ]
    yield from _gauge("uplink_refused_total", "Messages that its broker refused", refused, "counter")
    unheard = each(lambda one: one.without_subscriber)
    yield from _gauge("uplink_without_subscriber_total", "Messages that nobody listened to", unheard, "counter")


def _gauge(
    name: str, meaning: str, values: Sequence[tuple[dict[str, str], float]], kind: str = "gauge"
) -> Iterator[str]:
    if not values:
        return
    yield f"# HELP chargemon_{name} {meaning}"
    yield f"# TYPE chargemon_{name} {kind}"
    for labels, value in values:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"chargemon_{name}{f'{{{inner}}}' if inner else ''} {value:g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Metrics:
    """The handler. *view* makes the site's view anew."""

    def __init__(self, view: Callable[[], SiteView], upstreams: Upstreams) -> None:
        self._view = view
        self._upstreams = upstreams

    async def all(self, _call: Call[Nothing, Nothing]) -> Answer:
        """Everything."""
        return Reply(text(self._view(), self._upstreams.standings()).encode())


def endpoints(metrics: Metrics) -> tuple[Endpoint[Any, Any], ...]:
    """One page."""
    return (
        Endpoint(
            method="GET",
            path="/api/v1/metrics",
            summary="Give figures to a monitoring system, as Prometheus reads them",
            role=Role.VIEWER,
            parameters=Nothing,
            body=Nothing,
            answers={200: Media(_TYPE)},
            handle=metrics.all,
        ),
    )
