"""How fast hits are answered and stored, against servers that keep nothing.

Edge: one worker process on one core, 64 connections that stay open. Each request is an open with
a signed token of its own and the headers of a browser, stored by group commit in a Redis that
writes to disk before it answers. The reference is nginx `empty_gif`, likewise with one process on
that core: it checks nothing and stores nothing. The load comes from wrk on the other core.

Ingest: one process takes packs as the edge makes them out of Redis and stores events, sums and
readers. The reference is PostgreSQL's bare COPY of the same events into a table with the indexes of
tracking_event; beside it, into one without any.

nginx and wrk are Debian packages; without them the first part is left out, and said so.
"""

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

import django
from django.conf import settings
from django.db import connection
from django.utils.timezone import now

if TYPE_CHECKING:
    from tracking.packs import Hit

ROUNDS = 3
SECONDS = 6
CONNECTIONS = 64
TOKENS = 50_000
EVENTS = 600_000
PEOPLE = 100_000
CAMPAIGNS = 4
PACK = 48  # hits; what the edge makes under this load

AGENT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Mobile/15E148"
)
AGENTS = [
    AGENT,
    *(
        f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/{version}.0.0.0 Safari/537.36"
        for version in range(130, 142)
    ),
    *(
        f"Mozilla/5.0 (Linux; Android {version}; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) "
        f"Chrome/141.0.0.0 Mobile Safari/537.36"
        for version in range(11, 16)
    ),
    *(
        f"Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Thunderbird/{version}.0"
        for version in range(115, 145)
    ),
]
LOAD = """
local paths = {{}}
for path in io.lines("{paths}") do paths[#paths + 1] = path end
local i = {seed}
local headers = {{
  ["User-Agent"] = "{agent}", ["Accept"] = "image/*", ["Accept-Language"] = "en-GB,en;q=0.9",
  ["Accept-Encoding"] = "gzip, deflate",
}}
request = function() i = i % #paths + 1; return wrk.format("GET", paths[i], headers) end
"""
NGINX = """
worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx.log; daemon off;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 100000000; client_body_temp_path {folder};
  proxy_temp_path {folder}; fastcgi_temp_path {folder}; uwsgi_temp_path {folder};
  scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; location / {{ empty_gif; }} }}
}}
"""


class Load(NamedTuple):
    """What wrk measured."""

    requests: int
    rate: float  # requests a second
    p50: float  # milliseconds
    p99: float  # milliseconds
    cpu: float  # microseconds of the server's processor time for each request


def main() -> None:
    """Print the ratios of edge and ingest."""
    django.setup()
    settings.TRACKING_STREAM = f"bench:{os.getpid()}"
    wrk, nginx = shutil.which("wrk"), shutil.which("nginx", path="/usr/sbin:" + os.environ["PATH"])
    if wrk and nginx:
        _edge(wrk, nginx)
    else:
        print("LEFT OUT: the edge, because `wrk` and `nginx` are not both installed")
    _ingest()


def _edge(wrk: str, nginx: str) -> None:
    with tempfile.TemporaryDirectory() as name, _stream():
        folder = Path(name)
        folder.chmod(0o755)
        with _nginx(nginx, folder) as reference, _granian(folder) as edge:
            ratios = []
            for number in range(ROUNDS):
                known = _load(wrk, folder, number, *reference)
                _watch_disk()
                ours = _load(wrk, folder, number, *edge)
                waited = _longest_wait()
                _check_stored(ours.requests)
                ratios.append(ours.rate / known.rate)
                _say("nginx empty_gif", known)
                _say("edge", ours)
                print(
                    f"ratio {ratios[-1]:.3f} (by processor time {known.cpu / ours.cpu:.3f}); "
                    f"Redis waited for the disk {waited} at most",
                    flush=True,
                )
        print(f"median ratio of edge to nginx empty_gif: {median(ratios):.3f}")


def _watch_disk() -> None:
    """Let Redis note how long its writes take: no answer of the edge is quicker than one."""
    from tracking import stream

    client: Any = stream.client()
    client.config_set("latency-monitor-threshold", 1)  # milliseconds
    client.execute_command("LATENCY", "RESET")


def _longest_wait() -> str:
    from tracking import stream

    client: Any = stream.client()
    events = client.execute_command("LATENCY", "LATEST")
    client.config_set("latency-monitor-threshold", 0)
    waits = [event[3] for event in events if event[0].startswith(b"aof-")]
    return f"{max(waits)} ms" if waits else "1 ms"


def _say(name: str, load: Load) -> None:
    print(
        f"{name:16} {load.rate:9,.0f} requests/s   p50 {load.p50:5.2f} ms   "
        f"p99 {load.p99:5.2f} ms   {load.cpu:5.1f} us of processor each"
    )


@contextmanager
def _stream() -> Iterator[None]:
    from tracking import stream

    yield
    for key in stream.client().scan_iter(f"{settings.TRACKING_STREAM}*"):
        stream.client().delete(key)


@contextmanager
def _nginx(program: str, folder: Path) -> Iterator[tuple[int, int]]:
    port = _free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port))
    with _running([program, "-c", str(configuration)], port) as process:
        yield port, _worker(process)


@contextmanager
def _granian(folder: Path) -> Iterator[tuple[int, int]]:
    port = _free_port()
    variables = {
        "EDGE_PORT": str(port),
        "EDGE_WORKERS": "1",
        "RUN_DIR": str(folder),
        "TRACKING_STREAM": settings.TRACKING_STREAM,
        "TRACKING_STREAM_LIMIT": "8000",
    }
    with _running([sys.executable, "manage.py", "edge"], port, variables) as process:
        yield port, _worker(process)


@contextmanager
def _running(
    command: list[str], port: int, variables: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **(variables or {})},
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, {0}),  # children inherit it
    )
    try:
        for _ in range(400):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        time.sleep(1)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _worker(process: subprocess.Popen[bytes]) -> int:
    """Return the process that serves: the youngest child."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(children[-1])


def _load(wrk: str, folder: Path, number: int, port: int, worker: int) -> Load:
    from tracking import stream, tokens

    paths, script = folder / "paths", folder / f"load{number}.lua"
    if not paths.exists():
        lines = (f"/o/{tokens.sign_open(7, 1000 + person)}.gif" for person in range(TOKENS))
        paths.write_text("\n".join(lines) + "\n")
    script.write_text(LOAD.format(paths=paths, seed=number * 10_000, agent=AGENT))
    stream.client().delete(settings.TRACKING_STREAM)
    before = _processor_seconds(worker)
    output = subprocess.run(
        [
            *(wrk, "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}", "--latency"),
            *("-s", str(script), f"http://127.0.0.1:{port}"),
        ],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {max(os.sched_getaffinity(0))}),
    ).stdout
    used = _processor_seconds(worker) - before
    if "Non-2xx" in output or "Socket errors" in output:
        raise SystemExit(f"not every request was answered:\n{output}")
    requests = int(_found(r"(\d+) requests in", output))
    return Load(
        requests,
        float(_found(r"Requests/sec:\s+([\d.]+)", output)),
        _milliseconds(_found(r"(?m)^\s+50%\s+(\S+)$", output)),
        _milliseconds(_found(r"(?m)^\s+99%\s+(\S+)$", output)),
        used / requests * 1e6,
    )


def _check_stored(requests: int) -> None:
    """Every answered request has to be in Redis; wrk leaves some unanswered when it ends."""
    from tracking import packs, stream

    stored: dict[Any, int] = {}  # by id: a pack whose answer was late is there twice
    last = "-"
    client: Any = stream.client()  # redis-py's types are those of every shape of answer
    while entries := client.xrange(settings.TRACKING_STREAM, min=last, count=1000):
        for _, fields in entries:
            pack_id, hits = packs.decode(fields[stream.FIELD])
            stored[pack_id] = len(hits)
        last = "(" + entries[-1][0].decode()
    found = sum(stored.values())
    if not requests <= found <= requests + CONNECTIONS:
        raise SystemExit(f"{requests} requests were answered and {found} hits stored")


def _ingest() -> None:
    from tracking import partitions

    with _own_database(), _stream():
        with connection.cursor() as cursor:
            cursor.execute(_PEOPLE, [PEOPLE])
            cursor.execute(_SENT, [CAMPAIGNS, PEOPLE])
            cursor.execute("ANALYZE subscribers_subscriber, newsletter_delivery")
            cursor.execute(_BARE)
        partitions.make_ahead(now())
        hits = _hits()
        ratios = []
        for _ in range(ROUNDS):
            plain, indexed, full = _copy("bare_plain", hits), _copy("bare", hits), _store(hits)
            ratios.append(indexed / full)
            print(
                f"bare COPY {EVENTS / indexed:9,.0f} events/s (without indexes "
                f"{EVENTS / plain:9,.0f})   ingest {EVENTS / full:9,.0f} events/s   "
                f"ratio {ratios[-1]:.3f} ({plain / full:.3f})",
                flush=True,
            )
        print(f"median ratio of ingest to bare COPY: {median(ratios):.3f}")


_MARKS = '{"language":true}'
_PEOPLE = """
INSERT INTO subscribers_subscriber (email, email_key, email_hash, name, attributes, language,
                                    timezone, tracking)
SELECT 'r' || n || '@example.org', 'r' || n || '@example.org', decode(md5(n::text), 'hex'), '',
       '{}', '', '', 'individual'
FROM generate_series(1, %s) n
"""
_BARE = """
CREATE TABLE bare_plain (LIKE tracking_event INCLUDING DEFAULTS);
CREATE TABLE bare (LIKE tracking_event INCLUDING ALL);
"""
_SENT = """
INSERT INTO newsletter_delivery (campaign_id, subscriber_id, status, cause, reason, at)
SELECT campaign_id, subscriber_id, 'sent', '', '', now() - interval '1 hour'
FROM generate_series(1, %s) campaign_id, generate_series(1, %s) subscriber_id
"""
_COPY = (
    "COPY {} (occurred_at, campaign_id, subscriber_id, link_id, kind, network, user_agent, marks, "
    "forward_id, since_sent, verdict, reason, rules) FROM STDIN"
)
_STORED = (
    "tracking_event, tracking_storedpack, tracking_campaigntotal, tracking_campaignhour, "
    "tracking_campaignmoment, tracking_verdicttotal, tracking_linktotal, tracking_forwardtotal, "
    "tracking_reader, tracking_readerlink, tracking_unsettledminute"
)


def _hits() -> "list[Hit]":
    """Return hits as readers make them: an open, and after every fourth a click soon after."""
    from tracking.packs import Hit

    chance = random.Random(9)
    start = int(time.time() * 1000) - EVENTS
    hits = []
    for number in range(EVENTS * 4 // 5):
        campaign, person = chance.randint(1, CAMPAIGNS), chance.randint(1, PEOPLE)
        facts = (f"81.{person % 256}.{person % 199}.0", AGENTS[person % len(AGENTS)], _MARKS)
        hits.append(Hit(1, campaign, person, 0, 0, start + number, *facts))
        if number % 4 == 0:
            link, later = campaign * 8 + chance.randrange(8), chance.randint(1000, 20_000)
            hits.append(Hit(2, campaign, person, 0, link, start + number + later, *facts))
    return sorted(hits, key=lambda hit: hit.at)


@contextmanager
def _own_database() -> Iterator[None]:
    before = connection.settings_dict["NAME"]
    connection.settings_dict["TEST"]["NAME"] = f"{before}_bench"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


def _copy(table: str, hits: "list[Hit]") -> float:
    """Return the seconds that COPY takes for lines that are ready."""
    from datetime import UTC, datetime

    lines = [
        f"{datetime.fromtimestamp(hit.at / 1000, UTC)}\t{hit.campaign_id}\t{hit.subscriber_id}\t"
        f"{hit.link_id}\t{hit.kind}\t{hit.network}\t{hit.user_agent}\t{hit.marks}\t"
        f"0\t3600.125\t2\tagent:mail-program\t1\n"
        for hit in hits
    ]
    chunks = ["".join(lines[start : start + 5000]).encode() for start in range(0, EVENTS, 5000)]
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {table}")
        cursor.execute("CHECKPOINT")
        start = time.perf_counter()
        with cursor.copy(_COPY.format(table)) as copy:
            for chunk in chunks:
                copy.write(chunk)
        return time.perf_counter() - start


def _store(hits: "list[Hit]") -> float:
    """Return the seconds from the first pack in Redis to the last in PostgreSQL."""
    from tracking import ingest, packs, stream

    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {_STORED}")
        cursor.execute("CHECKPOINT")
    stream.client().delete(settings.TRACKING_STREAM)
    stream.create_group()
    for start in range(0, EVENTS, PACK * 500):
        part = hits[start : start + PACK * 500]
        stream.append_all(packs.encode(part[at : at + PACK]) for at in range(0, len(part), PACK))
    stopping = threading.Event()
    thread = threading.Thread(target=ingest.run, args=[stopping])
    begin = time.perf_counter()
    thread.start()
    while stream.backlog().packs:
        time.sleep(0.01)
    took = time.perf_counter() - begin
    stopping.set()
    thread.join()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM tracking_event")
        if (found := cursor.fetchone()[0]) != EVENTS:
            raise SystemExit(f"{EVENTS} events went in and {found} are stored")
    return took


def _processor_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        raise SystemExit(f"wrk did not say what was expected:\n{text}")
    return match[1]


def _milliseconds(text: str) -> float:
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if text.endswith(unit):
            return float(text.removesuffix(unit)) * factor
    raise ValueError(text)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as opened:
        return int(opened.getsockname()[1])


if __name__ == "__main__":
    main()
