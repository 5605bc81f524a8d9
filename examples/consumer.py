"""A consumer of chargemon-edge sites: every event of every site in a database, once, and nothing missing.

    python3 consumer.py broker.example events.db --username archive --password-file secret --ca ca.pem

The database is a file of SQLite, or an address that begins with postgresql:// (needs psycopg). What a broker has
acknowledged to a site, nobody need have stored. What closes that hole is here:

* an event is acknowledged to the broker once it is committed here; its key is (site, ep, s), so twice is once;
* the numbers s of an epoch ep have no holes; ``sys.start`` says where the epoch before has ended, ``status`` the newest
  number there is. What stays missing is asked for: it comes, or a ``gap`` says why not, and stands among the events.
"""

import argparse
import json
import queue
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from paho.mqtt import client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

RETRY_S = 30.0  # an answer that does not come is asked for again
TABLES = (
    # since: the first number that the row accounts for; done: up to there none is missing; last: the highest known of
    "CREATE TABLE IF NOT EXISTS event (site TEXT, ep BIGINT, s BIGINT, since BIGINT, ts TEXT, kind TEXT, cp TEXT,"
    " body TEXT, PRIMARY KEY (site, ep, s))",
    "CREATE TABLE IF NOT EXISTS epoch (site TEXT, ep BIGINT, done BIGINT, last BIGINT, PRIMARY KEY (site, ep))",
)


class Archive:
    """The two tables."""

    def __init__(self, address: str) -> None:
        self._mark = "?"
        if address.startswith("postgresql://"):
            import psycopg

            self.db, self._mark = psycopg.connect(address), "%s"
        else:
            self.db = sqlite3.connect(address, isolation_level="IMMEDIATE")
            self.db.execute("PRAGMA journal_mode = WAL")
        for table in TABLES:
            self.db.execute(table)
        self.db.commit()

    def _sql(self, sql: str, *values: object):
        return self.db.execute(sql.replace("?", self._mark), values)

    def take(self, site: str, topic: str, body: dict) -> None:
        """One message of a site."""
        if topic == "status":
            if head := body.get("streams", {}).get("ev", {}).get("head"):
                self._exists(site, head["ep"], head["s"])
        elif body["k"] == "gap":
            if body["why"] != "not yet":
                self._store(site, body["ep"], body["last"], body["first"], body["ts"], "gap", None, body["why"])
        elif body["k"] != "replay.end":
            ep, s, since, kind = body["ep"], body["s"], body["s"] - body.get("skip", 0), body["k"]
            if kind == "sys.start" and "previous_ep" in body["d"]:
                self._exists(site, before := body["d"]["previous_ep"], end := body["d"]["previous_s"])
                if since < s:  # those passed over before a start belong to the epoch before
                    self._store(site, before, end, end - s + since + 1, body["ts"], "gap", None, "not sent to you")
            self._store(site, ep, s, max(1, since), body["ts"], kind, body.get("cp"), json.dumps(body["d"]))

    def _store(self, site: str, ep: int, s: int, since: int, *rest: object) -> None:
        self._sql("INSERT INTO event VALUES (?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING", site, ep, s, since, *rest)
        self._exists(site, ep, s)

    def _exists(self, site: str, ep: int, s: int) -> None:
        """There is such a number: see how far none is missing."""
        self._sql("INSERT INTO epoch VALUES (?,?,0,0) ON CONFLICT DO NOTHING", site, ep)
        ((done, last),) = self._sql("SELECT done, last FROM epoch WHERE site=? AND ep=?", site, ep).fetchall()
        while (after := self._after(site, ep, done)) is not None and after[1] <= done + 1:
            done = after[0]
        self._sql("UPDATE epoch SET done=?, last=? WHERE site=? AND ep=?", done, max(last, s), site, ep)

    def _after(self, site: str, ep: int, s: int):
        sql = "SELECT s, since FROM event WHERE site=? AND ep=? AND s>? ORDER BY s LIMIT 1"
        return self._sql(sql, site, ep, s).fetchone()

    def holes(self) -> Iterator[tuple[str, int, int, int]]:
        """What is missing, the first hole of each epoch: site, ep, first, last."""
        for site, ep, done, last in self._sql("SELECT site, ep, done, last FROM epoch WHERE done < last").fetchall():
            after = self._after(site, ep, done)
            yield site, ep, done + 1, last if after is None else after[1] - 1


def run(client: mqtt.Client, archive: Archive, incoming: queue.Queue, prefix: str, patience_s: float) -> None:
    """Store what comes, in groups; then let the broker forget it; then ask for what is missing."""
    seen, asked = {}, {}
    while True:
        group = []
        with suppress(queue.Empty):
            group.append(incoming.get(timeout=1.0))
            while len(group) < 500:
                group.append(incoming.get_nowait())
        for message in group:
            site, _, topic = message.topic.removeprefix(f"{prefix}/").partition("/")
            try:
                body = json.loads(message.payload)
                archive.take(site, topic, body)
                if body.get("k") == "replay.end":
                    asked.pop(site, None)
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                print(f"not understood: {message.topic}: {error}")
        archive.db.commit()
        for message in group:
            client.ack(message.mid, message.qos)
        now, holes = time.monotonic(), list(archive.holes())
        seen = {hole: seen.get(hole, now) for hole in holes}
        for site, ep, first, last in holes:
            late = now - seen[site, ep, first, last] >= patience_s
            if late and now - asked.get(site, -RETRY_S) >= RETRY_S:
                asked[site] = now
                wish = {"id": f"archive-{time.time_ns()}", "stream": "ev", "ep": ep, "from": first, "to": last}
                client.publish(f"{prefix}/{site}/in/replay", json.dumps({**wish, "max_rate": 200}), qos=1)


def main() -> None:
    """The command line."""
    options = argparse.ArgumentParser(description="Stores the events of all sites of a broker.")
    for name in ("host", "database", "--username", "--password-file", "--ca"):
        options.add_argument(name)
    for name, usual in (("--port", 8883), ("--prefix", "cm/v1"), ("--client-id", "archive"), ("--patience-s", 5.0)):
        options.add_argument(name, type=type(usual), default=usual)
    given = options.parse_args()
    archive, incoming = Archive(given.database), queue.Queue(10_000)
    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, given.client_id, protocol=mqtt.MQTTv5, manual_ack=True)
    if given.username:
        client.username_pw_set(given.username, Path(given.password_file).read_text().strip())
    if given.ca or given.port == 8883:
        client.tls_set(given.ca)
    topics = [(f"{given.prefix}/+/{topic}", 1) for topic in ("status", "ev", "ev/replay")]
    client.on_connect = lambda *_: client.subscribe(topics)
    client.on_message = lambda _client, _data, message: incoming.put(message)
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 7 * 24 * 3600  # what comes while we are away waits at the broker
    client.connect_async(given.host, given.port, clean_start=False, properties=kept)
    client.loop_start()
    run(client, archive, incoming, given.prefix, given.patience_s)  # what is late may still come by itself


if __name__ == "__main__":
    main()
