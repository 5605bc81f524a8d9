"""``doctor``: looks at the whole installation. Exit codes of its own: 0 in order, 1 to be looked at, 2 broken."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from chargemon_edge.command_line.serve import DEFAULT_CONFIG
from chargemon_edge.command_line.verb import Verb


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="default: %(default)s")
    parser.add_argument("--socket", default=None, help="the daemon's socket (default: as configured)")
    parser.add_argument("--json", action="store_true", help="for programs")


def _doctor(chosen: Namespace) -> int:
    from chargemon_edge.doctor import report
    from chargemon_edge.doctor.examination import examine
    from chargemon_edge.doctor.finding import State, worst
    from chargemon_edge.doctor.subject import take

    findings = examine(take(chosen.config, chosen.socket))
    print(report.as_json(findings) if chosen.json else report.as_text(findings))
    return {State.OK: 0, State.ATTENTION: 1, State.BROKEN: 2}[worst(findings)]


VERBS = (Verb("doctor", "look at the whole installation, and say what to do", _arguments, _doctor),)
