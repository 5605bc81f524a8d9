"""``firmware``: images for chargers, and who gets them. Each topic is a command of its own behind it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from chargemon_edge.command_line import campaign, image
from chargemon_edge.command_line.verb import Verb

TOPICS = (*image.TOPICS, campaign.VERB)


def _arguments(parser: ArgumentParser) -> None:
    topics = parser.add_subparsers(dest="topic", required=True, metavar="TOPIC")
    for topic in TOPICS:
        of_topic = topics.add_parser(topic.name, help=topic.help)
        topic.arguments(of_topic)
        of_topic.set_defaults(run_topic=topic.run)


def _run(chosen: Namespace) -> int:
    code: int = chosen.run_topic(chosen)
    return code


VERBS = (Verb("firmware", "images for chargers, and campaigns that bring them there", _arguments, _run),)
